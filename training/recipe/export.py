"""Writes trained models as GGUF files, and what the trainer's arithmetic says about a few prompts:
`python -m recipe.export --help`."""

import argparse
import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from . import corpus, gguf
from . import quantise as q
from .model import Llama, Shape
from .models import MODELS, PUBLISHED
from .train import tokens_of, validate

WINDOWS = 128
PROMPTS = ["The state of the Union", "Call me Ishmael. Some years ago", "Gentlemen of the Senate and of the House of Representatives:"]
# Logits of the last so many positions of a prompt are kept.
KEPT = 4


def name_of(model: str) -> str:
    return f"wattline-tiny-{model}.gguf"


def sample(held: bytes) -> bytes:
    """Windows of the held-out text, evenly spread, without ends of documents: the text that is committed."""
    n = Shape().context
    windows = [held[i : i + n] for i in range(0, len(held) - n + 1, n)]
    windows = [w for w in windows if corpus.END not in w]
    return b"".join(windows[i * len(windows) // WINDOWS] for i in range(WINDOWS))


def character(byte: int) -> str:
    """GPT-2's printable character of a byte."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    return chr(byte) if byte in printable else chr(256 + sum(b not in printable for b in range(byte)))


def keys(s: Shape, model: str) -> dict:
    what = MODELS[model].kind
    found = {
        "general.architecture": "llama",
        "general.name": f"Wattline tiny, {model}",
        "general.license": "CC0-1.0",
        "llama.block_count": s.layers,
        "llama.embedding_length": s.hidden,
        "llama.feed_forward_length": s.wide,
        "llama.context_length": s.context,
        "llama.attention.head_count": s.heads,
        "llama.attention.head_count_kv": s.kv_heads,
        "llama.attention.key_length": s.head,
        "llama.attention.value_length": s.head,
        "llama.rope.dimension_count": s.head,
        "llama.attention.layer_norm_rms_epsilon": s.eps,
        "llama.rope.freq_base": s.rope_base,
        "llama.vocab_size": s.vocab,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "gpt-2",
        "tokenizer.ggml.tokens": [character(b) for b in range(s.vocab)],
        "tokenizer.ggml.token_type": [1] * s.vocab,
        "tokenizer.ggml.merges": [],
        "tokenizer.ggml.eos_token_id": corpus.END,
        "tokenizer.ggml.add_bos_token": False,
        "wattline.trained_as": what,
    }
    if what == "nested":
        found["wattline.nested.widths"] = sorted(MODELS[model].widths)
    return found


def tensors(model: Llama):
    """Every tensor of the file."""
    kind, s = model.method.kind, model.s
    array = lambda t: t.detach().numpy()
    f32 = lambda name, t: (name, gguf.F32, (t.numel(),), array(t).astype("<f4").tobytes())
    if kind == "full":
        yield "token_embd.weight", gguf.F16, (s.hidden, s.vocab), gguf.f16(array(model.table))
    else:
        codes, scales = map(array, q.q8_codes(model.table))
        yield "token_embd.weight", gguf.Q8_0, (s.hidden, s.vocab), gguf.q8_0(codes, scales)
    yield f32("output_norm.weight", model.output_norm)
    for i, layer in enumerate(model.layers):
        yield f32(f"blk.{i}.attn_norm.weight", layer.attn_norm)
        yield f32(f"blk.{i}.ffn_norm.weight", layer.ffn_norm)
        for name, (rows, cols) in s.matrices().items():
            m, at, shape = getattr(layer, name), f"blk.{i}.{name}", (cols, rows)
            match kind:
                case "full":
                    yield f"{at}.weight", gguf.F16, shape, gguf.f16(array(m.weight))
                case "ternary":
                    yield f"{at}.weight", gguf.TQ2_0, shape, gguf.tq2_0(*map(array, q.ternary_codes(m.weight)))
                case "sherry":
                    yield f"{at}.weight", gguf.STQ1_0, shape, gguf.stq1_0(*map(array, q.sherry_codes(m.weight)))
                case "nested":
                    codes, scales = map(array, q.nested_codes(m.weight))
                    two, four, eight = gguf.nested(codes.reshape(rows, cols))
                    yield f"{at}.nested2", gguf.I8, (cols // 4, rows), two
                    yield f"{at}.nested4", gguf.I8, (cols // 4, rows), four
                    yield f"{at}.nested8", gguf.I8, (cols // 2, rows), eight
                    yield f"{at}.nested_scale", gguf.F16, (cols // q.BLOCK, rows), gguf.f16(scales)
            if m.rank:
                yield f"{at}.low_down", gguf.F16, (cols, m.rank), gguf.f16(array(m.down))
                yield f"{at}.low_up", gguf.F16, (m.rank, rows), gguf.f16(array(m.up))
                yield f32(f"{at}.low_gate", m.gate.reshape(1))


def load(path: Path, name: str) -> Llama:
    """A trained model from its `.pt` and the ranks that its `.json` tells."""
    ranks = json.loads(path.with_suffix(".json").read_text())["ranks"]
    model = Llama(Shape(), replace(MODELS[name], ranks=tuple(ranks.items())))
    model.load_state_dict(torch.load(path, weights_only=True))
    return model.eval()


@torch.no_grad()
def main() -> None:
    a = argparse.ArgumentParser(description=__doc__)
    a.add_argument("--data", type=Path, default=Path("data"))
    a.add_argument("--out", type=Path, default=Path("out"), help="where the trained models are")
    a.add_argument("--models", type=Path, default=Path("models"), help="where the files go")
    args = a.parse_args()
    args.models.mkdir(parents=True, exist_ok=True)
    text = sample(corpus.load(args.data)[1])
    (args.models / "validation.txt").write_bytes(text)
    zero, logits, losses = torch.zeros(()), [], {}
    for name in PUBLISHED:
        model = load(args.out / f"{name}.pt", name)
        gguf.write(args.models / name_of(name), keys(model.s, name), list(tensors(model)))
        for width in model.method.widths or (0,):
            label = f"{name}.w{width}" if width else name
            for i, prompt in enumerate(PROMPTS):
                out = model(tokens_of(prompt.encode(), "cpu").long()[None], zero, width or 8)[0, -KEPT:]
                logits.append((f"{label}.{i}", gguf.F32, (out.shape[1], KEPT), out.numpy().astype("<f4").tobytes()))
            losses[label] = round(validate(model, tokens_of(text, "cpu"), width or 8), 5)
            model.eval()
    gguf.write(args.models / "reference.gguf", {"reference.prompts": PROMPTS}, logits)
    results = {p.stem: json.loads(p.read_text()) for p in sorted(args.out.glob("*.json"))}
    for r in results.values():
        r.pop("curve", None)
    (args.models / "results.json").write_text(json.dumps({"sample_nll": losses, "training": results}, indent=1) + "\n")
    files = sorted(p for p in args.models.iterdir() if p.name != "SHA256SUMS")
    sums = "".join(f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.name}\n" for p in files)
    (args.models / "SHA256SUMS").write_text(sums)


if __name__ == "__main__":
    main()
