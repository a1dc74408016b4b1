#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Checks what `conctrace flame` wrote against what the program or Go itself says. Prints what differs.

  flame.py speedscope FILE              the rules of the schema
  flame.py svg FILE                     XML, and nothing loaded from elsewhere
  flame.py shares FOLDED REPORT POINTS  time by function, in points of 100
  flame.py locks FOLDED REPORT          time by address of a lock, as the program measured it
  flame.py spawns FOLDED REPORT         goroutines by go statement
  flame.py names FILE FORMAT REPORT     functions with difficult names, and how often
  flame.py profile GO OURS KIND         `pprof -top` of Go's own profile and of ours
"""

import json
import re
import sys
import xml.etree.ElementTree as xml

problems = []


def wrong(text):
    problems.append(text)


def folded(path):
    """(frames, value) a line, by flamegraph.pl's own pattern."""
    rows = []
    for line in open(path, encoding="utf-8"):
        match = re.match(r"^(.*)\s+?(\d+(?:\.\d*)?)$", line.rstrip("\n"))
        if not match:
            wrong("no folded line: %r" % line)
            continue
        rows.append((match.group(1).split(";"), int(match.group(2))))
    return rows


def report(path):
    return json.load(open(path, encoding="utf-8"))


def speedscope(path):
    doc = json.load(open(path, encoding="utf-8"))
    if doc["$schema"] != "https://www.speedscope.app/file-format-schema.json":
        wrong("schema %r" % doc["$schema"])
    frames = doc["shared"]["frames"]
    for frame in frames:
        if not isinstance(frame["name"], str) or not set(frame) <= {"name", "file", "line", "col"}:
            wrong("frame %r" % frame)
    if not doc["profiles"]:
        wrong("no profile")
    for profile in doc["profiles"]:
        if profile["type"] != "sampled":
            wrong("type %r" % profile["type"])
        if profile["unit"] not in ("none", "nanoseconds"):
            wrong("unit %r" % profile["unit"])
        if len(profile["samples"]) != len(profile["weights"]):
            wrong("%d samples, %d weights" % (len(profile["samples"]), len(profile["weights"])))
        if profile["startValue"] + sum(profile["weights"]) != profile["endValue"]:
            wrong("the weights do not end at endValue")
        for sample in profile["samples"]:
            if not sample or any(not 0 <= i < len(frames) for i in sample):
                wrong("sample %r of %d frames" % (sample, len(frames)))
    return doc


def svg(path):
    root = xml.parse(path).getroot()
    text = open(path, encoding="utf-8").read()
    for pattern in ("href", "src=", "@import", "url(", "fetch(", "XMLHttpRequest"):
        if pattern in text:
            wrong("the picture has %r" % pattern)
    space = "{http://www.w3.org/2000/svg}"
    return [box.find(space + "title").text for box in root.iter(space + "svg")
            if box.get("class") == "b"]


def shares(path, truth, points):
    own = report(truth)["waited"]
    seen = dict.fromkeys(own, 0)
    for frames, value in folded(path):
        for function in own:
            if function in frames:
                seen[function] += value
    for function in own:
        was = 100 * own[function] / sum(own.values())
        got = 100 * seen[function] / max(1, sum(seen.values()))
        print("# %s: was %.2f %%, seen %.2f %%" % (function, was, got), file=sys.stderr)
        if abs(was - got) > float(points):
            wrong("%s: seen %.2f %%, was %.2f %%" % (function, got, was))


def locks(path, truth):
    seen = {}
    for frames, value in folded(path):
        seen[frames[-1].split()[-1]] = seen.get(frames[-1].split()[-1], 0) + value
    for lock in report(truth)["locks"]:
        addr = "0x%x" % int(lock["addr"], 16)
        if not lock["wait_ns_least"] * 0.95 <= seen.get(addr, 0) <= lock["wait_ns"] * 1.05:
            wrong("%s %s: seen %d ns, was %d to %d" % (lock["kind"], addr, seen.get(addr, 0),
                                                      lock["wait_ns_least"], lock["wait_ns"]))


def spawns(path, truth):
    seen = {}
    for frames, value in folded(path):
        seen[frames[-2]] = seen.get(frames[-2], 0) + value
    for site in report(truth)["spawns"]:
        if seen.get(site["function"], 0) != site["spawned"]:
            wrong("%s: seen %d, was %d" % (site["function"], seen.get(site["function"], 0),
                                          site["spawned"]))


WRAPPER = 'struct { main.waiter; n int "json:\\"<a&b>;\\\\\\"c d\\\\\\"\\"" }'


def names(path, kind, truth):
    own = report(truth)["names"]
    stacks = []
    if kind == "folded":
        stacks = [([f.replace("%3b", ";") for f in frames], value) for frames, value in folded(path)]
    elif kind == "speedscope":
        doc = speedscope(path)
        frames = [frame["name"] for frame in doc["shared"]["frames"]]
        profile = doc["profiles"][0]
        stacks = [([frames[i] for i in sample], weight)
                  for sample, weight in zip(profile["samples"], profile["weights"])]
    elif kind == "svg":
        for title in svg(path):
            lines = title.split("\n")
            stacks.append(([lines[0]], int(re.match(r"(\d+) goroutine", lines[1]).group(1))))
    for function, count in own.items():
        got = sum(value for frames, value in stacks if function in frames)
        if got != count:
            wrong("%s: %s seen %d times, is there %d times" % (kind, function, got, count))
    if not any("waiter; n int" in f and "<a&b>" in f and f.endswith(".park")
               for frames, _ in stacks for f in frames):
        wrong("%s: the method of a type without a name is missing" % kind)


def top(path):
    """cum by function, in the order of the table; its unit does not matter."""
    rows = {}
    for line in open(path, encoding="utf-8"):
        match = re.match(r"^\s*\S+\s+\S+%\s+\S+%\s+([\d.]+)(\S*)\s+\S+%\s+(.*)$", line)
        if match:
            rows[re.sub(r" \((partial-)?inline\)$", "", match.group(3))] = float(match.group(1))
    return rows


def profile(go, ours, kind):
    """Functions of package main; what ran before the attach is only Go's."""
    own = {f: v for f, v in top(go).items() if f.startswith("main.") and "arly" not in f}
    seen = {f: v for f, v in top(ours).items() if f.startswith("main.") and "arly" not in f}
    if kind == "delay":
        for function, was in own.items():
            if abs(seen.get(function, 0) - was) > 0.05 * was:
                wrong("%s: seen %s, Go has %s" % (function, seen.get(function), was))
        # The same order, but of those that are nearly alike.
        order = [own[f] for f in sorted(seen, key=lambda f: -seen[f]) if f in own]
        for first, second in zip(order, order[1:]):
            if second > 1.1 * first:
                wrong("the order differs: %s before %s" % (first, second))
    elif own != seen:
        for function in sorted(set(own) | set(seen)):
            if own.get(function) != seen.get(function):
                wrong("%s: seen %s, Go has %s" % (function, seen.get(function), own.get(function)))
    if len(own) < 2:
        wrong("Go's own profile has %d functions" % len(own))


def main():
    {f.__name__: f for f in (speedscope, svg, shares, locks, spawns, names, profile)}[
        sys.argv[1]](*sys.argv[2:])
    for problem in problems:
        print(problem)
    sys.exit(bool(problems))


main()
