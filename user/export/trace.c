// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "export/trace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "target/pclntab.h"

const char *const trace_point_names[TRACE_POINTS] = {
	[TRACE_WAKES] = "wakes",
	[TRACE_WOKEN] = "woken",
	[TRACE_SPAWNS] = "spawns",
	[TRACE_SPAWNED] = "spawned",
	[TRACE_EXIT] = "exit",
	[TRACE_RELEASE] = "lets go of lock",
	[TRACE_HANDOFF] = "hands lock on",
};

const char *const trace_counter_names[TRACE_COUNTERS] = {
	[TRACE_GOROUTINES] = "goroutines",
	[TRACE_RUNNING] = "running",
	[TRACE_RUNNABLE] = "runnable",
	[TRACE_WAITING] = "waiting",
};

const struct trace_lane_name trace_lane_names[TRACE_LANES] = {
	[TRACE_PROBES] = { "probes", "probes on" },
	[TRACE_GC] = { "garbage collection", "GC cycle" },
	[TRACE_WORLD] = { "stop the world", "world stopped" },
};

/* A goroutine that has a track and, as far as is known, still exists. */
struct track {
	uint64_t goid;
	uint64_t last_ns; /* of what was written to it */
	UT_hash_handle hh;
};

/* Frames that waits were in; there are few. */
struct place {
	const struct pclntab_frame *frame;
	uint32_t number;
	UT_hash_handle hh;
};

struct trace {
	const struct trace_format *format;
	void *writer;
	const struct trace_names *names;
	struct track *tracks;
	struct place *places;
	uint64_t flows;
	uint64_t last_ns[TRACE_LANES]; /* of what was written to it */
};

struct trace *trace_new(const struct trace_format *format, void *writer,
			const struct trace_names *names)
{
	struct trace *trace = calloc(1, sizeof(*trace));

	if (trace)
		*trace = (struct trace){ .format = format, .writer = writer, .names = names };
	return trace;
}

static void forget(struct trace *trace, struct track *track)
{
	HASH_DEL(trace->tracks, track);
	free(track);
}

void trace_free(struct trace *trace)
{
	struct track *track, *next;
	struct place *place, *next_place;

	if (!trace)
		return;
	HASH_ITER(hh, trace->tracks, track, next)
		forget(trace, track);
	HASH_ITER(hh, trace->places, place, next_place) {
		HASH_DEL(trace->places, place);
		free(place);
	}
	free(trace);
}

int trace_begin(struct trace *trace, const struct trace_about *about)
{
	return trace->format->begin(trace->writer, about);
}

static void make_name(const struct trace *trace, uint64_t goid, uint64_t gopc, char *name,
		      size_t size)
{
	const char *function = trace->names->function(trace->names->ctx, goid, gopc);
	int len = snprintf(name, size, "goroutine %llu ", (unsigned long long)goid);

	if (function)
		pclntab_display_name(function, name + len, size - (size_t)len);
	else
		name[len - 1] = '\0';
}

/* The track of the goroutine, made when new. NULL: no memory. */
static struct track *track_of(struct trace *trace, uint64_t goid, uint64_t gopc)
{
	struct track *track;
	char name[1100];

	HASH_FIND(hh, trace->tracks, &goid, sizeof(goid), track);
	if (track)
		return track;
	track = calloc(1, sizeof(*track));
	if (!track)
		return NULL;
	track->goid = goid;
	make_name(trace, goid, gopc, name, sizeof(name));
	if (trace->format->track(trace->writer, goid, name)) {
		free(track);
		return NULL;
	}
	HASH_ADD(hh, trace->tracks, goid, sizeof(track->goid), track);
	return track;
}

static uint32_t place_of(struct trace *trace, const struct pclntab_frame *frame)
{
	struct place *place;

	if (!frame)
		return 0;
	HASH_FIND_PTR(trace->places, &frame, place);
	if (place)
		return place->number;
	place = calloc(1, sizeof(*place));
	if (!place)
		return 0;
	place->frame = frame;
	place->number = HASH_COUNT(trace->places) + 1;
	HASH_ADD_PTR(trace->places, frame, place);
	return place->number;
}

/* Clocks of different CPUs may differ by a little; on one track time goes on. */
static uint64_t advance(struct track *track, uint64_t ns)
{
	if (ns > track->last_ns)
		track->last_ns = ns;
	return track->last_ns;
}

static int point(struct trace *trace, enum trace_point which, struct track *track, uint64_t ns,
		 uint64_t flow, uint64_t object)
{
	return trace->format->point(trace->writer, which, track->goid, advance(track, ns), flow,
				    object);
}

/* An arrow from one goroutine to another; without the first only what it did to the second. */
static int arrow(struct trace *trace, enum trace_point begin, uint64_t from, enum trace_point end,
		 struct track *to, uint64_t ns, uint64_t object)
{
	struct track *source = from && from != to->goid ? track_of(trace, from, 0) : NULL;
	uint64_t flow = source ? ++trace->flows : 0;
	int status = 0;

	if (from && from != to->goid && !source)
		return -ENOMEM;
	if (source) {
		/* an arrow that goes back in time would be the other way round */
		ns = advance(source, ns);
		status = point(trace, begin, source, ns, flow, object);
	}
	return status ? status : point(trace, end, to, ns, flow, object);
}

static int add_wait(struct trace *trace, const struct ct_event *event)
{
	struct track *track = track_of(trace, event->goid, 0);
	const struct stack *stack = NULL;
	struct trace_wait wait = {
		.goid = event->goid, .reason = "", .object = event->object, .waker = event->other
	};
	int status;

	if (!track)
		return -ENOMEM;
	if (trace->names->site(trace->names->ctx, event->site, &wait.reason, &stack)) {
		wait.frame = stack ? stack->site : NULL;
		wait.place = place_of(trace, wait.frame);
	}
	wait.begin_ns = advance(track, event->ns - event->wait_ns);
	wait.end_ns = advance(track, event->ns);
	status = trace->format->wait(trace->writer, &wait);
	if (status || !event->other)
		return status;
	return arrow(trace, TRACE_WAKES, event->other, TRACE_WOKEN, track, event->ns, 0);
}

static int add_spawn(struct trace *trace, const struct ct_event *event)
{
	struct track *track = track_of(trace, event->goid, event->object);

	if (!track)
		return -ENOMEM;
	return arrow(trace, TRACE_SPAWNS, event->other, TRACE_SPAWNED, track, event->ns, 0);
}

static int add_exit(struct trace *trace, const struct ct_event *event)
{
	struct track *track = track_of(trace, event->goid, event->object);
	int status;

	if (!track)
		return -ENOMEM;
	status = point(trace, TRACE_EXIT, track, event->ns, 0, 0);
	forget(trace, track);
	return status;
}

static int add_release(struct trace *trace, const struct ct_event *event)
{
	struct track *track = track_of(trace, event->goid, 0);

	if (!track)
		return -ENOMEM;
	return point(trace, event->wait_ns ? TRACE_HANDOFF : TRACE_RELEASE, track, event->ns, 0,
		     event->object);
}

static int add_assist(struct trace *trace, const struct ct_event *event)
{
	struct track *track = track_of(trace, event->goid, 0);
	struct trace_wait wait = { .goid = event->goid, .reason = "GC assist", .assist = true };
	const struct stack *stack = NULL;
	const char *ignored;

	if (!track)
		return -ENOMEM;
	if (trace->names->site(trace->names->ctx, event->site, &ignored, &stack) && stack) {
		wait.frame = stack->site;
		wait.place = place_of(trace, wait.frame);
	}
	wait.begin_ns = advance(track, event->ns - event->wait_ns);
	wait.end_ns = advance(track, event->ns);
	return trace->format->wait(trace->writer, &wait);
}

static int add_span(struct trace *trace, enum trace_lane lane, uint64_t begin_ns, uint64_t end_ns)
{
	uint64_t *last_ns = &trace->last_ns[lane];

	if (begin_ns < *last_ns)
		begin_ns = *last_ns;
	if (end_ns <= begin_ns)
		return 0;
	*last_ns = end_ns;
	return trace->format->span(trace->writer, lane, begin_ns, end_ns);
}

int trace_event(struct trace *trace, const struct ct_event *event)
{
	switch (event->type) {
	case CT_EVENT_WAIT:
		return add_wait(trace, event);
	case CT_EVENT_SPAWN:
		return add_spawn(trace, event);
	case CT_EVENT_EXIT:
		return add_exit(trace, event);
	case CT_EVENT_RELEASE:
		return add_release(trace, event);
	case CT_EVENT_GC:
		return add_span(trace, TRACE_GC, event->ns - event->wait_ns, event->ns);
	case CT_EVENT_WORLD_STOP:
		return add_span(trace, TRACE_WORLD, event->ns - event->wait_ns, event->ns);
	case CT_EVENT_ASSIST:
		return add_assist(trace, event);
	default:
		return 0;
	}
}

int trace_counters(struct trace *trace, uint64_t ns, const uint64_t values[TRACE_COUNTERS])
{
	int status = 0;

	for (int i = 0; i < TRACE_COUNTERS && !status; i++)
		status =
			trace->format->counter(trace->writer, (enum trace_counter)i, ns, values[i]);
	return status;
}

int trace_covered(struct trace *trace, uint64_t begin_ns, uint64_t end_ns)
{
	return add_span(trace, TRACE_PROBES, begin_ns, end_ns);
}

int trace_unfinished(struct trace *trace, uint64_t goid, uint64_t since_ns, uint64_t end_ns,
		     const char *reason, const struct stack *stack, uint64_t object)
{
	struct track *track = track_of(trace, goid, 0);
	struct trace_wait wait = { .goid = goid,
				   .reason = reason,
				   .frame = stack ? stack->site : NULL,
				   .object = object,
				   .unfinished = true };

	if (!track)
		return -ENOMEM;
	wait.place = place_of(trace, wait.frame);
	wait.begin_ns = advance(track, since_ns);
	wait.end_ns = advance(track, end_ns);
	return trace->format->wait(trace->writer, &wait);
}

int trace_end(struct trace *trace)
{
	return trace->format->end(trace->writer);
}
