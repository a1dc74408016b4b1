# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The programs that are traced: those of tests/targets, and etcd and prometheus as Debian has them."""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PACKAGES = os.path.join(ROOT, "build", "deps", "pkg")
START_SECONDS = 60


def wait_for(condition, process, what):
    deadline = time.monotonic() + START_SECONDS
    while not condition():
        if process.poll() is not None:
            raise RuntimeError(f"{what} ended with status {process.returncode}")
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what} did not start")
        time.sleep(0.02)


class Program:
    """Obeys the control protocol of tests/targets/internal/ctl."""

    def __init__(self, path, *args):
        self.process = subprocess.Popen(
            [path, *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.path = path
        self.url = self.pprof = None
        while True:
            line = self.read()
            if line.startswith("listening "):
                self.url = line.split()[1]
            if line.startswith("pprof "):
                self.pprof = line.split()[1]
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

    def report(self):
        return json.loads(self.command("report", r"\{"))

    def quit(self):
        with contextlib.suppress(OSError):
            self.process.stdin.write("quit\n")
            self.process.stdin.flush()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.communicate(timeout=20)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Service:
    """A program of a Debian package, in a directory of its own, in memory where there is one."""

    def __init__(self, words, path, *args):
        self.path = path
        self.dir = tempfile.mkdtemp(
            prefix="conctrace-bench-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
        self.log = os.path.join(self.dir, "log")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [path, *args], cwd=self.dir, stdout=log, stderr=log,
                env={**os.environ, "HOME": self.dir})
        self.pid = self.process.pid
        wait_for(lambda: words in self.said(), self.process, path)

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()

    def quit(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


def etcd():
    client, peer = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    service = Service(
        "ready to serve client requests", os.path.join(PACKAGES, "bookworm/etcd/usr/bin/etcd"),
        "--name", "one", "--data-dir", "data", "--listen-client-urls", client,
        "--advertise-client-urls", client, "--listen-peer-urls", peer,
        "--initial-advertise-peer-urls", peer, "--initial-cluster", f"one={peer}")
    service.url = client
    return service


def prometheus():
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as config:
        config.write("global:\n  scrape_interval: 10s\n")
        config.flush()
        return Service(
            "Server is ready to receive web requests",
            os.path.join(PACKAGES, "sid/prometheus/usr/bin/prometheus"),
            f"--config.file={config.name}", "--storage.tsdb.path=data",
            f"--web.listen-address=127.0.0.1:{free_port()}")
