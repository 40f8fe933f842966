#!/usr/bin/env python3
"""Several clients at once at one device: tokens a second of all, and what each waits between two tokens.

    python3 benches/fleet/clients.py [--planner target/release/planner] [--clients 1,2,4,8] [--seconds 20] [--weights w4]

Runs `planner lab` with one agent and SmolLM2 whole on it, lets so many clients stream answers of 64 tokens one after
another, in rounds of all numbers of clients in turns, and prints medians over the rounds. `--running` is the agent's
limit of requests at the same time: with 1 they wait for each other, which is what batching is compared with.
"""

import argparse
import http.client
import json
import os
import signal
import statistics
import subprocess
import tempfile
import threading
import time

LAB = """name: clients
agents: [one]
threads: {threads}
limits: {{ running: {running}, waiting: 64 }}
services:
  - name: chat
    model: smollm2-135m
    stages: [{{ agent: one, layers: 30, weights: {weights} }}]
"""


def client(address, until, told, seed):
    while time.monotonic() < until:
        body = {"model": "chat", "prompt": f"Story number {seed}: once upon a time", "stream": True, "max_tokens": 64, "temperature": 0.8, "seed": seed}
        link = http.client.HTTPConnection(address, timeout=120)
        link.request("POST", "/v1/completions", json.dumps(body), {"Content-Type": "application/json"})
        answer = link.getresponse()
        assert answer.status == 200, answer.read()
        last = None
        for line in answer:
            if line.startswith(b"data: {"):
                now = time.monotonic()
                told.append((now, now - last if last else None))
                last = now
        link.close()
        seed += 100


def main():
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--planner", default="target/release/planner")
    words.add_argument("--clients", default="1,2,4,8")
    words.add_argument("--seconds", type=float, default=20)
    words.add_argument("--rounds", type=int, default=3)
    words.add_argument("--running", type=int, default=8)
    words.add_argument("--threads", type=int, default=1)
    words.add_argument("--weights", default="w4")
    args = words.parse_args()
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(LAB.format(**vars(args)))
        file.flush()
        lab = subprocess.Popen([args.planner, "lab", file.name, "--no-report"], stdout=subprocess.PIPE, text=True)
        address = None
        for line in lab.stdout:
            if line.startswith("serving on http://"):
                address = line.split("/")[2]
                break
        try:
            counts = [int(n) for n in args.clients.split(",")]
            seen = {n: [] for n in counts}
            for _ in range(args.rounds):
                for n in counts:
                    told, until = [], time.monotonic() + args.seconds
                    began = time.monotonic()
                    threads = [threading.Thread(target=client, args=(address, until, told, i)) for i in range(n)]
                    [t.start() for t in threads]
                    [t.join() for t in threads]
                    within = [gap for at, gap in told if at <= until]
                    gaps = sorted(g for g in within if g is not None)
                    seen[n].append((len(within) / args.seconds, statistics.median(gaps)))
        finally:
            lab.send_signal(signal.SIGINT)
            lab.wait()
    one = statistics.median(r for r, _ in seen[counts[0]])
    print("clients  pieces/s  of the first  between two, ms")
    for n in counts:
        rate, gap = (statistics.median(v[i] for v in seen[n]) for i in (0, 1))
        print(f"{n:>7}  {rate:>8.1f}  {rate / one:>12.2f}  {1e3 * gap:>15.2f}")


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    main()
