#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What tracing costs: programs without a tracer, under conctrace with its default budget and with
every event, and under what else there is. Writes build/bench.md (also to stdout) and everything it
measured to build/bench.json. Without names all workloads are run, which takes about a quarter of an
hour."""

import argparse
import json
import os
import sys

from governed import Estimates, Programs, Stalls, Turns
from programs import ROOT
from snapshots import FirstTable, Idle, Leaks, Million, TenThousand
from throughput import Etcd, Http, Mutex, PingPong, Spawn
from timeline import Timeline

WORKLOADS = {workload.name: workload for workload in (
    PingPong, Mutex, Spawn, Http, Etcd, Idle, TenThousand, Million, Leaks, FirstTable, Stalls, Turns,
    Estimates, Programs, Timeline)}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--targets", default=os.path.join(ROOT, "build", "targets", "1.24"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2, help="of a row in a round")
    parser.add_argument("--idle-seconds", type=int, default=20)
    parser.add_argument("--estimate-seconds", type=int, default=30)
    parser.add_argument("--timeline-seconds", type=int, default=60)
    parser.add_argument("--goroutines", type=int, help="instead of the million")
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=", ".join(WORKLOADS))
    options = parser.parse_args()
    unknown = set(options.workloads) - set(WORKLOADS)
    if unknown:
        parser.error(f"no workload {', '.join(sorted(unknown))}; there are {', '.join(WORKLOADS)}")
    tables = []
    for name in options.workloads or WORKLOADS:
        print(f"{name} ...", file=sys.stderr)
        table = WORKLOADS[name](options).run(options.rounds, options.seconds)
        print(table.markdown(), file=sys.stderr)
        tables.append(table)
    machine = f"{os.cpu_count()} CPUs, Linux {os.uname().release}"
    text = f"Measured on {machine}.\n\n" + "\n".join(table.markdown() for table in tables)
    with open(os.path.join(ROOT, "build", "bench.md"), "w", encoding="utf-8") as file:
        file.write(text)
    with open(os.path.join(ROOT, "build", "bench.json"), "w", encoding="utf-8") as file:
        json.dump({"machine": machine, "tables": [table.json() for table in tables]}, file, indent=1)
    print(text)


if __name__ == "__main__":
    main()
