#!/usr/bin/env python3
"""Quality and speed of the models of training/ on this machine, as docs/low-bit-models.md has them.

    python3 benches/lowbit.py [--agent target/release/agent] [--rounds 5] [-t 1] [-n 256] [-p 256]

Loss, perplexity and share of bytes predicted right are `agent eval perplexity` over all of training/models/validation.txt;
speeds are `agent bench`, every model once a round in turns, medians over the rounds with the least and the most, a second of
processor time and by the wall's clock: on a busy machine the first is what a quiet one would show. Shares of the read
bandwidth are of the bandwidth that the same run measured; a model that the caches hold can be above 100 %.
Standard library only.
"""

import argparse
import json
import pathlib
import statistics
import subprocess

MODELS = [("full", "stored"), ("ternary", "stored"), ("ternary", "ternary167"), ("sherry", "stored"), ("hybrid", "stored"),
          ("nested", "w8"), ("nested", "w4"), ("nested", "w2")]
FOLDER = pathlib.Path(__file__).resolve().parent.parent / "training" / "models"


def agent(args, *words):
    command = [args.agent, *words, "-t", str(args.threads), "--format", "json"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def measured(args, name, precision):
    """Quality of one model at one precision."""
    path = str(FOLDER / f"wattline-tiny-{name}.gguf")
    return agent(args, "eval", "perplexity", "-m", path, "--precision", precision, "--text", str(FOLDER / "validation.txt"))


def speed(args, name, precision):
    path = str(FOLDER / f"wattline-tiny-{name}.gguf")
    size = ["-p", str(args.prompt), "-n", str(args.new), "-r", "3"]
    return agent(args, "bench", "-m", path, "--precision", precision, *size)


def spread(rows, key, form):
    values = sorted(row[key] for row in rows)
    return f"{form(statistics.median(values))} ({form(values[0])}–{form(values[-1])})"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agent", default="target/release/agent")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("-t", "--threads", type=int, default=1)
    parser.add_argument("-n", "--new", type=int, default=256)
    parser.add_argument("-p", "--prompt", type=int, default=256)
    args = parser.parse_args()
    quality = [measured(args, *model) for model in MODELS]
    rounds = [[speed(args, *model) for model in MODELS] for _ in range(args.rounds)]
    one = [row for each in rounds for row in each]
    print(f"{args.rounds} rounds in turns, {args.threads} thread(s), prompt {args.prompt}, new {args.new}, kernel {one[0]['kernel']}; "
          f"read bandwidth {statistics.median(r['read_bandwidth'] for r in one) / 1e9:.1f} GB/s\n")
    print("| model | nats a byte | perplexity | next byte right | bits a weight | weights in memory, bytes | read a token, bytes "
          "| decode, tok a CPU-s (range) | share of reading (range) | prompt, tok a CPU-s | decode, tok/s by the wall |")
    print("| --- " * 11 + "|")
    for i, ((name, precision), q) in enumerate(zip(MODELS, quality)):
        rows = [each[i] for each in rounds]
        right = q.get("next_token", {}).get("share")
        cells = [
            f"{name}, {precision}",
            f"{q['mean_nll']:.4f}",
            f"{q['perplexity']:.3f} ± {q['stderr']:.3f}",
            "" if right is None else f"{right:.2%}".replace("%", " %"),
            f"{q['bits_per_weight']:.2f}",
            str(rows[0]["weight_bytes"]),
            str(rows[0]["bytes_per_token"]),
            spread(rows, "decode_tok_cpu_s", lambda x: f"{x:.0f}"),
            spread(rows, "bandwidth_share", lambda x: f"{x * 100:.0f} %"),
            f"{statistics.median(r['prefill_tok_cpu_s'] for r in rows):.0f}",
            f"{statistics.median(r['decode_tok_s'] for r in rows):.0f}",
        ]
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
