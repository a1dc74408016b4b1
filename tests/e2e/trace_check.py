#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Checks the structure of a trace, and prints what is in it as JSON.

    trace_check.py perfetto FILE      by way of protoc --decode, with tests/e2e/perfetto.proto
    trace_check.py chrome FILE

Every slice is closed and they do not overlap, every arrow has one beginning and one end that is not
before it, time does not run backwards on a track, and every number that stands for a name has one.
"""
import collections
import json
import os
import re
import subprocess
import sys

PROBLEMS = []


def problem(text):
    if len(PROBLEMS) < 20:
        PROBLEMS.append(text)


class Arrows:
    """Arrows by their number: where and when they begin and end."""

    def __init__(self):
        self.begins, self.ends = {}, {}

    def begin(self, number, track, time):
        if number in self.begins:
            problem(f"arrow {number} begins twice")
        self.begins[number] = (track, time)

    def end(self, number, track, time):
        if number in self.ends:
            problem(f"arrow {number} ends twice")
        self.ends[number] = (track, time)

    def check(self):
        for number in self.begins.keys() ^ self.ends.keys():
            problem(f"arrow {number} has no other end")
        for number in self.begins.keys() & self.ends.keys():
            if self.begins[number][1] > self.ends[number][1]:
                problem(f"arrow {number} goes back in time")
            if self.begins[number][0] == self.ends[number][0]:
                problem(f"arrow {number} leads to where it began")


def text_message(lines):
    """protoc's text of one message, as a dict of lists; stops at the closing brace."""
    message = collections.defaultdict(list)
    for line in lines:
        line = line.strip()
        if line == "}":
            break
        if line.endswith("{"):
            message[line[:-1].strip()].append(text_message(lines))
            continue
        key, value = line.split(": ", 1)
        if key.isdigit():
            problem(f"field {key} is not in the .proto")
        if value.startswith('"'):
            value = re.sub(rb"\\([0-7]{3})", lambda m: bytes([int(m[1], 8)]),
                           value[1:-1].encode()).decode(errors="replace")
        message[key].append(value)
    return message


def packets(path):
    proto = os.path.join(os.path.dirname(os.path.abspath(__file__)), "perfetto.proto")
    with open(path, "rb") as trace:
        decoder = subprocess.Popen(
            ["protoc", "-I", os.path.dirname(proto), "--decode=Trace", proto],
            stdin=trace, stdout=subprocess.PIPE, text=True)
    lines = iter(decoder.stdout)
    for line in lines:
        if line.strip() != "packet {":
            problem(f"at the top level: {line.strip()}")
            continue
        yield text_message(lines)
    if decoder.wait():
        problem("protoc cannot decode it")


def one(message, key, default=None):
    return message[key][0] if key in message else default


def perfetto(path):
    names, notes, places = {}, {}, {}
    tracks, counters, last, open_slices = {}, {}, {}, collections.defaultdict(list)
    slices, points, values = collections.Counter(), collections.Counter(), collections.Counter()
    sites = collections.Counter()
    arrows, first, process = Arrows(), True, {}
    for packet in packets(path):
        if first:
            clocks = one(packet, "clock_snapshot")
            if not clocks or len(clocks["clocks"]) < 2:
                problem("the first packet has no clocks")
            first = False
        interned = one(packet, "interned_data", {})
        for table, key in ((names, "event_names"), (notes, "debug_annotation_names")):
            for entry in interned.get(key, []):
                if one(entry, "iid") in table:
                    problem(f"{key} {one(entry, 'iid')} has two names")
                table[one(entry, "iid")] = one(entry, "name")
        for entry in interned.get("source_locations", []):
            places[one(entry, "iid")] = one(entry, "function_name")
        track = one(packet, "track_descriptor")
        if track:
            uuid = one(track, "uuid")
            tracks[uuid] = one(track, "name")
            if "counter" in track:
                counters[uuid] = one(track, "name")
            if "process" in track:
                process = {k: v[0] for k, v in one(track, "process").items()}
        event = one(packet, "track_event")
        if not event:
            continue
        uuid, kind, time = one(event, "track_uuid"), one(event, "type"), int(one(packet, "timestamp"))
        if uuid not in tracks:
            problem(f"track {uuid} is not described")
        if time < last.get(uuid, 0):
            problem(f"time runs backwards on track {tracks.get(uuid)}")
        last[uuid] = time
        name = names.get(one(event, "name_iid"))
        if kind in ("TYPE_SLICE_BEGIN", "TYPE_INSTANT") and name is None:
            problem("an event has no name")
        for note in event.get("debug_annotations", []):
            if one(note, "name_iid") not in notes:
                problem("an annotation has no name")
        if kind == "TYPE_SLICE_BEGIN":
            if open_slices[uuid]:
                problem(f"{name} begins within {open_slices[uuid][-1]}")
            open_slices[uuid].append(name)
            slices[name] += 1
            place = one(event, "source_location_iid")
            if place is not None:
                if place not in places:
                    problem(f"place {place} is not described")
                sites[places.get(place)] += 1
        elif kind == "TYPE_SLICE_END":
            if not open_slices[uuid]:
                problem(f"a slice ends on {tracks.get(uuid)}, and none is open")
            else:
                open_slices[uuid].pop()
        elif kind == "TYPE_INSTANT":
            points[name] += 1
        elif kind == "TYPE_COUNTER":
            if uuid not in counters:
                problem(f"{tracks.get(uuid)} is no counter")
            values[counters.get(uuid)] += 1
        else:
            problem(f"an event is of type {kind}")
        for flow in event.get("flow_ids", []):
            arrows.begin(flow, uuid, time)
        for flow in event.get("terminating_flow_ids", []):
            arrows.end(flow, uuid, time)
    for uuid, left in open_slices.items():
        if left:
            problem(f"{left[-1]} on {tracks.get(uuid)} never ends")
    arrows.check()
    return {"process": process, "tracks": len(tracks), "slices": slices, "points": points,
            "counters": values, "sites": sites, "arrows": len(arrows.begins),
            "names": sorted(n or "" for n in tracks.values())}


def chrome(path):
    with open(path, encoding="utf-8") as file:
        document = json.load(file)
    slices, points, values = collections.Counter(), collections.Counter(), collections.Counter()
    sites, names, last_end, last = collections.Counter(), {}, {}, {}
    arrows, process = Arrows(), {}
    spans = collections.defaultdict(list)
    for event in document["traceEvents"]:
        kind, thread = event["ph"], event["tid"]
        time = round(event["ts"] * 1000)
        if kind == "M":
            if event["name"] == "process_name":
                process = {"pid": str(event["pid"]), "process_name": event["args"]["name"]}
            else:
                names[thread] = event["args"]["name"]
        elif kind == "X":
            end = time + round(event["dur"] * 1000)
            if time < last.get(thread, 0):
                problem(f"time runs backwards on thread {thread}")
            if time < last_end.get(thread, 0):
                problem(f"{event['name']} begins before the slice before it ends")
            last[thread], last_end[thread] = time, end
            spans[thread].append((time, end))
            if event.get("cat") in ("wait", "gc", "lane"):
                slices[event["name"]] += 1
                if "site" in event.get("args", {}):
                    sites[event["args"]["site"].rsplit(" ", 1)[0]] += 1
            else:
                points[event["name"]] += 1
        elif kind == "C":
            values[event["name"]] += 1
        elif kind == "s":
            arrows.begin(event["id"], thread, time)
        elif kind == "f":
            arrows.end(event["id"], thread, time)
        else:
            problem(f"an event is of kind {kind}")
    arrows.check()
    starts = {thread: {edge for span in list_ for edge in span} for thread, list_ in spans.items()}
    for where in list(arrows.begins.values()) + list(arrows.ends.values()):
        if where[1] not in starts.get(where[0], ()):
            problem(f"an arrow on thread {where[0]} is at no slice")
    return {"process": process, "tracks": len(names), "slices": slices, "points": points,
            "counters": values, "sites": sites, "arrows": len(arrows.begins),
            "names": sorted(names.values())}


def main():
    what = {"perfetto": perfetto, "chrome": chrome}[sys.argv[1]](sys.argv[2])
    print(json.dumps(what))
    for text in PROBLEMS:
        print(text, file=sys.stderr)
    sys.exit(1 if PROBLEMS else 0)


if __name__ == "__main__":
    main()
