#!/usr/bin/env python3
"""Split points of a model over two agents with a link between them: is the predicted order the measured one?

    sudo python3 benches/fleet/splits.py [--planner target/release/planner] [--splits 3,9,15,21,27] [--report 40s]

Runs `planner lab` once for each split point with the agents in namespaces and a link as `scenarios/lab-link.yaml` has it,
16-bit weights before the cut and 4-bit ones behind it: a later cut keeps more of the model as it was trained and costs
time and memory. Predictions come from this machine's probe, measured once. Prints both, the order of all pairs that
differ by more than the noise of the medians, and the Pareto front (time of a token against layers that keep 16 bits).
Exits with 1 where a front or the order of a clear pair differs.
"""

import argparse
import itertools
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time

LAB = """name: splits
agents: [one, two]
link: {{ rate: 50 Mbit/s, delay: 5 ms, loss: 1 % }}
services:
  - name: chat
    model: smollm2-135m
    activations: 4
    stages:
      - {{ agent: one, layers: {first}, weights: {before} }}
      - {{ agent: two, layers: {second}, weights: {after} }}
"""
LAYERS = 30
ROW = re.compile(r"(TTFT|TPOT|whole) s\s+([0-9.e-]+)\s+([0-9.e-]+)")


def lab(args, first):
    """Predicted and seen, by name, s."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(LAB.format(first=first, second=LAYERS - first, before=args.before, after=args.after))
        file.flush()
        command = [args.planner, "lab", file.name, "--report", args.report]
        command += ["--profile", args.profile]
        run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        text = []
        for line in run.stdout:
            text.append(line)
            if line.startswith("energy:"):
                run.send_signal(signal.SIGINT)
        run.wait()
    rows = {name: (float(predicted), float(seen)) for name, predicted, seen in ROW.findall("".join(text))}
    if len(rows) != 3:
        sys.exit("no report:\n" + "".join(text))
    return rows


def front(points):
    """Places of the points (cost, gain) that no other beats in both."""
    beaten = lambda i: any(
        o[0] <= points[i][0] and o[1] >= points[i][1] and o != points[i] for o in points
    )
    return [i for i in range(len(points)) if not beaten(i)]


def main():
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--planner", default="target/release/planner")
    words.add_argument("--splits", default="3,9,15,21,27")
    words.add_argument("--report", default="40s")
    words.add_argument("--rounds", type=int, default=1, help="medians over so many labs of each split, in turns")
    words.add_argument("--before", default="w16")
    words.add_argument("--after", default="w4")
    words.add_argument("--profile", help="predict from this profile; none: this machine's, by one thread, as each agent has")
    args = words.parse_args()
    if os.geteuid() != 0:
        print("SKIPPED: namespaces for networks need root")
        return 0
    folder = tempfile.TemporaryDirectory()
    if not args.profile:
        args.profile = os.path.join(folder.name, "here.yaml")
        agent = os.path.join(os.path.dirname(args.planner), "agent")
        probe = [agent, "probe", "--quick", "--only", "read,arithmetic,products,overhead", "--threads", "1", "-o", args.profile]
        subprocess.run(probe, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    splits = [int(s) for s in args.splits.split(",")]
    told = {s: [] for s in splits}
    for _ in range(args.rounds):
        for split in splits:
            told[split].append(lab(args, split))
            time.sleep(1)
    middle = {
        s: {n: tuple(statistics.median(r[n][i] for r in rows) for i in (0, 1)) for n in rows[0]} for s, rows in told.items()
    }
    print(f"{'layers before':>13}  " + "  ".join(f"{n + ' s predicted':>16}  {'seen':>8}  {'off':>6}" for n in ("TTFT", "TPOT", "whole")))
    for s in splits:
        cells = []
        for n in ("TTFT", "TPOT", "whole"):
            p, seen = middle[s][n]
            cells.append(f"{p:>16.4f}  {seen:>8.4f}  {100 * (p / seen - 1):>+5.0f}%")
        print(f"{s:>13}  " + "  ".join(cells))
    wrong = 0
    for n in ("TTFT", "TPOT", "whole"):
        same = apart = 0
        for a, b in itertools.combinations(splits, 2):
            (pa, sa), (pb, sb) = middle[a][n], middle[b][n]
            # Closer than this, noise decides which is first.
            if abs(pa / pb - 1) < 0.05:
                continue
            same += (pa < pb) == (sa < sb)
            apart += (pa < pb) != (sa < sb)
        wrong += apart
        print(f"{n}: of {same + apart} pairs that are predicted to differ by more than 5 %, {same} lie in the predicted order")
    fronts = [front([(middle[s]["TPOT"][i], s) for s in splits]) for i in (0, 1)]
    named = [[splits[i] for i in f] for f in fronts]
    print(f"front of TPOT against layers at {args.before}: predicted {named[0]}, seen {named[1]}")
    return 1 if wrong or named[0] != named[1] else 0


if __name__ == "__main__":
    sys.exit(main())
