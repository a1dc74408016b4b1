# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The overhead governor and the BPF program: stalls, estimates against the truth, time in a hit."""

import json
import os
import subprocess
import time

import programs
import tracers
from report import Table, summary
from snapshots import Parked, stalls
from throughput import HERE


class Stalls:
    """A heartbeat beside goroutines that never rest, while probes come and go around them."""

    name = "stalls"
    title = "How late a goroutine is that wants to run every millisecond, beside a busy ping-pong"

    def __init__(self, options):
        self.options = options

    def run(self, rounds, seconds):
        rows = {"bare": tracers.bare, "conctrace": tracers.conctrace,
                "conctrace, every event": tracers.every_event, "pprof debug=2 once a second":
                tracers.pprof}
        table = Table(f"{self.title}, {rounds} rounds of {2 * seconds} s", "",
                      ["p99 stall ms", "worst stall ms"])
        runs = {row: [] for row in rows}
        with Parked(self.options, 10000, "-busy") as program:
            for _ in range(rounds):
                for row, tracer in rows.items():
                    with tracer(program) as finish:
                        program.report()
                        time.sleep(2 * seconds)
                        runs[row].append(stalls(program))
                        finish()
        for row, done in runs.items():
            table.add(row, **{key: summary([d[key] for d in done]) for key in done[0]})
        return table


class Turns:
    """The worst stall around one attaching and detaching, many times; and of as much time without."""

    name = "turns"
    title = "The worst stall around one attaching and detaching of all probes"
    number = 400
    least_seconds = 0.02

    def __init__(self, options):
        self.options = options

    def run(self, rounds, seconds):
        worst = {"nobody attaches": [], "attach and detach": []}
        took = []
        with Parked(self.options, 10000) as program, tracers.turns(program) as turn:
            for _ in range(self.number):
                worst["attach and detach"].append(self.stall(program, turn, took))
                worst["nobody attaches"].append(
                    self.stall(program, lambda: time.sleep(took[-1]), []))
        table = Table(f"{self.title}, {self.number} times", "",
                      ["median ms", "p99 ms", "worst ms", "took ms"])
        for row, stalled in worst.items():
            ordered = sorted(stalled)
            table.add(row, **{"median ms": ordered[len(ordered) // 2],
                              "p99 ms": ordered[len(ordered) * 99 // 100], "worst ms": ordered[-1]})
        table.rows[-1]["took ms"] = summary([1e3 * seconds for seconds in took])
        return table

    def stall(self, program, work, took):
        """Beats come every millisecond, so a while before and after belongs to it."""
        program.report()
        begin = time.monotonic()
        work()
        took.append(time.monotonic() - begin)
        time.sleep(self.least_seconds)
        return stalls(program)["worst stall ms"]


class Estimates:
    """What the default estimates for the time between two tables, and what the program counted."""

    name, title = "estimates", "Estimates of the default against what the program counted itself"

    def __init__(self, options):
        self.options = options
        self.seconds = options.estimate_seconds

    # Of a workload: the program, the count of ours, and that of its own which says the same. Where
    # its own says it only up to a factor, that is what tracing every event finds.
    WORKLOADS = (("spawn", "spawn_storm", "spawned", "spawned", False),
                 ("ping-pong", "pingpong", "parks", "switches", False),
                 ("mutex", "mutex_contention", "parks", "switches", False),
                 ("http", "http_server", "parks", "requests", True))

    def run(self, rounds, seconds):
        table = Table(f"{self.title}, {self.seconds} s", "",
                      ["estimated/s", "true/s", "off by %", "standard error %", "probes on %"])
        for row, binary, count, own, has_factor in self.WORKLOADS:
            each = 1
            if has_factor:
                each, _ = self.ratio(binary, count, own, 2 * seconds, tracers.every_event)
            share, last = self.ratio(binary, count, own, self.seconds, tracers.conctrace)
            capture = last["capture"]
            table.add(f"{row}: {count}", **{
                "estimated/s": last["rate"] * share, "true/s": last["rate"] * each,
                "off by %": 100 * (share / each - 1),
                "standard error %": 100 * capture["estimate_error"],
                "probes on %": 100 * capture["windows_share"]})
        table.note("True waits of ping-pong and mutex are how often the runtime says that goroutines "
                   "stopped running (/sched/latencies, which follows one in 8); of http the requests "
                   "that the program counted, times the waits a request that tracing every event "
                   "found.")
        return table

    def ratio(self, binary, count, own, seconds, tracer):
        """Ours by the program's own, between two tables."""
        program = programs.Program(os.path.join(self.options.targets, binary))
        load = None
        try:
            program.command("go", "started")
            if program.url:
                load = subprocess.Popen(["wrk", "-t1", "-c32", f"-d{seconds + 60}s", program.url],
                                        stdout=subprocess.DEVNULL)
            time.sleep(0.5)
            options = ["--max-overhead", "none"] if tracer is tracers.every_event else []
            return self.between(program, count, own, seconds, options)
        finally:
            if load:
                load.kill()
                load.wait()
            program.quit()

    @staticmethod
    def between(program, count, own, seconds, options):
        command = [tracers.CONCTRACE, "top", "-i", "1", "-f", "json", "-p", str(program.pid),
                   *options]
        with tracers.ended(subprocess.Popen(command, stdout=subprocess.PIPE, text=True)) as tracer:
            def look():
                document = json.loads(tracer.stdout.readline())
                report = program.report()
                own_count = report.get(own, report.get("rate", report).get(own))
                return document, own_count, time.monotonic()
            look()
            first, own_before, begin = look()
            for _ in range(seconds):
                last, own_now, end = look()
            ours = last["counts"][count] - first["counts"][count]
            truth = own_now - own_before
            return ours / truth, {**last, "rate": truth / (end - begin)}


class Programs:
    """Time in the BPF program a hit, by the kernel's own statistics."""

    name, title = "programs", "Time in the BPF program, by the kernel's statistics"

    def __init__(self, options):
        self.options = options

    def run(self, rounds, seconds):
        table = Table(f"{self.title}, {rounds} rounds of {seconds} s", "",
                      ["hits/s", "ns a hit"])
        for row, binary in (("ping-pong", "pingpong"), ("mutex", "mutex_contention"),
                            ("spawn", "spawn_storm"), ("http", "http_server")):
            done = [self.measure(binary, seconds) for _ in range(rounds)]
            table.add(row, **{key: summary([d[key] for d in done]) for key in done[0]})
        return table

    def measure(self, binary, seconds):
        program = programs.Program(os.path.join(self.options.targets, binary))
        try:
            with tracers.probes(program, "stats") as finish:
                program.command("go", "started")
                if program.url:
                    subprocess.run(["wrk", "-t1", "-c32", f"-d{seconds}s", "-s",
                                    os.path.join(HERE, "wrk_json.lua"), program.url],
                                   check=True, stdout=subprocess.DEVNULL)
                else:
                    time.sleep(seconds)
                own = finish()
        finally:
            program.quit()
        return {"hits/s": own["hits"] / seconds, "ns a hit": own["run_ns"] / max(own["runs"], 1)}
