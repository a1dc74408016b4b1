// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * One packet sequence. Names of events and source locations are interned: written once, in the packet
 * that first has them, and referred to by number.
 */
#include "export/perfetto.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "export/perfetto.pb-c.h"

/* protos/perfetto/trace/track_event/track_event.proto, TrackEvent.Type */
enum { SLICE_BEGIN = 1, SLICE_END, INSTANT, COUNTER };
/* trace_packet.proto, SequenceFlags */
enum { STATE_CLEARED = 1, NEEDS_STATE = 2 };
/* clock_snapshot.proto, BuiltinClocks */
enum { CLOCK_IS_REALTIME = 1, CLOCK_IS_MONOTONIC = 3, CLOCK_IS_BOOTTIME = 6 };
/* counter_descriptor.proto, Unit */
#define UNIT_COUNT 2
#define SEQUENCE 1

#define PROCESS_TRACK 1
#define COVERAGE_TRACK 2
#define COUNTER_TRACK(counter) (16 + (uint64_t)(counter))
#define GOROUTINE_TRACK(goid) (1ULL << 40 | (goid))

enum annotation { NOTE_OBJECT = 1, NOTE_WAKER, NOTE_UNFINISHED, NOTES };
static const char *const note_names[NOTES] = { [NOTE_OBJECT] = "object",
					       [NOTE_WAKER] = "woken by goroutine",
					       [NOTE_UNFINISHED] = "still waiting at the end" };

struct name {
	uint64_t iid;
	UT_hash_handle hh;
	char text[];
};

struct perfetto {
	FILE *out;
	struct name *names;
	uint32_t places; /* written so far: they are numbered as they come */
	uint8_t *buffer;
	size_t size;
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
	free(perfetto->buffer);
	free(perfetto);
}

/* Trace.packet: tag 1, length, packet. */
static int write_packet(struct perfetto *perfetto, const Pf__TracePacket *packet)
{
	size_t len = pf__trace_packet__get_packed_size(packet), left = len;
	uint8_t head[11] = { 0x0a };
	size_t head_len = 1;

	if (len > perfetto->size) {
		free(perfetto->buffer);
		perfetto->buffer = malloc(2 * len);
		perfetto->size = perfetto->buffer ? 2 * len : 0;
		if (!perfetto->buffer)
			return -ENOMEM;
	}
	do {
		head[head_len++] = (uint8_t)((left & 0x7f) | (left > 0x7f ? 0x80 : 0));
		left >>= 7;
	} while (left);
	pf__trace_packet__pack(packet, perfetto->buffer);
	fwrite_unlocked(head, 1, head_len, perfetto->out);
	fwrite_unlocked(perfetto->buffer, 1, len, perfetto->out);
	return 0;
}

/* protobuf-c has mutable strings only, and does not change them. */
static char *text(const char *constant)
{
	return (char *)(uintptr_t)constant;
}

static void init_packet(Pf__TracePacket *packet)
{
	pf__trace_packet__init(packet);
	packet->has_trusted_packet_sequence_id = 1;
	packet->trusted_packet_sequence_id = SEQUENCE;
	packet->has_sequence_flags = 1;
	packet->sequence_flags = NEEDS_STATE;
}

/* What an event refers to and was not written before goes into its packet. */
struct event {
	Pf__TracePacket packet;
	Pf__TrackEvent event;
	Pf__InternedData interned;
	Pf__InternedName name, *names[1];
	Pf__SourceLocation location, *locations[1];
	Pf__DebugAnnotation notes[NOTES], *note_list[NOTES];
	uint64_t flow;
};

static void init_event(struct event *event, uint64_t track, uint64_t ns, uint32_t type)
{
	init_packet(&event->packet);
	pf__track_event__init(&event->event);
	pf__interned_data__init(&event->interned);
	event->packet.has_timestamp = 1;
	event->packet.timestamp = ns;
	event->packet.track_event = &event->event;
	event->event.has_type = 1;
	event->event.type = type;
	event->event.has_track_uuid = 1;
	event->event.track_uuid = track;
	event->event.debug_annotations = event->note_list;
}

static int set_name(struct perfetto *perfetto, struct event *event, const char *name)
{
	size_t len = strlen(name);
	struct name *known;

	event->event.has_name_iid = 1;
	HASH_FIND(hh, perfetto->names, name, len, known);
	if (known) {
		event->event.name_iid = known->iid;
		return 0;
	}
	known = calloc(1, sizeof(*known) + len + 1);
	if (!known)
		return -ENOMEM;
	memcpy(known->text, name, len);
	known->iid = HASH_COUNT(perfetto->names) + 1;
	HASH_ADD_KEYPTR(hh, perfetto->names, known->text, len, known);
	event->event.name_iid = known->iid;
	pf__interned_name__init(&event->name);
	event->name.has_iid = 1;
	event->name.iid = known->iid;
	event->name.name = known->text;
	event->names[0] = &event->name;
	event->interned.n_event_names = 1;
	event->interned.event_names = event->names;
	event->packet.interned_data = &event->interned;
	return 0;
}

static void set_place(struct perfetto *perfetto, struct event *event, uint32_t number,
		      const struct pclntab_frame *frame, char *function, size_t size)
{
	if (!number)
		return;
	event->event.has_source_location_iid = 1;
	event->event.source_location_iid = number;
	if (number <= perfetto->places)
		return;
	perfetto->places = number;
	pclntab_display_name(frame->function, function, size);
	pf__source_location__init(&event->location);
	event->location.has_iid = 1;
	event->location.iid = number;
	event->location.function_name = function;
	event->location.file_name = text(frame->file);
	event->location.has_line_number = 1;
	event->location.line_number = (uint32_t)frame->line;
	event->locations[0] = &event->location;
	event->interned.n_source_locations = 1;
	event->interned.source_locations = event->locations;
	event->packet.interned_data = &event->interned;
}

static Pf__DebugAnnotation *note(struct event *event, enum annotation name)
{
	size_t index = event->event.n_debug_annotations++;
	Pf__DebugAnnotation *annotation = &event->notes[index];

	pf__debug_annotation__init(annotation);
	annotation->has_name_iid = 1;
	annotation->name_iid = name;
	event->note_list[index] = annotation;
	return annotation;
}

static void note_object(struct event *event, uint64_t object)
{
	Pf__DebugAnnotation *annotation;

	if (!object)
		return;
	annotation = note(event, NOTE_OBJECT);
	annotation->has_pointer_value = 1;
	annotation->pointer_value = object;
}

static void note_number(struct event *event, enum annotation name, uint64_t value)
{
	Pf__DebugAnnotation *annotation;

	if (!value)
		return;
	annotation = note(event, name);
	annotation->has_uint_value = 1;
	annotation->uint_value = value;
}

static int write_clocks(struct perfetto *perfetto, const struct trace_about *about)
{
	const struct {
		uint32_t id;
		uint64_t ns;
	} readings[] = { { CLOCK_IS_MONOTONIC, about->at_ns },
			 { CLOCK_IS_BOOTTIME, about->at_ns },
			 { CLOCK_IS_REALTIME, about->wall_ns } };
	Pf__Clock clocks[3], *list[3];
	Pf__ClockSnapshot snapshot;
	Pf__TracePacket packet;

	init_packet(&packet);
	pf__clock_snapshot__init(&snapshot);
	for (size_t i = 0; i < 3; i++) {
		pf__clock__init(&clocks[i]);
		clocks[i].has_clock_id = clocks[i].has_timestamp = 1;
		clocks[i].clock_id = readings[i].id;
		clocks[i].timestamp = readings[i].ns;
		list[i] = &clocks[i];
	}
	snapshot.n_clocks = 3;
	snapshot.clocks = list;
	snapshot.has_primary_trace_clock = 1;
	snapshot.primary_trace_clock = CLOCK_IS_MONOTONIC;
	packet.clock_snapshot = &snapshot;
	packet.has_sequence_flags = 0;
	return write_packet(perfetto, &packet);
}

/* The sequence begins: its clock, and the names of annotations. */
static int write_defaults(struct perfetto *perfetto)
{
	Pf__InternedName names[NOTES], *list[NOTES];
	Pf__TracePacketDefaults defaults;
	Pf__InternedData interned;
	Pf__TracePacket packet;

	init_packet(&packet);
	pf__trace_packet_defaults__init(&defaults);
	pf__interned_data__init(&interned);
	for (int i = 1; i < NOTES; i++) {
		pf__interned_name__init(&names[i]);
		names[i].has_iid = 1;
		names[i].iid = (uint64_t)i;
		names[i].name = text(note_names[i]);
		list[i - 1] = &names[i];
	}
	interned.n_debug_annotation_names = NOTES - 1;
	interned.debug_annotation_names = list;
	defaults.has_timestamp_clock_id = 1;
	defaults.timestamp_clock_id = CLOCK_IS_MONOTONIC;
	packet.sequence_flags = STATE_CLEARED;
	packet.trace_packet_defaults = &defaults;
	packet.interned_data = &interned;
	return write_packet(perfetto, &packet);
}

static int write_track(struct perfetto *perfetto, uint64_t uuid, const char *name,
		       Pf__CounterDescriptor *counter)
{
	Pf__TrackDescriptor track;
	Pf__TracePacket packet;

	init_packet(&packet);
	pf__track_descriptor__init(&track);
	track.has_uuid = track.has_parent_uuid = 1;
	track.uuid = uuid;
	track.parent_uuid = PROCESS_TRACK;
	track.name = text(name);
	track.counter = counter;
	packet.track_descriptor = &track;
	return write_packet(perfetto, &packet);
}

static int write_process(struct perfetto *perfetto, const struct target_facts *target)
{
	const char *slash = strrchr(target->exe, '/');
	Pf__ProcessDescriptor process;
	Pf__TrackDescriptor track;
	Pf__TracePacket packet;

	init_packet(&packet);
	pf__process_descriptor__init(&process);
	pf__track_descriptor__init(&track);
	process.has_pid = 1;
	process.pid = target->pid;
	process.process_name = text(slash ? slash + 1 : target->exe);
	track.has_uuid = 1;
	track.uuid = PROCESS_TRACK;
	track.process = &process;
	packet.track_descriptor = &track;
	return write_packet(perfetto, &packet);
}

static int begin(void *writer, const struct trace_about *about)
{
	struct perfetto *perfetto = writer;
	Pf__CounterDescriptor counter;
	int status = write_clocks(perfetto, about);

	if (!status)
		status = write_defaults(perfetto);
	if (!status)
		status = write_process(perfetto, about->target);
	if (!status)
		status = write_track(perfetto, COVERAGE_TRACK, "probes", NULL);
	pf__counter_descriptor__init(&counter);
	counter.has_unit = 1;
	counter.unit = UNIT_COUNT;
	for (int i = 0; i < TRACE_COUNTERS && !status; i++)
		status = write_track(perfetto, COUNTER_TRACK(i), trace_counter_names[i], &counter);
	return status;
}

static int track(void *writer, uint64_t goid, const char *name)
{
	return write_track(writer, GOROUTINE_TRACK(goid), name, NULL);
}

static int write_end(struct perfetto *perfetto, uint64_t track_uuid, uint64_t ns)
{
	struct event event = { 0 };

	init_event(&event, track_uuid, ns, SLICE_END);
	return write_packet(perfetto, &event.packet);
}

static int wait(void *writer, const struct trace_wait *wait)
{
	struct perfetto *perfetto = writer;
	struct event event = { 0 };
	char function[1024];
	int status;

	init_event(&event, GOROUTINE_TRACK(wait->goid), wait->begin_ns, SLICE_BEGIN);
	status = set_name(perfetto, &event, *wait->reason ? wait->reason : "waits");
	if (status)
		return status;
	set_place(perfetto, &event, wait->place, wait->frame, function, sizeof(function));
	note_object(&event, wait->object);
	note_number(&event, NOTE_WAKER, wait->waker);
	note_number(&event, NOTE_UNFINISHED, wait->unfinished);
	status = write_packet(perfetto, &event.packet);
	return status ? status : write_end(perfetto, GOROUTINE_TRACK(wait->goid), wait->end_ns);
}

static int point(void *writer, enum trace_point which, uint64_t goid, uint64_t ns, uint64_t flow,
		 uint64_t object)
{
	struct perfetto *perfetto = writer;
	struct event event = { 0 };
	int status;

	init_event(&event, GOROUTINE_TRACK(goid), ns, INSTANT);
	status = set_name(perfetto, &event, trace_point_names[which]);
	if (status)
		return status;
	note_object(&event, object);
	event.flow = flow;
	if (flow && (which == TRACE_WAKES || which == TRACE_SPAWNS)) {
		event.event.n_flow_ids = 1;
		event.event.flow_ids = &event.flow;
	} else if (flow) {
		event.event.n_terminating_flow_ids = 1;
		event.event.terminating_flow_ids = &event.flow;
	}
	return write_packet(perfetto, &event.packet);
}

static int counter(void *writer, enum trace_counter which, uint64_t ns, uint64_t value)
{
	struct event event = { 0 };

	init_event(&event, COUNTER_TRACK(which), ns, COUNTER);
	event.event.has_counter_value = 1;
	event.event.counter_value = (int64_t)value;
	return write_packet(writer, &event.packet);
}

static int covered(void *writer, uint64_t begin_ns, uint64_t end_ns)
{
	struct perfetto *perfetto = writer;
	struct event event = { 0 };
	int status;

	init_event(&event, COVERAGE_TRACK, begin_ns, SLICE_BEGIN);
	status = set_name(perfetto, &event, "probes on");
	if (!status)
		status = write_packet(perfetto, &event.packet);
	return status ? status : write_end(perfetto, COVERAGE_TRACK, end_ns);
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
	.covered = covered,
	.end = end,
};
