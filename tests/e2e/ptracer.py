#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Debugs a process as a debugger that is there first does: holds every thread by ptrace, passes its
signals on, and lets go when its own stdin ends. Prints "attached" once it holds all threads, and at
the end "traps N": SIGTRAPs that came to it, of which a uprobe causes none.
"""
import ctypes
import os
import select
import signal
import sys
import time

PTRACE_SEIZE, PTRACE_CONT, PTRACE_INTERRUPT, PTRACE_DETACH = 0x4206, 7, 0x4207, 17
PTRACE_O_TRACECLONE = 8
WALL = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def ptrace(request, tid, data=0):
    if libc.ptrace(request, tid, None, data) < 0:
        raise OSError(ctypes.get_errno(), f"ptrace {request} of {tid}")


def seize_all(pid):
    held = set()
    while True:
        new = {int(tid) for tid in os.listdir(f"/proc/{pid}/task")} - held
        if not new:
            return held
        for tid in new:
            try:
                ptrace(PTRACE_SEIZE, tid, PTRACE_O_TRACECLONE)
            except OSError:
                pass  # a thread cloned by one that is held is held, too
            held.add(tid)


def pass_on(held):
    """One round of stops; returns how many were SIGTRAPs of a breakpoint."""
    traps = 0
    while True:
        try:
            tid, status = os.waitpid(-1, os.WNOHANG | WALL)
        except ChildProcessError:
            return traps
        if not tid:
            return traps
        if not os.WIFSTOPPED(status):
            held.discard(tid)
            continue
        held.add(tid)
        stop, event = os.WSTOPSIG(status), status >> 16
        if stop == signal.SIGTRAP and not event:
            traps += 1
        try:
            ptrace(PTRACE_CONT, tid, 0 if event else stop)
        except OSError:
            held.discard(tid)


def let_go(held):
    for tid in sorted(held):
        try:
            ptrace(PTRACE_INTERRUPT, tid)
            while True:
                _, status = os.waitpid(tid, WALL)
                if not os.WIFSTOPPED(status):
                    break
                stop, event = os.WSTOPSIG(status), status >> 16
                if event:
                    ptrace(PTRACE_DETACH, tid)
                    break
                ptrace(PTRACE_CONT, tid, stop)
        except OSError:
            pass


def main():
    held = seize_all(int(sys.argv[1]))
    print("attached", flush=True)
    traps = 0
    while not select.select([0], [], [], 0)[0]:
        traps += pass_on(held)
        time.sleep(0.0005)  # a poll: waitpid and stdin have no descriptor in common
    let_go(held)
    print("traps", traps, flush=True)


main()
