// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A Perfetto trace is a sequence of packets, and ours one of a single writer. Names of events and
 * source locations are interned: written in the first packet that has them, then a number. The numbers
 * of fields are those of Perfetto's .proto files (protos/perfetto/trace/: trace_packet.proto,
 * clock_snapshot.proto, interned_data/, track_event/), which are public and do not change.
 *
 * Written by hand and not by protobuf-c, which takes six times as long for these millions of small
 * messages.
 */
#include "export/perfetto.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "export/wire.h"

enum { TRACE_PACKET = 1 };
enum {
	PACKET_CLOCKS = 6,
	PACKET_TIMESTAMP = 8,
	PACKET_SEQUENCE = 10,
	PACKET_EVENT = 11,
	PACKET_INTERNED = 12,
	PACKET_FLAGS = 13,
	PACKET_DEFAULTS = 59,
	PACKET_TRACK = 60,
};
enum { FLAG_STATE_CLEARED = 1, FLAG_NEEDS_STATE = 2 };
enum { DEFAULTS_CLOCK = 58 };
enum { CLOCKS_CLOCK = 1, CLOCKS_PRIMARY = 2 };
enum { CLOCK_ID = 1, CLOCK_TIMESTAMP = 2 };
enum { ID_REALTIME = 1, ID_MONOTONIC = 3, ID_BOOTTIME = 6 };
enum { TRACK_UUID = 1, TRACK_NAME = 2, TRACK_PROCESS = 3, TRACK_PARENT = 5, TRACK_COUNTER = 8 };
enum { PROCESS_PID = 1, PROCESS_NAME = 6 };
enum { COUNTER_UNIT = 3, UNIT_COUNT = 2 };
enum {
	EVENT_NOTE = 4,
	EVENT_TYPE = 9,
	EVENT_NAME = 10,
	EVENT_TRACK = 11,
	EVENT_COUNTER = 30,
	EVENT_LOCATION = 34,
	EVENT_FLOW = 47,
	EVENT_FLOW_END = 48,
};
enum { TYPE_SLICE_BEGIN = 1, TYPE_SLICE_END, TYPE_INSTANT, TYPE_COUNTER };
enum { NOTE_NAME = 1, NOTE_UINT = 3, NOTE_POINTER = 7 };
enum { INTERNED_NAME = 2, INTERNED_NOTE_NAME = 3, INTERNED_LOCATION = 4 };
enum { NAME_NUMBER = 1, NAME_TEXT = 2 };
enum { LOCATION_NUMBER = 1, LOCATION_FILE = 2, LOCATION_FUNCTION = 3, LOCATION_LINE = 4 };

#define SEQUENCE 1

/* Tracks by their number. */
#define PROCESS 1
#define LANE(which) (2 + (uint64_t)(which))
#define COUNTER(which) (8 + (uint64_t)(which))
#define GOROUTINE(goid) (32 + (goid))

enum note { ABOUT_OBJECT = 1, ABOUT_WAKER, ABOUT_END, NOTES };
static const char *const note_names[NOTES] = { [ABOUT_OBJECT] = "object",
					       [ABOUT_WAKER] = "woken by goroutine",
					       [ABOUT_END] = "still waiting at the end" };

#define TEXT_MAX 2048
#define PACKET_MAX (4 * TEXT_MAX)
#define EVENT_MAX 256

struct name {
	uint64_t number;
	UT_hash_handle hh;
	char text[];
};

struct perfetto {
	FILE *out;
	struct name *names;
	uint32_t places; /* written so far: they are numbered as they come */
};

struct perfetto *perfetto_new(FILE *out)
{
	struct perfetto *perfetto = calloc(1, sizeof(*perfetto));

	if (perfetto)
		perfetto->out = out;
	return perfetto;
}

void perfetto_free(struct perfetto *perfetto)
{
	struct name *name, *next;

	if (!perfetto)
		return;
	HASH_ITER(hh, perfetto->names, name, next) {
		HASH_DEL(perfetto->names, name);
		free(name);
	}
	free(perfetto);
}

static int write_packet(struct perfetto *perfetto, const uint8_t *packet, const uint8_t *end)
{
	uint8_t head[2 * WIRE_VARINT_MAX], *head_end;

	head_end = wire_varint(head, TRACE_PACKET << 3 | WIRE_BYTES);
	head_end = wire_varint(head_end, (uint64_t)(end - packet));
	fwrite_unlocked(head, 1, (size_t)(head_end - head), perfetto->out);
	fwrite_unlocked(packet, 1, (size_t)(end - packet), perfetto->out);
	return 0;
}

/* What all packets but the first have. */
static uint8_t *packet_begin(uint8_t *to, uint64_t flags)
{
	to = wire_uint(to, PACKET_SEQUENCE, SEQUENCE);
	return wire_uint(to, PACKET_FLAGS, flags);
}

/* An event, and what it refers to that was not written before. */
struct event {
	uint64_t ns;
	uint8_t bytes[EVENT_MAX], *end;
	uint8_t interned[PACKET_MAX], *interned_end;
};

static void event_begin(struct event *event, uint64_t track, uint64_t ns, uint64_t type)
{
	event->ns = ns;
	event->interned_end = event->interned;
	event->end = wire_uint(event->bytes, EVENT_TYPE, type);
	event->end = wire_uint(event->end, EVENT_TRACK, track);
}

static int event_write(struct perfetto *perfetto, const struct event *event)
{
	uint8_t packet[PACKET_MAX + EVENT_MAX + 64], *end;

	end = packet_begin(packet, FLAG_NEEDS_STATE);
	end = wire_uint(end, PACKET_TIMESTAMP, event->ns);
	if (event->interned_end != event->interned)
		end = wire_bytes(end, PACKET_INTERNED, event->interned,
				 (size_t)(event->interned_end - event->interned));
	end = wire_bytes(end, PACKET_EVENT, event->bytes, (size_t)(event->end - event->bytes));
	return write_packet(perfetto, packet, end);
}

static uint8_t *put_name(uint8_t *to, unsigned field, uint64_t number, const char *text)
{
	uint8_t name[TEXT_MAX + 32], *end;

	end = wire_uint(name, NAME_NUMBER, number);
	end = wire_text(end, NAME_TEXT, text, TEXT_MAX);
	return wire_bytes(to, field, name, (size_t)(end - name));
}

/* The few names: reasons of waiting, and our own words. */
static int event_name(struct perfetto *perfetto, struct event *event, const char *text)
{
	size_t len = strlen(text);
	struct name *name;

	HASH_FIND(hh, perfetto->names, text, len, name);
	if (!name) {
		name = calloc(1, sizeof(*name) + len + 1);
		if (!name)
			return -ENOMEM;
		memcpy(name->text, text, len);
		name->number = HASH_COUNT(perfetto->names) + 1;
		HASH_ADD_KEYPTR(hh, perfetto->names, name->text, len, name);
		event->interned_end =
			put_name(event->interned_end, INTERNED_NAME, name->number, text);
	}
	event->end = wire_uint(event->end, EVENT_NAME, name->number);
	return 0;
}

static void event_place(struct perfetto *perfetto, struct event *event,
			const struct trace_wait *wait)
{
	uint8_t location[3 * TEXT_MAX], *end;
	char function[TEXT_MAX];

	if (!wait->place)
		return;
	event->end = wire_uint(event->end, EVENT_LOCATION, wait->place);
	if (wait->place <= perfetto->places)
		return;
	perfetto->places = wait->place;
	pclntab_display_name(wait->frame->function, function, sizeof(function));
	end = wire_uint(location, LOCATION_NUMBER, wait->place);
	end = wire_text(end, LOCATION_FILE, wait->frame->file, TEXT_MAX);
	end = wire_text(end, LOCATION_FUNCTION, function, TEXT_MAX);
	end = wire_uint(end, LOCATION_LINE, (uint64_t)(uint32_t)wait->frame->line);
	event->interned_end = wire_bytes(event->interned_end, INTERNED_LOCATION, location,
					 (size_t)(end - location));
}

/* Nothing for 0. */
static void event_note(struct event *event, enum note name, unsigned type, uint64_t value)
{
	uint8_t note[4 * WIRE_VARINT_MAX], *end;

	if (!value)
		return;
	end = wire_uint(note, NOTE_NAME, name);
	end = wire_uint(end, type, value);
	event->end = wire_bytes(event->end, EVENT_NOTE, note, (size_t)(end - note));
}

static uint8_t *put_clock(uint8_t *to, uint64_t id, uint64_t ns)
{
	uint8_t clock[4 * WIRE_VARINT_MAX], *end;

	end = wire_uint(clock, CLOCK_ID, id);
	end = wire_uint(end, CLOCK_TIMESTAMP, ns);
	return wire_bytes(to, CLOCKS_CLOCK, clock, (size_t)(end - clock));
}

static int write_clocks(struct perfetto *perfetto, const struct trace_about *about)
{
	uint8_t clocks[256], packet[512], *end;

	end = put_clock(clocks, ID_MONOTONIC, about->at_ns);
	end = put_clock(end, ID_BOOTTIME, about->at_ns);
	end = put_clock(end, ID_REALTIME, about->wall_ns);
	end = wire_uint(end, CLOCKS_PRIMARY, ID_MONOTONIC);
	end = wire_bytes(packet, PACKET_CLOCKS, clocks, (size_t)(end - clocks));
	end = wire_uint(end, PACKET_SEQUENCE, SEQUENCE);
	return write_packet(perfetto, packet, end);
}

/* The sequence begins: the clock of its timestamps, and the names of notes. */
static int write_defaults(struct perfetto *perfetto)
{
	uint8_t defaults[32], interned[1024], packet[2048], *end, *interned_end = interned;

	for (int i = 1; i < NOTES; i++)
		interned_end =
			put_name(interned_end, INTERNED_NOTE_NAME, (uint64_t)i, note_names[i]);
	end = wire_uint(defaults, DEFAULTS_CLOCK, ID_MONOTONIC);
	end = wire_bytes(packet_begin(packet, FLAG_STATE_CLEARED), PACKET_DEFAULTS, defaults,
			 (size_t)(end - defaults));
	end = wire_bytes(end, PACKET_INTERNED, interned, (size_t)(interned_end - interned));
	return write_packet(perfetto, packet, end);
}

static int write_track(struct perfetto *perfetto, const uint8_t *track, const uint8_t *track_end)
{
	uint8_t packet[PACKET_MAX], *end;

	end = wire_bytes(packet_begin(packet, FLAG_NEEDS_STATE), PACKET_TRACK, track,
			 (size_t)(track_end - track));
	return write_packet(perfetto, packet, end);
}

static int write_process(struct perfetto *perfetto, const struct target_facts *target)
{
	const char *slash = strrchr(target->exe, '/'), *name = slash ? slash + 1 : target->exe;
	uint8_t process[TEXT_MAX], track[2 * TEXT_MAX], *end;

	end = wire_uint(process, PROCESS_PID, (uint64_t)target->pid);
	end = wire_bytes(end, PROCESS_NAME, name, strlen(name));
	end = wire_bytes(wire_uint(track, TRACK_UUID, PROCESS), TRACK_PROCESS, process,
			 (size_t)(end - process));
	return write_track(perfetto, track, end);
}

static int write_child(struct perfetto *perfetto, uint64_t uuid, const char *name, bool counts)
{
	uint8_t track[2 * TEXT_MAX], counter[16], *end, *counter_end;

	end = wire_uint(track, TRACK_UUID, uuid);
	end = wire_uint(end, TRACK_PARENT, PROCESS);
	end = wire_text(end, TRACK_NAME, name, TEXT_MAX);
	if (counts) {
		counter_end = wire_uint(counter, COUNTER_UNIT, UNIT_COUNT);
		end = wire_bytes(end, TRACK_COUNTER, counter, (size_t)(counter_end - counter));
	}
	return write_track(perfetto, track, end);
}

static int begin(void *writer, const struct trace_about *about)
{
	struct perfetto *perfetto = writer;
	int status = write_clocks(perfetto, about);

	if (!status)
		status = write_defaults(perfetto);
	if (!status)
		status = write_process(perfetto, about->target);
	for (int i = 0; i < TRACE_LANES && !status; i++)
		status = write_child(perfetto, LANE(i), trace_lane_names[i].track, false);
	for (int i = 0; i < TRACE_COUNTERS && !status; i++)
		status = write_child(perfetto, COUNTER(i), trace_counter_names[i], true);
	return status;
}

static int track(void *writer, uint64_t goid, const char *name)
{
	return write_child(writer, GOROUTINE(goid), name, false);
}

static int write_slice(struct perfetto *perfetto, struct event *event, uint64_t track_uuid,
		       uint64_t end_ns)
{
	int status = event_write(perfetto, event);

	if (status)
		return status;
	event_begin(event, track_uuid, end_ns, TYPE_SLICE_END);
	return event_write(perfetto, event);
}

static int wait(void *writer, const struct trace_wait *wait)
{
	struct perfetto *perfetto = writer;
	struct event event;

	event_begin(&event, GOROUTINE(wait->goid), wait->begin_ns, TYPE_SLICE_BEGIN);
	if (event_name(perfetto, &event, *wait->reason ? wait->reason : "waits"))
		return -ENOMEM;
	event_place(perfetto, &event, wait);
	event_note(&event, ABOUT_OBJECT, NOTE_POINTER, wait->object);
	event_note(&event, ABOUT_WAKER, NOTE_UINT, wait->waker);
	event_note(&event, ABOUT_END, NOTE_UINT, wait->unfinished);
	return write_slice(perfetto, &event, GOROUTINE(wait->goid), wait->end_ns);
}

static int point(void *writer, enum trace_point which, uint64_t goid, uint64_t ns, uint64_t flow,
		 uint64_t object)
{
	bool begins = which == TRACE_WAKES || which == TRACE_SPAWNS;
	struct perfetto *perfetto = writer;
	struct event event;

	event_begin(&event, GOROUTINE(goid), ns, TYPE_INSTANT);
	if (event_name(perfetto, &event, trace_point_names[which]))
		return -ENOMEM;
	event_note(&event, ABOUT_OBJECT, NOTE_POINTER, object);
	if (flow)
		event.end = wire_fixed64(event.end, begins ? EVENT_FLOW : EVENT_FLOW_END, flow);
	return event_write(perfetto, &event);
}

static int counter(void *writer, enum trace_counter which, uint64_t ns, uint64_t value)
{
	struct event event;

	event_begin(&event, COUNTER(which), ns, TYPE_COUNTER);
	event.end = wire_uint(event.end, EVENT_COUNTER, value);
	return event_write(writer, &event);
}

static int span(void *writer, enum trace_lane lane, uint64_t begin_ns, uint64_t end_ns)
{
	struct perfetto *perfetto = writer;
	struct event event;

	event_begin(&event, LANE(lane), begin_ns, TYPE_SLICE_BEGIN);
	if (event_name(perfetto, &event, trace_lane_names[lane].slice))
		return -ENOMEM;
	return write_slice(perfetto, &event, LANE(lane), end_ns);
}

static int end(void *writer)
{
	(void)writer;
	return 0;
}

const struct trace_format perfetto_format = {
	.begin = begin,
	.track = track,
	.wait = wait,
	.point = point,
	.counter = counter,
	.span = span,
	.end = end,
};
