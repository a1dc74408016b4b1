# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What it takes to look at many goroutines: time and memory of ours, and stalls of the program's."""

import contextlib
import json
import os
import select
import subprocess
import tempfile
import time

import programs
import tracers
from report import Table, summary
from tracers import CONCTRACE

MIB = 1 << 20
SETTLE_SECONDS = 1
FOUND = 3  # exit status of leaks
STEADY_SECONDS = 2  # from the first table on: what it takes to begin is not what it costs to go on


def timed(command, fine=(0,)):
    """Seconds and the largest resident set of a command. That of its resource usage would be no less
    than that of this program, which it was forked from."""
    begin = time.monotonic()
    peak = 0
    with tracers.ended(subprocess.Popen(command, stdout=subprocess.DEVNULL)) as process:
        while process.poll() is None:
            with contextlib.suppress(OSError, StopIteration):
                peak = max(peak, peak_bytes(process.pid))
            time.sleep(0.001)
        if process.returncode not in fine:
            raise RuntimeError(f"{command[0]} ended with status {process.returncode}")
    return time.monotonic() - begin, peak


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_bytes(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))


class Parked:
    """Goroutines in a channel receive, and one that wants to run every millisecond."""

    def __init__(self, options, number, *more):
        self.program = programs.Program(
            os.path.join(options.targets, "parked"), f"-n={number}", "-http=127.0.0.1:0",
            "-rates=false", *more)

    def __enter__(self):
        time.sleep(SETTLE_SECONDS)
        self.program.report()
        return self.program

    def __exit__(self, *_):
        self.program.process.kill()
        self.program.process.wait()


def stalls(program):
    report = program.report()
    return {"p99 stall ms": report["p99_stall_ns"] / 1e6,
            "worst stall ms": report["worst_stall_ns"] / 1e6}


class Million:
    """1,000,000 goroutines by conctrace and by pprof."""

    name, title = "million", "1,000,000 parked goroutines, every stack, grouped and printed"
    number = 1000000

    def __init__(self, options):
        self.options = options
        self.number = options.goroutines or self.number
        self.title = self.title.replace("1,000,000", f"{self.number:,}")

    def run(self, rounds, seconds):
        table = Table(self.title, "", ["seconds", "worst stall ms", "our memory MiB", "remark"])
        with Parked(self.options, self.number) as program:
            time.sleep(seconds)
            table.add("nobody looks", **stalls(program))
            done = []
            for _ in range(rounds):
                program.report()
                took, memory = timed([CONCTRACE, "tasks", "-p", str(program.pid)])
                done.append((took, stalls(program)["worst stall ms"], memory / MIB))
            columns = [summary(column) for column in zip(*done)]
            table.add("conctrace tasks", **dict(
                zip(("seconds", "worst stall ms", "our memory MiB"), columns)))
            program.report()
            begin = time.monotonic()
            size = tracers.read_pprof(program)
            table.add("pprof debug=2", seconds=time.monotonic() - begin, **{
                "worst stall ms": stalls(program)["worst stall ms"],
                "remark": f"{size / MIB:.0f} MiB, cut off" if size >= 64 * MIB - 4096 else
                          f"{size / MIB:.0f} MiB"})
        return table


class Leaks:
    """A large heap, whose pointers are followed: nothing lost, and a hundred goroutines."""

    name, title = "leaks", "leaks, in a heap of {} MiB with {:,} goroutines"
    heap_mib = 1024

    def __init__(self, options):
        self.number = options.goroutines or 100000
        self.options = options

    def run(self, rounds, seconds):
        table = Table(self.title.format(self.heap_mib, self.number), "",
                      ["seconds", "our CPU seconds", "our memory MiB", "of the heap with pointers",
                       "worst stall ms"])
        for lost in (0, 100):
            with Parked(self.options, self.number, f"-heap={self.heap_mib}",
                        f"-lost={lost}") as program:
                time.sleep(seconds)
                table.add(f"nobody looks, {lost} are lost", **{
                    "worst stall ms": stalls(program)["worst stall ms"]})
                columns = zip(*(self.look(program, lost) for _ in range(rounds)))
                table.add(f"conctrace leaks, {lost} are lost", **dict(
                    zip(table.columns[1:], map(summary, columns))))
        return table

    @staticmethod
    def look(program, lost):
        program.report()
        before = os.times()
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "leaks.json")
            took, memory = timed([CONCTRACE, "leaks", "-f", "json", "-o", path,
                                  "-p", str(program.pid)], (0, FOUND))
            with open(path, encoding="utf-8") as file:
                answer = json.load(file)
        if abs(len(answer["leaked"]) - lost) * 20 > lost:
            raise RuntimeError(f"{len(answer['leaked'])} of {lost} lost goroutines were found")
        after = os.times()
        worked = (after.children_user + after.children_system -
                  before.children_user - before.children_system)
        return (took, worked, memory / MIB, memory / answer["scan"]["heap_scan_bytes"],
                stalls(program)["worst stall ms"])


class TenThousand:
    """10,000 goroutines: one snapshot, and the same by pprof and by delve."""

    name, title = "tenthousand", "10,000 parked goroutines"

    def __init__(self, options):
        self.options = options

    def run(self, rounds, seconds):
        table = Table(self.title, "", ["milliseconds", "worst stall ms", "our memory MiB"])
        with Parked(self.options, 10000) as program:
            time.sleep(seconds)
            table.add("nobody looks", **stalls(program))
            self.ours(table, program, rounds)
            ways = {"pprof debug=2": tracers.read_pprof}
            if tracers.has_delve():
                ways["delve"] = tracers.delve_once
            for row, look in ways.items():
                program.report()
                begin = time.monotonic()
                look(program)
                table.add(row, milliseconds=1000 * (time.monotonic() - begin),
                          **{"worst stall ms": stalls(program)["worst stall ms"]})
        return table

    @staticmethod
    def ours(table, program, rounds):
        whole, attached = [], []
        for _ in range(rounds):
            program.report()
            took, memory = timed([CONCTRACE, "tasks", "-p", str(program.pid)])
            whole.append((1000 * took, stalls(program)["worst stall ms"], memory / MIB))
            answer = subprocess.run([CONCTRACE, "tasks", "-f", "json", "-p", str(program.pid)],
                                    check=True, capture_output=True).stdout
            attached.append(json.loads(answer)["capture"]["snapshot_ns"] / 1e6)
        columns = [summary(column) for column in zip(*whole)]
        table.add("conctrace tasks, the whole command", **dict(
            zip(("milliseconds", "worst stall ms", "our memory MiB"), columns)))
        table.add("of that the snapshot, once attached", milliseconds=summary(attached))


class Idle:
    """10,000 parked goroutines, looked at once a second: what that costs us."""

    name, title = "idle", "An idle service with 10,000 goroutines, observed once a second"

    def __init__(self, options):
        self.options = options
        self.seconds = options.idle_seconds

    def run(self, rounds, seconds):
        table = Table(f"{self.title}, {self.seconds} s", "",
                      ["our CPU % of a core", "CPU ms to start", "our memory MiB",
                       "worst stall ms"])
        with Parked(self.options, 10000) as program:
            time.sleep(seconds)
            table.add("nobody looks", **{
                "worst stall ms": stalls(program)["worst stall ms"]})
            for row, more in (("conctrace top", []),
                              ("conctrace top --no-probes", ["--no-probes"])):
                self.observe(table, program, row, more)
        return table

    def observe(self, table, program, row, more):
        command = [CONCTRACE, "top", "-i", "1", "-f", "json", "-p", str(program.pid), *more]
        with tracers.ended(subprocess.Popen(command, stdout=subprocess.PIPE)) as tracer:
            tracer.stdout.readline()
            self.read_for(tracer, STEADY_SECONDS)
            program.report()
            begin, before = time.monotonic(), cpu_seconds(tracer.pid)
            self.read_for(tracer, self.seconds)
            took = time.monotonic() - begin
            table.add(row, **{
                "our CPU % of a core": 100 * (cpu_seconds(tracer.pid) - before) / took,
                "CPU ms to start": 1000 * before,
                "our memory MiB": peak_bytes(tracer.pid) / MIB,
                "worst stall ms": stalls(program)["worst stall ms"]})


    @staticmethod
    def read_for(tracer, seconds):
        begin = time.monotonic()
        while time.monotonic() - begin < seconds:
            if select.select([tracer.stdout], [], [], 0.1)[0]:
                os.read(tracer.stdout.fileno(), 1 << 20)


class FirstTable:
    """From the start of conctrace to its first table, on a program of 100 MB."""

    name = "first"

    def __init__(self, options):
        self.options = options

    def run(self, rounds, seconds):
        program = programs.prometheus()
        size = os.path.getsize(program.path)
        table = Table(f"First table, on prometheus of Debian sid ({size / 1e6:.0f} MB)", "",
                      ["milliseconds", "our memory MiB"])
        try:
            for row, command in (
                    ("conctrace top, with probes", ["top", "-i", "1"]),
                    ("conctrace top --no-probes", ["top", "-i", "1", "--no-probes"]),
                    ("conctrace tasks, the whole command", ["tasks"])):
                done = [self.first(command, program.pid) for _ in range(rounds)]
                table.add(row, milliseconds=summary([took for took, _ in done]),
                          **{"our memory MiB": summary([memory for _, memory in done])})
        finally:
            program.quit()
        return table

    @staticmethod
    def first(command, pid):
        begin = time.monotonic()
        with tracers.ended(subprocess.Popen([CONCTRACE, *command, "-f", "json", "-p", str(pid)],
                                            stdout=subprocess.PIPE)) as tracer:
            tracer.stdout.readline()
            took = 1000 * (time.monotonic() - begin)
            try:
                return took, peak_bytes(tracer.pid) / MIB
            except (OSError, StopIteration):  # it is done already
                return took, 0
