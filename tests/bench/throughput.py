# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Work a second that a program gets done while it is observed. A row is measured in pairs: the same
process, bare and observed, one directly after the other, in the other order every other time. What
differs between two processes, or drifts while they run, is in both halves of a pair."""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import time

import programs
import tracers
from report import Table, summary, with_interval

HERE = os.path.dirname(os.path.abspath(__file__))
WARM_UP_SECONDS = 0.5
# Rows whose difference from bare is smaller than what two bare halves of a pair differ by.
PAIRS_A_ROUND = {"bare again": 3, "conctrace": 3}


class Throughput:
    """A workload with its rows; `load` runs it for a while and gives its figures."""

    def __init__(self, options):
        self.targets = options.targets
        self.rows = {"bare again": tracers.bare, "conctrace": tracers.conctrace,
                     "conctrace, every event": tracers.every_event, "floor": tracers.floor}

    def start(self):
        raise NotImplementedError

    def load(self, program, seconds):
        """Runs the load and returns figures, with `rate` among them."""
        raise NotImplementedError

    @contextlib.contextmanager
    def program(self):
        program = self.start()
        try:
            yield program
        finally:
            program.quit()

    def observed(self, program, tracer, seconds):
        with tracer(program) as finish:
            begin = time.monotonic()
            figures = self.load(program, seconds)
            took = time.monotonic() - begin
            own = finish()
        if "events" in own:
            figures["events/s"] = own["events"] / took
        return {**figures, **{key: own[key] for key in ("lost",) if key in own}}

    def pair(self, program, tracer, seconds, bare_first):
        def bare():
            return self.observed(program, tracers.bare, seconds)
        if bare_first:
            return bare(), self.observed(program, tracer, seconds)
        observed = self.observed(program, tracer, seconds)
        return bare(), observed

    def turns(self):
        """The rows of a round; those with several pairs take turns."""
        for again in range(max(PAIRS_A_ROUND.values())):
            yield from (row for row in self.rows if again < PAIRS_A_ROUND.get(row, 1))

    def run(self, rounds, seconds):
        pairs = {row: [] for row in self.rows}
        for turn in range(rounds):
            with self.program() as program:
                for row in self.turns():
                    bare, observed = self.pair(program, self.rows[row], seconds,
                                               len(pairs[row]) % 2 == 0)
                    pairs[row].append((bare, observed))
                    print(f"{self.name} {turn + 1}/{rounds} {row}: {observed['rate']:,.0f} "
                          f"{self.unit}, {observed['rate'] / bare['rate']:.3f} of bare",
                          file=sys.stderr)
        return self.table(pairs, rounds, seconds)

    def table(self, pairs, rounds, seconds):
        table = Table(f"{self.title}: {rounds} rounds of pairs of {seconds} s, "
                      "minimum / median / maximum",
                      "", [self.unit, "share of bare", "events/s", "p99 µs", "lost"])
        runs = {"bare": [bare for row in pairs.values() for bare, _ in row],
                **{row: [observed for _, observed in done] for row, done in pairs.items()}}
        for row, done in runs.items():
            figures = {key: summary([d[key] for d in done]) for key in done[0] if key != "lost"}
            figures[self.unit] = figures.pop("rate")
            if row in pairs:
                figures["share of bare"] = summary(
                    [observed["rate"] / bare["rate"] for bare, observed in pairs[row]])
            if "lost" in done[0]:
                figures["lost"] = max(d["lost"] for d in done)
            table.add(row, **figures)
        lost = {row: [100 * (1 - observed["rate"] / bare["rate"]) for bare, observed in done]
                for row, done in pairs.items()}
        table.note(f"By default {with_interval(lost['conctrace'])} % of the throughput is lost; "
                   f"bare against bare {with_interval(lost['bare again'])} %: medians of "
                   f"{len(lost['conctrace'])} pairs, with their 95 % confidence intervals.")
        self.judge(table, {row["name"]: row["share of bare"]["median"] for row in table.rows
                           if "share of bare" in row},
                   {row: {key: statistics.median(d[key] for d in done) for key in done[0]}
                    for row, done in runs.items()})
        return table

    def judge(self, table, shares, medians):
        if "floor" in shares:
            table.note(f"Every event traced takes {self.times(shares, 'floor'):.2f} times as long "
                       "as with empty BPF programs at the same places (the floor).")

    @staticmethod
    def times(shares, row):
        return shares[row] / shares["conctrace, every event"]


class Own(Throughput):
    """A program of tests/targets that counts its own operations."""

    def __init__(self, options):
        super().__init__(options)
        if tracers.has_bpftrace():
            self.rows["bpftrace at the entries"] = tracers.bpftrace

    def start(self):
        program = programs.Program(os.path.join(self.targets, self.binary))
        program.command("go", "started")
        time.sleep(WARM_UP_SECONDS)
        return program

    def load(self, program, seconds):
        before = self.counted(program)
        time.sleep(seconds)
        after = self.counted(program)
        return {"rate": (after["ops"] - before["ops"]) * 1e9 /
                        (after["duration_ns"] - before["duration_ns"])}

    @staticmethod
    def counted(program):
        report = program.report()
        return report.get("rate", report)

    def judge(self, table, shares, medians):
        super().judge(table, shares, medians)
        theirs = medians.get("bpftrace at the entries")
        if theirs:
            ours = medians["conctrace, every event"]
            table.note(f"conctrace sees {ours['events/s'] / theirs['events/s']:.1f} times as many "
                       "events a second as bpftrace, which only counts them; the floor lets the "
                       f"program run {shares['floor'] / shares['bpftrace at the entries']:.1f} times "
                       "as fast as under bpftrace.")


class PingPong(Own):
    name, binary, unit = "ping-pong", "pingpong", "round trips/s"
    title = "Ping-pong over unbuffered channels"


class Mutex(Own):
    name, binary, unit = "mutex", "mutex_contention", "lock/unlock pairs/s"
    title = "A mutex that 8 goroutines want"

    def judge(self, table, shares, medians):
        super().judge(table, shares, medians)
        table.note("How often they wait for it, and so how many events there are, depends on how long "
                   "things take: untraced they wait for one in a hundred pairs, under probes for up to "
                   "a half. So the rows do not do the same work.")


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

    def start(self):
        program = programs.Program(os.path.join(self.targets, "http_server"), "-http",
                                   "127.0.0.1:0", "-rates=false")
        program.command("go", "started")
        wrk(program.url, 1, "wrk_json.lua")
        return program

    def load(self, program, seconds):
        return wrk(program.url, seconds, "wrk_json.lua")

    def judge(self, table, shares, medians):
        super().judge(table, shares, medians)
        for row in shares.keys() - {"bare again", "conctrace", "conctrace, every event", "floor"}:
            table.note(f"With every event traced the server answers {1 / self.times(shares, row):.1f}"
                       f" times as many requests as under {row}.")
        if "bpftrace at the entries" in shares:
            table.note(f"Untraced it answers {1 / shares['bpftrace at the entries']:.1f} times as "
                       "many as under bpftrace: no tracer can be further ahead of it here.")


class Etcd(Throughput):
    name, unit, title = "etcd", "puts/s", "etcd of Debian 12, puts by 32 connections"

    def __init__(self, options):
        super().__init__(options)
        del self.rows["floor"]

    def start(self):
        service = programs.etcd()
        self.load(service, 1)
        return service

    def load(self, program, seconds):
        return wrk(program.url + "/v3/kv/put", seconds, "wrk_put.lua")
