#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What tracing costs: workloads without a tracer, under conctrace with its default budget and with
every event, and under bpftrace with the same functions probed at their entries. Every round runs each row once, in turn, so that a machine whose
speed drifts does so for all of them; figures are min / median / max over the rounds.

Writes a table to stdout and everything it measured to build/bench.json.
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CONCTRACE = os.path.join(ROOT, "build", "conctrace")
TRACER_START_SECONDS = 30


class Program:
    """A target that obeys the control protocol of tests/targets/internal/ctl."""

    def __init__(self, path, *args):
        self.process = subprocess.Popen(
            [path, *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = None
        while True:
            line = self.read()
            if line.startswith("listening "):
                self.url = line.split()[1]
            if line.startswith("ready "):
                self.pid = int(line.split("pid=")[1].split()[0])
                return

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("the target ended early")
        return line.strip()

    def command(self, word, answer):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        while True:
            line = self.read()
            if re.match(answer, line):
                return line

    def quit(self):
        with contextlib.suppress(Exception):
            self.process.stdin.write("quit\n")
            self.process.stdin.flush()
        with contextlib.suppress(Exception):
            self.process.communicate(timeout=20)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@contextlib.contextmanager
def bare(_pid):
    yield lambda: {}


@contextlib.contextmanager
def conctrace(pid, *options):
    """Traces until the body ends; the body starts once the first table is out."""
    with tempfile.NamedTemporaryFile("w+", prefix="conctrace-bench-") as out:
        tracer = subprocess.Popen(
            [CONCTRACE, "top", "-p", str(pid), "-f", "json", "-i", "1", *options], stdout=out)
        wait_for(lambda: os.path.getsize(out.name) > 0, tracer)
        last = {}

        def finish():
            if tracer.poll() is None:
                tracer.send_signal(signal.SIGINT)
            tracer.wait(timeout=30)
            with open(out.name) as file:
                for line in file:
                    last.update(json.loads(line))
            capture = last["capture"]
            return {"events": capture["events"], "lost": capture["lost"]}
        try:
            yield finish
        finally:
            if tracer.poll() is None:
                tracer.kill()
                tracer.wait()


@contextlib.contextmanager
def bpftrace(pid, path):
    """Counts hits by function at the entries, with stacks left out: the least it can do."""
    functions = ["runtime.gopark", "runtime.ready", "runtime.newproc1", "runtime.goexit0",
                 "runtime.semacquire1"]
    probes = "\n".join(
        f'uprobe:{path}:"{name}" {{ @hits = count(); @by["{name}"] = count(); }}'
        for name in functions)
    script = probes + '\ninterval:ms:200 { printf("{\\"up\\": 1}\\n"); }\n'
    with tempfile.NamedTemporaryFile("w+", prefix="bpftrace-bench-") as out:
        tracer = subprocess.Popen(
            ["bpftrace", "-f", "json", "-p", str(pid), "-e", script],
            stdout=out, stderr=subprocess.DEVNULL)

        def is_up():
            with open(out.name) as file:
                return '"printf"' in file.read()
        wait_for(is_up, tracer)

        def finish():
            tracer.send_signal(signal.SIGINT)
            tracer.wait(timeout=60)
            with open(out.name) as file:
                for line in file:
                    with contextlib.suppress(ValueError):
                        message = json.loads(line)
                        if message.get("type") == "map" and "@hits" in message["data"]:
                            return {"events": message["data"]["@hits"]}
            raise RuntimeError("bpftrace printed no count")
        try:
            yield finish
        finally:
            if tracer.poll() is None:
                tracer.kill()
                tracer.wait()


def wait_for(condition, process):
    deadline = time.monotonic() + TRACER_START_SECONDS
    while not condition():
        if process.poll() is not None:
            raise RuntimeError(f"{process.args[0]} ended with status {process.returncode}")
        if time.monotonic() > deadline:
            raise RuntimeError(f"{process.args[0]} did not start")
        time.sleep(0.02)


def run_rate(path, tracer, seconds):
    """A workload that counts its own operations."""
    program = Program(path)
    try:
        with tracer(program.pid) as finish:
            program.command("go", "started")
            time.sleep(seconds)
            report = json.loads(program.command("report", r"\{"))
            extra = finish()
    finally:
        program.quit()
    own = report.get("rate", report)
    seconds_run = own["duration_ns"] / 1e9
    result = {"rate": own["ops"] / seconds_run}
    if "events" in extra:
        result["events_rate"] = extra["events"] / seconds_run
    return {**result, **{k: v for k, v in extra.items() if k == "lost"}}


def run_http(path, tracer, seconds):
    """net/http under wrk with 32 connections."""
    program = Program(path)
    try:
        with tracer(program.pid) as finish:
            program.command("go", "started")
            output = subprocess.run(
                ["wrk", "-t1", "-c32", f"-d{seconds}s",
                 "-s", os.path.join(ROOT, "tests", "bench", "wrk_json.lua"), program.url],
                check=True, capture_output=True, text=True).stdout
            extra = finish()
    finally:
        program.quit()
    load = json.loads(next(line for line in output.splitlines() if line.startswith("{")))
    if load["errors"]:
        raise RuntimeError(f"wrk saw {load['errors']} errors")
    result = {"rate": load["requests"] * 1e6 / load["duration_us"], "p99_us": load["p99_us"]}
    if "events" in extra:
        result["events_rate"] = extra["events"] * 1e6 / load["duration_us"]
    return {**result, **{k: v for k, v in extra.items() if k == "lost"}}


WORKLOADS = {
    "ping-pong": ("pingpong", run_rate, "round trips/s"),
    "mutex": ("mutex_contention", run_rate, "lock/unlock pairs/s"),
    "spawn": ("spawn_storm", run_rate, "goroutines/s"),
    "http": ("http_server", run_http, "requests/s"),
}


def summary(values):
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}


def show(value):
    return "{min:,.0f} / {median:,.0f} / {max:,.0f}".format(**value)


def measure(name, targets, rounds, seconds):
    binary, run, unit = WORKLOADS[name]
    path = os.path.join(targets, binary)
    rows = {"bare": bare,
            "conctrace": conctrace,
            "conctrace, every event": lambda pid: conctrace(pid, "--max-overhead", "none")}
    if shutil.which("bpftrace"):
        rows["bpftrace at the entries"] = lambda pid: bpftrace(pid, path)
    runs = {row: [] for row in rows}
    for turn in range(rounds):
        for row, tracer in rows.items():
            runs[row].append(run(path, tracer, seconds))
            print(f"{name} {turn + 1}/{rounds} {row}: {runs[row][-1]['rate']:,.0f} {unit}",
                  file=sys.stderr)
    result = {"unit": unit, "rows": {}}
    for row, results in runs.items():
        figures = {key: summary([r[key] for r in results]) for key in results[0]}
        figures["share_of_bare"] = summary(
            [r["rate"] / b["rate"] for r, b in zip(results, runs["bare"])])
        result["rows"][row] = figures
    return result


def print_table(results):
    print("| workload | row | rate: min / median / max | share of bare | events/s | p99 µs | lost |")
    print("|---|---|---|---|---|---|---|")
    for name, result in results.items():
        for row, figures in result["rows"].items():
            share = "{min:.2f} / {median:.2f} / {max:.2f}".format(**figures["share_of_bare"])
            events = show(figures["events_rate"]) if "events_rate" in figures else ""
            p99 = show(figures["p99_us"]) if "p99_us" in figures else ""
            lost = "{max:.0f}".format(**figures["lost"]) if "lost" in figures else ""
            print(f"| {name}, {result['unit']} | {row} | {show(figures['rate'])} | {share} | "
                  f"{events} | {p99} | {lost} |")


def print_ratios(results):
    for name, figure in (("ping-pong", "events_rate"), ("http", "rate")):
        rows = results.get(name, {}).get("rows", {})
        ours, theirs = rows.get("conctrace, every event"), rows.get("bpftrace at the entries")
        if ours and theirs:
            ratio = ours[figure]["median"] / theirs[figure]["median"]
            print(f"\n{name}: conctrace has {ratio:.1f} times bpftrace's "
                  f"{'events/s' if figure == 'events_rate' else 'requests/s'} (medians).")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--targets", default=os.path.join(ROOT, "build", "targets", "1.24"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("workloads", nargs="*", default=[], help=", ".join(WORKLOADS))
    options = parser.parse_args()
    results = {name: measure(name, options.targets, options.rounds, options.seconds)
               for name in options.workloads or WORKLOADS}
    with open(os.path.join(ROOT, "build", "bench.json"), "w") as file:
        json.dump({"kernel": os.uname().release, "cpus": os.cpu_count(), "results": results}, file,
                  indent=1)
    print_table(results)
    print_ratios(results)


if __name__ == "__main__":
    main()
