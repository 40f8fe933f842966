#!/usr/bin/env python3
"""Start-up budgets: `planner --help` below 20 ms, `planner check` of 100 devices below 50 ms.

    python3 benches/startup.py [target/release/planner]

Prints medians of wall and processor milliseconds over 31 runs, and leaves with 1 where processor time is over the
budget: both commands use one thread and wait for nothing, and on a busy machine the wall tells about others. The scenario has 100 devices of ten kinds on ten sites and 50 services, each device written out.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

PROFILES = ["rpi5-8gb", "rpi4-8gb", "orin-nano-8gb-super", "orin-nx-16gb", "agx-orin-64gb", "core-ultra-155h"]
RUNS = 31


def scenario(profiles):
    lines = ["name: hundred", "sites:"]
    lines += [f"  - {{ name: site-{s}, ambient: 22 °C, link: gigabit-ethernet }}" for s in range(10)]
    lines.append("links:")
    lines += [f"  - {{ between: [site-{s}, site-{s + 1}], kind: wifi-6 }}" for s in range(9)]
    lines.append("devices:")
    for d in range(100):
        lines.append(f"  - {{ name: device-{d}, site: site-{d % 10}, profile: {profiles[d % len(profiles)]} }}")
    lines.append("services:")
    for s in range(50):
        lines += [
            f"  - name: service-{s}",
            "    models: [qwen2.5-0.5b, llama-3.2-1b, qwen2.5-1.5b]",
            "    precisions: [w8, w4]",
            "    rate: 20 /h",
            "    prompt: 200 tokens",
            "    answer: 100 tokens",
            f"    origin: device-{s}",
            "    deadline: { percentile: 90 %, ttft: 10 s, tpot: 200 ms }",
        ]
    return "\n".join(lines) + "\nobjective: power\n"


def times(command):
    wall, cpu = [], []
    for _ in range(RUNS + 1):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        start = time.perf_counter()
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        wall.append((time.perf_counter() - start) * 1e3)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu.append((after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e3)
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr.decode()}")
    # The first run may read the program from the disk.
    return wall[1:], cpu[1:]


def main():
    planner = sys.argv[1] if len(sys.argv) > 1 else "target/release/planner"
    planner = os.path.abspath(planner)
    over = False
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "hundred.yaml")
        with open(path, "w", encoding="utf-8") as out:
            out.write(scenario(PROFILES))
        for name, budget, command in [
            ("planner --help", 20, [planner, "--help"]),
            ("planner check, 100 devices", 50, [planner, "check", path]),
        ]:
            wall, cpu = times(command)
            median = statistics.median(cpu)
            over |= median > budget
            print(
                f"{name:<28} processor {median:6.1f} ms ({min(cpu):.1f} to {max(cpu):.1f}), "
                f"wall {statistics.median(wall):6.1f} ms (least {min(wall):.1f}), budget {budget} ms"
            )
    sys.exit(1 if over else 0)


if __name__ == "__main__":
    main()
