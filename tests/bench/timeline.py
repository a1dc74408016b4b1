# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A long timeline: what its recording takes of us, and what it takes to convert it."""

import contextlib
import os
import resource
import sqlite3
import subprocess
import tempfile
import time

import programs
import tracers
from report import Table
from snapshots import MIB, cpu_seconds, peak_bytes
from tracers import CONCTRACE

BURST = 300  # round trips a millisecond of sleep: some hundred thousand events a second
SAMPLE_SECONDS = 5


def of_children():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def converted(recording, output):
    """Seconds, CPU seconds, the largest resident set."""
    before, begin, peak = of_children(), time.monotonic(), 0
    with tracers.ended(subprocess.Popen([CONCTRACE, "report", recording, "-o", output])) as process:
        while process.poll() is None:
            with contextlib.suppress(OSError, StopIteration):
                peak = max(peak, peak_bytes(process.pid))
            time.sleep(0.01)
        if process.returncode:
            raise RuntimeError(f"converting ended with status {process.returncode}")
    return time.monotonic() - begin, of_children() - before, peak


class Timeline:
    """Sixty seconds of every event of a ping-pong that rests now and then."""

    name, title = "timeline", "a timeline of 5 million events"

    def __init__(self, options):
        self.seconds = options.timeline_seconds
        self.program = programs.Program(
            os.path.join(options.targets, "pingpong"), f"-burst={BURST}")

    def record(self, path, table):
        """The largest resident set must not grow with the events: it is taken as they come."""
        self.program.command("go", "started")
        command = [CONCTRACE, "record", "-q", "-p", str(self.program.process.pid), "-o", path,
                   "-d", str(self.seconds), "--timeline", "--max-overhead", "none"]
        peaks, cpu, begin = [], 0, time.monotonic()
        with tracers.ended(subprocess.Popen(command)) as process:
            while process.poll() is None:
                with contextlib.suppress(OSError, StopIteration):
                    cpu = cpu_seconds(process.pid)
                    peaks.append((time.monotonic() - begin, peak_bytes(process.pid)))
                time.sleep(0.1)
            if process.returncode:
                raise RuntimeError(f"recording ended with status {process.returncode}")
        self.program.quit()
        database = sqlite3.connect(path)
        events, = database.execute("SELECT count(*) FROM event").fetchone()
        lost, = database.execute("SELECT max(lost_event) FROM capture").fetchone()
        database.close()
        grown = [f"{peak / MIB:.1f}" for at, peak in peaks[::SAMPLE_SECONDS * 10]]
        table.add("record", **{"seconds": self.seconds, "CPU s": cpu,
                               "our memory MiB": peaks[-1][1] / MIB,
                               "file MiB": os.path.getsize(path) / MIB})
        table.note(f"{events:,} events, {lost:,} lost. Our memory every {SAMPLE_SECONDS} s, MiB: "
                   f"{', '.join(grown)}.")

    def run(self, _rounds, _seconds):
        table = Table(f"A timeline of {self.seconds} s", "",
                      ["seconds", "CPU s", "our memory MiB", "file MiB"])
        with tempfile.TemporaryDirectory() as directory:
            recording = os.path.join(directory, "x.db")
            self.record(recording, table)
            for suffix in ("pftrace", "json"):
                output = os.path.join(directory, f"x.{suffix}")
                wall, cpu, peak = converted(recording, output)
                table.add(f"report -o x.{suffix}", **{
                    "seconds": wall, "CPU s": cpu, "our memory MiB": peak / MIB,
                    "file MiB": os.path.getsize(output) / MIB})
        return table
