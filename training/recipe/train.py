"""Trains one model, or all on the same data and steps: `python -m recipe.train --help`."""

import argparse
import json
import math
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F

from . import corpus
from .model import Llama, Method, Shape
from .models import MODELS, PRESETS, Preset

SEED = 7
WARM = 0.05
DECAY = 0.1


def residual_at(step: int, steps: int) -> float:
    """Sherry's lambda: up to 1 over the first tenth of the steps, then a cosine to 0."""
    warm = steps * 0.1
    if step < warm:
        return step / warm
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / (steps - warm)))


def rate_at(step: int, p: Preset) -> float:
    """Linear warm-up, then a cosine to a fiftieth."""
    warm = p.steps * WARM
    if step < warm:
        return p.rate * (step + 1) / warm
    return p.rate * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * (step - warm) / (p.steps - warm))))


def tokens_of(text: bytes, device: str) -> torch.Tensor:
    return torch.frombuffer(bytearray(text), dtype=torch.uint8).to(device)


@torch.no_grad()
def validate(model: Llama, text: torch.Tensor, width: int, windows: int | None = None) -> float:
    """Mean negative log-likelihood of a byte, nats, by the rule of `agent eval perplexity`: windows of the
    context's length, each alone, bytes after the middle scored."""
    model.eval()
    n = model.s.context
    cut = text[: text.numel() // n * n].view(-1, n)[:windows].long()
    zero = torch.zeros((), device=text.device)
    total = torch.zeros((), dtype=torch.float64, device=text.device)
    for part in cut.split(16):
        logits = model(part, zero, width)[:, n // 2 : -1]
        total += F.cross_entropy(logits.reshape(-1, logits.shape[-1]), part[:, n // 2 + 1 :].reshape(-1), reduction="sum").double()
    model.train()
    return float(total / (cut.shape[0] * (n // 2 - 1)))


def train(name: str, method: Method, p: Preset, data: Path, out: Path, device: str, seed: int = SEED, probe: int | None = None) -> dict:
    """Trains, validates at every width and saves `NAME.pt` and `NAME.json` in `out`."""
    text, held = (tokens_of(t, device) for t in corpus.load(data))
    torch.manual_seed(seed)
    model = Llama(Shape(), method).to(device)
    widths = method.widths or (8,)
    cuda = device == "cuda"

    def loss_of(tokens: torch.Tensor, residual: torch.Tensor) -> torch.Tensor:
        with torch.autocast(device, torch.bfloat16, enabled=cuda):
            losses = [F.cross_entropy(model(tokens[:, :-1], residual, w).flatten(0, 1), tokens[:, 1:].flatten()) for w in widths]
        return sum(losses) / len(losses)

    run = torch.compile(loss_of) if cuda else loss_of
    low = [w for name, w in model.named_parameters() if name.endswith((".down", ".up"))]
    matrices = [w for name, w in model.named_parameters() if w.dim() > 1 and not name.endswith((".down", ".up"))]
    others = [w for name, w in model.named_parameters() if w.dim() <= 1]
    groups = [
        {"params": matrices, "weight_decay": DECAY, "times": 1.0},
        {"params": others, "weight_decay": 0.0, "times": 1.0},
        {"params": low, "weight_decay": DECAY, "times": p.low},
    ]
    optimiser = torch.optim.AdamW(groups, betas=(0.9, 0.95), fused=cuda)
    # The same windows for every model: drawn on the CPU from the seed alone.
    draw = torch.Generator().manual_seed(seed)
    offsets = torch.arange(p.length + 1, device=device)
    residual = torch.zeros((), device=device)
    started, first, curve = time.time(), None, []
    for step in range(p.steps):
        starts = torch.randint(text.numel() - p.length - 1, (p.batch, 1), generator=draw).to(device, non_blocking=True)
        residual.fill_(residual_at(step, p.steps) if p.residual else 0.0)
        for group in optimiser.param_groups:
            group["lr"] = rate_at(step, p) * group["times"]
        loss = run(text[starts + offsets].long(), residual)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        if step % max(1, p.steps // 20) == 0 or step == p.steps - 1:
            if step and first is None:
                first = (step, time.time())
            curve.append([step, round(loss.item(), 4)])
            print(f"{name} step {step} loss {loss.item():.4f} {time.time() - started:.0f} s", flush=True)
        if first is None and step == 10:
            loss.item()
            first = (step, time.time())
    seconds = time.time() - started
    steady = (time.time() - first[1]) / (p.steps - 1 - first[0]) if first and p.steps - 1 > first[0] else seconds / p.steps
    result = {
        "model": name, "kind": method.kind, "widths": widths, "ranks": dict(method.ranks), "steps": p.steps, "batch": p.batch,
        "length": p.length, "rate": p.rate, "seed": seed, "seconds": round(seconds, 1), "seconds_a_step": round(steady, 5),
        "parameters": sum(w.numel() for w in model.parameters()),
        "validation": {str(w): round(validate(model, held, w, probe), 5) for w in widths},
        "curve": curve,
    }  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    torch.save({k: v.cpu() for k, v in model.state_dict().items()}, out / f"{name}.pt")
    (out / f"{name}.json").write_text(json.dumps(result) + "\n")
    print(json.dumps({k: v for k, v in result.items() if k != "curve"}), flush=True)
    return result


def ranks_of(text: str) -> tuple[tuple[str, int], ...]:
    return tuple((name, int(rank)) for name, rank in (part.split("=") for part in text.split(",")))


def main() -> None:
    a = argparse.ArgumentParser(description=__doc__)
    a.add_argument("--model", default="all", help="one of " + ", ".join(MODELS) + "; or all, side by side on a GPU")
    a.add_argument("--preset", choices=PRESETS, default="published")
    a.add_argument("--data", type=Path, default=Path("data"), help="where the text's packages are, or are fetched to")
    a.add_argument("--out", type=Path, default=Path("out"))
    a.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    a.add_argument("--seed", type=int, default=SEED)
    a.add_argument("--steps", type=int, help="instead of the preset's")
    a.add_argument("--rate", type=float, help="instead of the preset's")
    a.add_argument("--ranks", type=ranks_of, help="instead of the hybrid's: ffn_down=16,attn_v=8")
    a.add_argument("--annealed", action="store_true", help="with Sherry's annealed residual path")
    a.add_argument("--low", type=float, help="times the rate: that of the correction")
    a.add_argument("--name", help="of the result [default: the model's]")
    a.add_argument("--probe", type=int, help="validate on so many windows only")
    args = a.parse_args()
    p = PRESETS[args.preset]
    p = replace(p, steps=args.steps or p.steps, rate=args.rate or p.rate, low=args.low or p.low)
    if args.model != "all":
        method = MODELS[args.model]
        if args.ranks:
            method = replace(method, ranks=args.ranks)
        if args.annealed:
            method = replace(method, annealed=True)
        train(args.name or args.model, method, p, args.data, args.out, args.device, args.seed, args.probe)
        return
    corpus.fetch(args.data)
    rest = sys.argv[1:]
    jobs = []
    for name in MODELS:
        job = subprocess.Popen([sys.executable, "-m", "recipe.train", *rest, "--model", name])
        jobs.append(job)
        if args.device == "cpu":
            job.wait()
    if any(job.wait() for job in jobs):
        raise SystemExit("a model was not trained; see above")


if __name__ == "__main__":
    main()
