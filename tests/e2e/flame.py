#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Checks what `conctrace flame` wrote against what the program or Go itself says. Prints what differs.

  flame.py speedscope FILE              the rules of the schema
  flame.py svg FILE                     XML, and nothing loaded from elsewhere
  flame.py shares FOLDED BEFORE AFTER POINTS
                                        time by function between two reports, in points of 100
  flame.py locks FOLDED REPORT          time by address of a lock, as the program measured it
  flame.py spawns FOLDED REPORT         goroutines by go statement
  flame.py names FILE FORMAT REPORT     functions with difficult names, and how often
  flame.py screenshot PNG SVG           every colour of the picture is on the screen
  flame.py profile GO OURS KIND         `pprof -top` of Go's own profile and of ours
"""

import json
import re
import struct
import sys
import xml.etree.ElementTree as xml
import zlib

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


def shares(path, before, after, points):
    began = report(before)["waited"]
    own = {name: ns - began[name] for name, ns in report(after)["waited"].items()}
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
        # a function that one of the same name called has two boxes
        if got < count if kind == "svg" else got != count:
            wrong("%s: %s seen %d times, is there %d times" % (kind, function, got, count))
    if not any(re.search(r"waiter; (main\.)?n int", f) and "<a&b>" in f and f.endswith(".park")
               for frames, _ in stacks for f in frames):
        wrong("%s: the method of a type without a name is missing" % kind)


def pixels(path):
    """Rows of bytes of a PNG with 8 bits a channel, and the bytes of a pixel."""
    data = open(path, "rb").read()
    packed, at, width, height, size = b"", 8, 0, 0, 0
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + length]
        if kind == b"IHDR":
            width, height, depth, color = struct.unpack(">IIBB", body[:10])
            size = {2: 3, 6: 4}[color]
            assert depth == 8
        elif kind == b"IDAT":
            packed += body
        at += length + 12
    raw, stride, rows = zlib.decompress(packed), width * size, []
    last = bytearray(stride)
    for y in range(height):
        method, row = raw[y * (stride + 1)], bytearray(raw[y * (stride + 1) + 1:(y + 1) * (stride + 1)])
        for x in range(stride):
            a, b = row[x - size] if x >= size else 0, last[x]
            c = last[x - size] if x >= size else 0
            if method == 1:
                row[x] = (row[x] + a) & 255
            elif method == 2:
                row[x] = (row[x] + b) & 255
            elif method == 3:
                row[x] = (row[x] + (a + b) // 2) & 255
            elif method == 4:
                p = a + b - c
                nearest = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
                row[x] = (row[x] + nearest) & 255
        rows.append(row)
        last = row
    return rows, size


def screenshot(path, picture):
    rows, size = pixels(path)
    seen = {}
    for row in rows:
        for x in range(0, len(row), size):
            color = "#%02x%02x%02x" % tuple(row[x:x + 3])
            seen[color] = seen.get(color, 0) + 1
    if seen.get("#ffffff", 0) * 2 < sum(seen.values()):
        wrong("the background is not white")
    for x, width, fill in re.findall(r'class="b" x="([\d.]+)" y="\d+" width="([\d.]+)".*?fill="(#\w+)"',
                                     open(picture, encoding="utf-8").read(), re.S):
        # the least of what is not covered by text
        if float(width) > 30 and seen.get(fill, 0) < float(width):
            wrong("%s of a box of %s px at %s is on %d pixels" % (fill, width, x, seen.get(fill, 0)))
    if len(seen) < 4:
        wrong("only %d colours" % len(seen))


def top(path):
    """cum by function, in the order of the table; its unit does not matter."""
    rows = {}
    for line in open(path, encoding="utf-8"):
        match = re.match(r"^\s*\S+\s+\S+%\s+\S+%\s+([\d.]+)(\S*)\s+\S+%\s+(.*)$", line)
        if match:
            rows[re.sub(r" \((partial-)?inline\)$", "", match.group(3))] = float(match.group(1))
    return rows


def profile(go, ours, kind):
    """Functions of package main; what ran before the attach is only Go's. KIND: delay, count, or least, of
    which there may be more than Go has."""
    own = {f: v for f, v in top(go).items() if f.startswith("main.") and "arly" not in f}
    seen = {f: v for f, v in top(ours).items() if f.startswith("main.") and "arly" not in f}
    if kind == "delay":
        most = max(own.values())
        for function, was in own.items():
            # a thread that the kernel takes the CPU from between the two clocks shows in short waits
            if abs(seen.get(function, 0) - was) > 0.05 * was + 0.01 * most:
                wrong("%s: seen %s, Go has %s" % (function, seen.get(function), was))
        # The same order, but of those that are nearly alike.
        order = [own[f] for f in sorted(seen, key=lambda f: -seen[f])
                 if own.get(f, 0) > 0.05 * most]
        for first, second in zip(order, order[1:]):
            if second > 1.1 * first:
                wrong("the order differs: %s before %s" % (first, second))
    elif kind == "least":
        for function in sorted(set(own) | set(seen)):
            if not 0 < own.get(function, 0) <= seen.get(function, 0):
                wrong("%s: seen %s, Go has %s" % (function, seen.get(function), own.get(function)))
    elif own != seen:
        for function in sorted(set(own) | set(seen)):
            if own.get(function) != seen.get(function):
                wrong("%s: seen %s, Go has %s" % (function, seen.get(function), own.get(function)))
    if len(own) < 2:
        wrong("Go's own profile has %d functions" % len(own))


def main():
    {f.__name__: f for f in (speedscope, svg, shares, locks, spawns, names, screenshot, profile)}[
        sys.argv[1]](*sys.argv[2:])
    for problem in problems:
        print(problem)
    sys.exit(bool(problems))


main()
