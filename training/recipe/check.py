"""Reads the exported files back, as the engine does, and compares with the trainer's logits:
`python -m recipe.check --models models`."""

import argparse
import struct
from pathlib import Path

import numpy as np
import torch

from . import gguf
from . import quantise as q
from .export import KEPT, PROMPTS, name_of
from .model import Llama, Method, Shape
from .models import MODELS, PUBLISHED
from .train import tokens_of

SIZES = {gguf.F32: (1, 4), gguf.F16: (1, 2), gguf.Q8_0: (32, 34), gguf.I8: (1, 1), gguf.TQ2_0: (256, 66), gguf.STQ1_0: (256, 42)}


def read(path: Path) -> dict[str, tuple[int, tuple[int, ...], np.ndarray]]:
    """Type, shape (row length last) and bytes of every tensor."""
    b, at = path.read_bytes(), 24
    count, keys = struct.unpack_from("<QQ", b, 8)

    def take(form: str):
        nonlocal at
        found = struct.unpack_from("<" + form, b, at)
        at += struct.calcsize("<" + form)
        return found[0]

    def skip(kind: int) -> None:
        nonlocal at
        if kind == 9:
            inner, n = take("I"), take("Q")
            for _ in range(n):
                skip(inner)
        else:
            size = take("Q") if kind == 8 else {4: 4, 5: 4, 6: 4, 7: 1}[kind]
            at += size

    def text() -> str:
        nonlocal at
        n = take("Q")
        at += n
        return b[at - n : at].decode()

    for _ in range(keys):
        text()
        skip(take("I"))
    listed = []
    for _ in range(count):
        name = text()
        shape = [take("Q") for _ in range(take("I"))]
        listed.append((name, shape, take("I"), take("Q")))
    start = -(-at // gguf.ALIGNMENT) * gguf.ALIGNMENT
    found = {}
    for name, shape, kind, offset in listed:
        block, size = SIZES[kind]
        n = int(np.prod(shape)) // block * size
        found[name] = (kind, tuple(reversed(shape)), np.frombuffer(b, np.uint8, n, start + offset))
    return found


def scale_of(b: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(b).view("<f2").astype(np.float32)


def weights(kind: int, shape: tuple[int, ...], b: np.ndarray) -> np.ndarray:
    match kind:
        case gguf.F32:
            return b.view("<f4").reshape(shape)
        case gguf.F16:
            return b.view("<f2").astype(np.float32).reshape(shape)
        case gguf.Q8_0:
            b = b.reshape(-1, 34)
            return (b[:, 2:].view(np.int8) * scale_of(b[:, :2])).reshape(shape)
        case gguf.TQ2_0:
            b = b.reshape(-1, 66)
            codes = [b[:, 32 * n : 32 * n + 32] >> (2 * j) & 3 for n in range(2) for j in range(4)]
            return ((np.concatenate(codes, 1) - 1.0) * scale_of(b[:, 64:])).reshape(shape).astype(np.float32)
        case gguf.STQ1_0:
            b = b.reshape(-1, 42)
            out = np.zeros((len(b), 256), np.float32)
            for g in range(64):
                slot, first = b[:, g // 2] >> (4 * (g % 2)) & 15, b[:, 32 + g // 8] >> (g % 8) & 1
                kept, seen = [first, first ^ (slot & 1), first ^ (slot >> 1 & 1)], np.zeros(len(b), int)
                for lane in range(4):
                    value = 1.0 - 2.0 * np.choose(np.minimum(seen, 2), kept)
                    zero = lane == slot >> 2
                    out[:, 64 * (g // 16) + g % 16 + 16 * lane] = np.where(zero, 0, value)
                    seen += ~zero
            return (out * scale_of(b[:, 40:])).reshape(shape)
    raise ValueError(f"type {kind}")


def nested(tensors: dict, name: str, bits: int) -> np.ndarray:
    plane = lambda what: tensors[f"{name}.{what}"][2].reshape(tensors[f"{name}.{what}"][1])
    spread = lambda p, per: np.stack([p >> (8 // per * i) & (2 ** (8 // per) - 1) for i in range(per)], 2).reshape(len(p), -1)
    codes = (spread(plane("nested2"), 4) << 6) | (spread(plane("nested4"), 4) << 4) | spread(plane("nested8"), 2)
    step = 1 << (8 - bits)
    units = np.repeat(weights(*tensors[f"{name}.nested_scale"]), q.BLOCK, 1)
    return (((codes // step + 0.5) * step - 128.0) * units).astype(np.float32)


def moved(tensors: dict[str, np.ndarray]) -> None:
    """The engine's order of dimensions for STQ1_0 (`shuffled.rs`): place 4 g + lane takes what was at g + 16 lane."""
    order = lambda n: np.array([i // 64 * 64 + i % 64 // 4 + 16 * (i % 4) for i in range(n)])
    for name, w in tensors.items():
        part = name.rsplit(".", 2)[-2]
        if w.ndim == 1:
            tensors[name] = w[order(len(w))]
        else:
            rows = part in ("attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
            tensors[name] = w[order(len(w)) if rows else slice(None)][:, order(w.shape[1])]


class Plain(torch.nn.Module):
    """Multiplies by weights that are quantised already."""

    def __init__(self, w, act, low):
        super().__init__()
        self.w, self.act, self.low = w, act, low

    def forward(self, x, residual, width):
        y = self.act(x) @ self.w.T
        if self.low:
            down, up, gate = self.low
            y = y + gate * (x @ down.T @ up.T)
        return y


@torch.no_grad()
def main() -> None:
    a = argparse.ArgumentParser(description=__doc__)
    a.add_argument("--models", type=Path, default=Path("models"))
    folder = a.parse_args().models
    wanted = read(folder / "reference.gguf")
    for name in PUBLISHED:
        method = MODELS[name]
        stored = read(folder / name_of(name))
        for width in method.widths or (0,):
            values = {n: weights(*t) for n, t in stored.items() if t[0] != gguf.I8 and "nested" not in n}
            for n in [n.removesuffix(".nested2") for n in stored if n.endswith(".nested2")]:
                values[f"{n}.weight"] = nested(stored, n, width)
            if method.kind == "sherry":
                moved(values)
            get = lambda n: torch.from_numpy(np.ascontiguousarray(values[n]))
            full = method.kind == "full"
            # Quantising a Q8_0 table again changes nothing.
            model = Llama(Shape(), Method("full" if full else "nested")).eval()
            act = (lambda x: x) if full else q.act_block if width else q.act_token
            model.table.data = get("token_embd.weight")
            model.output_norm.data = get("output_norm.weight")
            for i, layer in enumerate(model.layers):
                layer.attn_norm.data, layer.ffn_norm.data = (get(f"blk.{i}.{n}.weight") for n in ("attn_norm", "ffn_norm"))
                for m in model.s.matrices():
                    at = f"blk.{i}.{m}"
                    low = [get(f"{at}.low_{p}") for p in ("down", "up", "gate")] if f"{at}.low_up" in values else None
                    setattr(layer, m, Plain(get(f"{at}.weight"), act, low))
            worst = 0.0
            for p, prompt in enumerate(PROMPTS):
                reference = weights(*wanted[f"{name}.w{width}.{p}" if width else f"{name}.{p}"])
                found = model(tokens_of(prompt.encode(), "cpu").long()[None], torch.zeros(()), 8)[0, -KEPT:]
                worst = max(worst, float((found - torch.from_numpy(reference.copy())).abs().max()))
            print(f"{name}{f' at {width} bits' if width else ''}: largest difference {worst:.5f}")


if __name__ == "__main__":
    main()
