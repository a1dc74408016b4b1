# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Work a second that a program gets done while it is observed. Every round runs each row once, in
turn, so that a machine whose speed drifts does so for all of them."""

import json
import os
import statistics
import subprocess
import sys
import time

import programs
import tracers
from report import Table, summary

HERE = os.path.dirname(os.path.abspath(__file__))


class Throughput:
    """A workload with its rows; `measure` runs it once and gives its figures."""

    seconds_factor = 1

    def __init__(self, options):
        self.targets = options.targets
        self.rows = {"bare": tracers.bare, "bare again": tracers.bare,
                     "conctrace": tracers.conctrace,
                     "conctrace, every event": tracers.every_event, "floor": tracers.floor}

    def start(self, row):
        raise NotImplementedError

    def load(self, program, seconds):
        """Runs the load and returns figures, with `rate` among them."""
        raise NotImplementedError

    def measure(self, row, seconds):
        program = self.start(row)
        try:
            with self.rows[row](program) as finish:
                begin = time.monotonic()
                figures = self.load(program, seconds)
                took = time.monotonic() - begin
                own = finish()
        finally:
            program.quit()
        if "events" in own:
            figures["events/s"] = own["events"] / took
        return {**figures, **{key: own[key] for key in ("lost",) if key in own}}

    def run(self, rounds, seconds):
        runs = {row: [] for row in self.rows}
        for turn in range(rounds):
            for row, done in runs.items():
                done.append(self.measure(row, seconds))
                print(f"{self.name} {turn + 1}/{rounds} {row}: {done[-1]['rate']:,.0f} {self.unit}",
                      file=sys.stderr)
        return self.table(runs, rounds, seconds)

    def table(self, runs, rounds, seconds):
        table = Table(f"{self.title}: {rounds} rounds of {seconds} s, minimum / median / maximum",
                      "", [self.unit, "share of bare", "events/s", "p99 µs", "lost"])
        for row, done in runs.items():
            figures = {key: summary([d[key] for d in done]) for key in done[0] if key != "lost"}
            figures[self.unit] = figures.pop("rate")
            figures["share of bare"] = summary(
                [d["rate"] / b["rate"] for d, b in zip(done, runs["bare"])])
            if "lost" in done[0]:
                figures["lost"] = max(d["lost"] for d in done)
            table.add(row, **figures)
        self.judge(table, {row: {key: statistics.median(d[key] for d in done) for key in done[0]}
                           for row, done in runs.items()})
        return table

    def judge(self, table, medians):
        shares = {row["name"]: row["share of bare"] for row in table.rows}
        noise = max(abs(shares["bare again"][key] - 1) for key in ("min", "max"))
        table.note(f"By default {100 * (1 - shares['conctrace']['median']):.1f} % of the throughput "
                   f"is lost (median); bare against bare differs by up to {100 * noise:.1f} %.")
        if "floor" in medians:
            table.note("Every event traced takes "
                       f"{medians['floor']['rate'] / medians['conctrace, every event']['rate']:.2f} "
                       "times as long as with empty BPF programs at the same places (the floor).")


class Own(Throughput):
    """A program of tests/targets that counts its own operations."""

    def __init__(self, options):
        super().__init__(options)
        if tracers.has_bpftrace():
            self.rows["bpftrace at the entries"] = tracers.bpftrace

    def start(self, row):
        return programs.Program(os.path.join(self.targets, self.binary))

    def load(self, program, seconds):
        program.command("go", "started")
        time.sleep(seconds)
        report = program.report()
        own = report.get("rate", report)
        return {"rate": own["ops"] / (own["duration_ns"] / 1e9)}

    def judge(self, table, medians):
        super().judge(table, medians)
        theirs = medians.get("bpftrace at the entries")
        if theirs:
            ours = medians["conctrace, every event"]
            table.note(f"conctrace sees {ours['events/s'] / theirs['events/s']:.1f} times as many "
                       "events a second as bpftrace, which only counts them.")


class PingPong(Own):
    name, binary, unit = "ping-pong", "pingpong", "round trips/s"
    title = "Ping-pong over unbuffered channels"


class Mutex(Own):
    name, binary, unit = "mutex", "mutex_contention", "lock/unlock pairs/s"
    title = "A mutex that 8 goroutines want"


class Spawn(Own):
    name, binary, unit = "spawn", "spawn_storm", "goroutines/s"
    title = "go func(){} in a loop"


def wrk(url, seconds, script):
    output = subprocess.run(
        ["wrk", "-t1", "-c32", f"-d{seconds}s", "-s", os.path.join(HERE, script), url],
        check=True, capture_output=True, text=True).stdout
    load = json.loads(next(line for line in output.splitlines() if line.startswith("{")))
    if load["errors"]:
        raise RuntimeError(f"wrk saw {load['errors']} errors")
    return {"rate": load["requests"] * 1e6 / load["duration_us"], "p99 µs": load["p99_us"]}


class Http(Throughput):
    name, unit, title = "http", "requests/s", "net/http under wrk, 32 connections"

    def __init__(self, options):
        super().__init__(options)
        if tracers.has_bpftrace():
            self.rows["bpftrace at the entries"] = tracers.bpftrace
        self.rows["pprof debug=2 once a second"] = tracers.pprof
        if tracers.has_delve():
            self.rows["delve once a second"] = tracers.delve

    def start(self, row):
        with_pprof = ["-http", "127.0.0.1:0", "-rates=false"] if "pprof" in row else []
        return programs.Program(os.path.join(self.targets, "http_server"), *with_pprof)

    def load(self, program, seconds):
        program.command("go", "started")
        return wrk(program.url, seconds, "wrk_json.lua")

    def judge(self, table, medians):
        super().judge(table, medians)
        for row in list(medians)[5:]:
            ratio = medians["conctrace, every event"]["rate"] / medians[row]["rate"]
            table.note(f"With every event traced the server answers {ratio:.1f} times as many "
                       f"requests as under {row}.")


class Etcd(Throughput):
    name, unit, title = "etcd", "puts/s", "etcd of Debian 12, puts by 32 connections"

    def __init__(self, options):
        super().__init__(options)
        del self.rows["floor"]

    def start(self, row):
        return programs.etcd()

    def load(self, program, seconds):
        return wrk(program.url + "/v3/kv/put", seconds, "wrk_put.lua")
