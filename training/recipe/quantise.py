"""Quantisers as the engine computes them, with straight-through gradients.

Shapes: weights are (rows, cols), activations (..., cols). Every function gives the dequantised tensor; the
`*_codes` functions what a file stores. Scales are rounded to half precision, as files hold them.
"""

import torch

BLOCK = 32


def through(value: torch.Tensor, of: torch.Tensor) -> torch.Tensor:
    """`value` forward, the gradient of `of` backward (Bengio et al. 2013)."""
    return of + (value - of).detach()


def half(x: torch.Tensor) -> torch.Tensor:
    return x.to(torch.float16).to(torch.float32)


def _eight(x: torch.Tensor) -> torch.Tensor:
    top = x.abs().amax(-1, keepdim=True).clamp_min(1e-30)
    return torch.round(x * (127.0 / top)) * (top / 127.0)


def act_token(x: torch.Tensor) -> torch.Tensor:
    """Activations in 8 bits, one scale a token: b1.58's, and the engine's for row-scaled weights."""
    return through(_eight(x), x)


def act_block(x: torch.Tensor) -> torch.Tensor:
    """Activations in 8 bits, one scale for 32 columns: the engine's for block-scaled weights."""
    return through(_eight(x.unflatten(-1, (-1, BLOCK))).flatten(-2), x)


def ternary_codes(w: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Absmean ternary (BitNet b1.58, arXiv 2402.17764), one scale a row: codes -1, 0, 1 and scales (rows, 1)."""
    scale = half(w.abs().mean(1, keepdim=True)).clamp_min(6e-8)
    return torch.round(w / scale).clamp(-1, 1), scale


def ternary(w: torch.Tensor) -> torch.Tensor:
    codes, scale = ternary_codes(w)
    return codes * scale


def quads(w: torch.Tensor) -> torch.Tensor:
    """(rows, cols/4, 4): the four weights, 16 columns apart, that STQ1_0 stores as one pattern."""
    return w.unflatten(1, (-1, 4, 16)).transpose(2, 3).flatten(1, 2)


def unquads(q: torch.Tensor) -> torch.Tensor:
    return q.unflatten(1, (-1, 16)).transpose(2, 3).flatten(1)


def sherry_codes(w: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """3:4 sparse ternary (Sherry, arXiv 2601.07892): of four weights the smallest is 0, of the others the signs
    stay; the scale is the mean magnitude of those kept, here of a row."""
    q = quads(w)
    kept = torch.ones_like(q).scatter_(2, q.abs().argmin(2, keepdim=True), 0.0)
    scale = half((q.abs() * kept).sum((1, 2)) / (q[0].numel() * 0.75)).clamp_min(6e-8)
    signs = torch.where(q < 0, -1.0, 1.0) * kept
    return unquads(signs), scale[:, None]


def sherry(w: torch.Tensor) -> torch.Tensor:
    codes, scale = sherry_codes(w)
    return codes * scale


def nested_codes(w: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Eight-bit codes 0..255 whose leading bits are the narrower models' codes, and the scale of 32 weights.

    A prefix c of b bits stands for (c + 1/2) * 2^(8-b) - 128 units: the middle of all codes that begin so."""
    blocks = w.unflatten(1, (-1, BLOCK))
    scale = half(blocks.abs().amax(2, keepdim=True) / 128.0).clamp_min(6e-8)
    return torch.floor(blocks / scale + 128.0).clamp(0, 255), scale


def nested(w: torch.Tensor, bits: int) -> torch.Tensor:
    codes, scale = nested_codes(w)
    step = float(1 << (8 - bits))
    return (((torch.floor(codes / step) + 0.5) * step - 128.0) * scale).flatten(1)


def q8_codes(w: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """GGUF's Q8_0."""
    blocks = w.unflatten(1, (-1, BLOCK))
    scale = half(blocks.abs().amax(2, keepdim=True) / 127.0).clamp_min(6e-8)
    return torch.round(blocks / scale).clamp(-127, 127), scale


def q8(w: torch.Tensor) -> torch.Tensor:
    codes, scale = q8_codes(w)
    return (codes * scale).flatten(1)
