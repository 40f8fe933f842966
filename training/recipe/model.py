"""A small Llama whose matrices are quantised in every forward pass, as the engine runs them."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from . import quantise as q


@dataclass(frozen=True)
class Shape:
    layers: int = 4
    hidden: int = 256
    heads: int = 4
    kv_heads: int = 2
    wide: int = 768
    vocab: int = 256
    context: int = 512
    eps: float = 1e-5
    rope_base: float = 10_000.0

    @property
    def head(self) -> int:
        return self.hidden // self.heads

    def matrices(self) -> dict[str, tuple[int, int]]:
        """(rows, cols) of a layer's matrices, by their names in files."""
        kv = self.kv_heads * self.head
        return {
            "attn_q": (self.hidden, self.hidden),
            "attn_k": (kv, self.hidden),
            "attn_v": (kv, self.hidden),
            "attn_output": (self.hidden, self.hidden),
            "ffn_gate": (self.wide, self.hidden),
            "ffn_up": (self.wide, self.hidden),
            "ffn_down": (self.hidden, self.wide),
        }


@dataclass(frozen=True)
class Method:
    """How the layers' matrices are stored and trained."""

    kind: str  # full, ternary, sherry, nested
    widths: tuple[int, ...] = ()
    # Rank of the gated half-precision correction, by matrix name.
    ranks: tuple[tuple[str, int], ...] = ()
    # Trained with Sherry's annealed residual path.
    annealed: bool = False


class Linear(nn.Module):
    def __init__(self, rows: int, cols: int, method: Method, rank: int, std: float):
        super().__init__()
        self.method = method
        self.weight = nn.Parameter(torch.randn(rows, cols) * std)
        self.rank = rank
        if rank:
            self.down = nn.Parameter(torch.randn(rank, cols) / math.sqrt(cols))
            self.up = nn.Parameter(torch.zeros(rows, rank))
            self.gate = nn.Parameter(torch.ones(()))

    def forward(self, x: torch.Tensor, residual: torch.Tensor, width: int) -> torch.Tensor:
        w, kind = self.weight, self.method.kind
        if kind == "full":
            return F.linear(x, q.through(q.half(w), w))
        if kind == "nested":
            return F.linear(q.act_block(x), q.through(q.nested(w, width), w))
        if kind == "sherry":
            # Arenas: Y = X T a + lambda X W, lambda annealed to 0 (Sherry, section on training).
            return F.linear(q.act_token(x), q.through(q.sherry(w), w) + residual * w)
        wq = q.through(q.ternary(w), w)
        y = F.linear(q.act_token(x), wq + residual * w if self.method.annealed else wq)
        if self.rank:
            low = F.linear(x, q.through(q.half(self.down), self.down))
            y = y + self.gate * F.linear(low, q.through(q.half(self.up), self.up))
        return y


def norm(x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
    x = x.float()
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + eps) * weight


class Layer(nn.Module):
    def __init__(self, s: Shape, method: Method):
        super().__init__()
        self.s = s
        self.attn_norm = nn.Parameter(torch.ones(s.hidden))
        self.ffn_norm = nn.Parameter(torch.ones(s.hidden))
        ranks = dict(method.ranks)
        for name, (rows, cols) in s.matrices().items():
            std = 0.02 / math.sqrt(2 * s.layers) if name in ("attn_output", "ffn_down") else 0.02
            setattr(self, name, Linear(rows, cols, method, ranks.get(name, 0), std))

    def forward(self, x, rope, residual, width):
        s, n = self.s, x.shape[1]
        h = norm(x, self.attn_norm, s.eps)
        heads = lambda y, count: y.view(y.shape[0], n, count, s.head).transpose(1, 2)
        query = rotate(heads(self.attn_q(h, residual, width), s.heads), rope)
        key = rotate(heads(self.attn_k(h, residual, width), s.kv_heads), rope)
        value = heads(self.attn_v(h, residual, width), s.kv_heads)
        if not self.training:
            # The engine's cache holds half precision.
            key, value = q.half(key), q.half(value)
        share = s.heads // s.kv_heads
        key, value = key.repeat_interleave(share, 1), value.repeat_interleave(share, 1)
        y = F.scaled_dot_product_attention(query, key, value.to(query.dtype), is_causal=True)
        x = x + self.attn_output(y.transpose(1, 2).flatten(2).float(), residual, width)
        h = norm(x, self.ffn_norm, s.eps)
        gated = F.silu(self.ffn_gate(h, residual, width).float()) * self.ffn_up(h, residual, width)
        return x + self.ffn_down(gated.float(), residual, width)


def rotate(x: torch.Tensor, rope: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    """Rotary positions over neighbouring pairs, as llama files want them."""
    cos, sin = rope
    a, b = x.float().unflatten(-1, (-1, 2)).unbind(-1)
    return torch.stack((a * cos - b * sin, a * sin + b * cos), -1).flatten(-2)


class Llama(nn.Module):
    """Byte-level: tokens are bytes, the head is the token table."""

    def __init__(self, s: Shape, method: Method):
        super().__init__()
        self.s, self.method = s, method
        self.table = nn.Parameter(torch.randn(s.vocab, s.hidden) * 0.02)
        self.layers = nn.ModuleList(Layer(s, method) for _ in range(s.layers))
        self.output_norm = nn.Parameter(torch.ones(s.hidden))
        angle = torch.arange(s.context)[:, None] * s.rope_base ** (-torch.arange(0, s.head, 2) / s.head)
        self.register_buffer("cos", angle.cos(), persistent=False)
        self.register_buffer("sin", angle.sin(), persistent=False)

    def forward(self, tokens: torch.Tensor, residual: torch.Tensor, width: int = 8) -> torch.Tensor:
        """Logits (batch, n, vocab) of tokens (batch, n). `residual` is Sherry's lambda."""
        full = self.method.kind == "full"
        table = q.through(q.half(self.table) if full else q.q8(self.table), self.table)
        x = F.embedding(tokens, table)
        rope = (self.cos[: tokens.shape[1]], self.sin[: tokens.shape[1]])
        for layer in self.layers:
            x = layer(x, rope, residual, width)
        h = norm(x, self.output_norm, self.s.eps)
        return F.linear(h if full else q.act_block(h), table).float()
