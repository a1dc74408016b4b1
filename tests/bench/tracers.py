# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What observes a program while it is measured: conctrace, and what people use today.

Each is a context manager that takes the program, and is at work when its body begins. It gives a
function that ends it and returns what it measured by itself.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import urllib.request

from programs import ROOT, wait_for

CONCTRACE = os.path.join(ROOT, "build", "conctrace")
PROBES = os.path.join(ROOT, "build", "bench", "probes")


@contextlib.contextmanager
def bare(_program):
    yield lambda: {}


def documents(path):
    """Whole lines of JSON; bpftrace also prints empty ones."""
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.startswith("{") and line.endswith("\n")]


@contextlib.contextmanager
def ended(process):
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


@contextlib.contextmanager
def conctrace(program, *options):
    """`top` until the body ends, which starts once the first table is out."""
    with tempfile.NamedTemporaryFile(prefix="conctrace-bench-") as out:
        command = [CONCTRACE, "top", "-p", str(program.pid), "-f", "json", "-i", "1", *options]
        with ended(subprocess.Popen(command, stdout=out)) as tracer:
            wait_for(lambda: documents(out.name), tracer, "conctrace")

            def finish():
                if tracer.poll() is None:
                    tracer.send_signal(signal.SIGINT)
                tracer.wait(timeout=30)
                capture = documents(out.name)[-1]["capture"]
                return {"events": capture["events"], "lost": capture["lost"],
                        "own estimate": capture["overhead_pct"]}
            yield finish


def every_event(program):
    return conctrace(program, "--max-overhead", "none")


@contextlib.contextmanager
def probes(program, mode="floor"):
    """conctrace's probes without the rest of it: with empty programs (the floor), or measured."""
    command = [PROBES, mode, str(program.pid)]
    with ended(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                text=True)) as tracer:
        if tracer.stdout.readline() != "attached\n":
            raise RuntimeError("the probes were not attached")
        yield lambda: json.loads(tracer.communicate(timeout=30)[0])


@contextlib.contextmanager
def turns(program):
    """The body gets a function that puts the probes in place and takes them away again."""
    command = [PROBES, "turns", str(program.pid)]
    with ended(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                text=True, bufsize=1)) as tracer:
        def turn(word="turned"):
            if tracer.stdout.readline() != word + "\n":
                raise RuntimeError("the probes were not attached")

        def again():
            tracer.stdin.write("\n")
            turn()
        turn("attached")
        yield again


@contextlib.contextmanager
def floor(program):
    with probes(program) as finish:
        yield lambda: finish() and {}


def has_bpftrace():
    return bool(shutil.which("bpftrace"))


@contextlib.contextmanager
def bpftrace(program):
    """Counts hits by function at the entries, with stacks left out: the least it can do."""
    functions = ["runtime.gopark", "runtime.ready", "runtime.newproc1", "runtime.goexit0",
                 "runtime.semacquire1"]
    script = "\n".join(
        f'uprobe:{program.path}:"{name}" {{ @hits = count(); @by["{name}"] = count(); }}'
        for name in functions) + '\ninterval:ms:200 { printf("{\\"up\\": 1}\\n"); }\n'
    with tempfile.NamedTemporaryFile(prefix="bpftrace-bench-") as out:
        command = ["bpftrace", "-f", "json", "-p", str(program.pid), "-e", script]
        with ended(subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL)) as tracer:
            wait_for(lambda: any(d.get("type") == "printf" for d in documents(out.name)),
                     tracer, "bpftrace")

            def finish():
                tracer.send_signal(signal.SIGINT)
                tracer.wait(timeout=60)
                for document in documents(out.name):
                    if document.get("type") == "map" and "@hits" in document["data"]:
                        return {"events": document["data"]["@hits"]}
                raise RuntimeError("bpftrace printed no count")
            yield finish


@contextlib.contextmanager
def once_a_second(work):
    """`work` at once and then every second; the body begins when it has been done once."""
    stop, begun, failures = threading.Event(), threading.Event(), []

    def run():
        while not stop.is_set():
            try:
                work()
            except (OSError, subprocess.SubprocessError) as why:
                failures.append(why)
                begun.set()
                return
            begun.set()
            stop.wait(1)
    thread = threading.Thread(target=run)
    thread.start()
    begun.wait()
    try:
        yield lambda: {}
    finally:
        stop.set()
        thread.join()
    if failures:
        raise RuntimeError(f"{failures[0]}")


def read_pprof(program):
    with urllib.request.urlopen(program.pprof + "goroutine?debug=2", timeout=120) as answer:
        return len(answer.read())


def pprof(program):
    return once_a_second(lambda: read_pprof(program))


def has_delve():
    return bool(shutil.which("dlv"))


def delve_once(program):
    """Attaches, lists the goroutines with their stacks, and lets go."""
    subprocess.run(["dlv", "attach", str(program.pid), "--allow-non-terminal-interactive=true"],
                   input="goroutines -t\nquit\nn\n", text=True, check=True, timeout=300,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def delve(program):
    return once_a_second(lambda: delve_once(program))
