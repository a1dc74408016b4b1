/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A timeline for a trace viewer: a track a goroutine with a slice for each wait, an arrow from the
 * waker to the woken one, the collector's cycles, counters. What is common to the formats is here: which tracks there are,
 * and that time never runs backwards on one. Written as it comes, so that the memory it takes grows
 * with the goroutines that exist, not with the events.
 */
#ifndef EXPORT_TRACE_H
#define EXPORT_TRACE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "conctrace_abi.h"
#include "model/stack.h"
#include "target/facts.h"

/* Times are CLOCK_MONOTONIC. */
struct trace_about {
	const struct target_facts *target;
	uint64_t at_ns, wall_ns; /* the same moment by both clocks */
};

struct trace_wait {
	uint64_t goid, begin_ns, end_ns;
	const char *reason;
	uint32_t place;                    /* number of `frame`; 0: none */
	const struct pclntab_frame *frame; /* NULL: unknown */
	uint64_t object;                   /* 0: none */
	uint64_t waker;                    /* goid; 0: timer, network, runtime, or not ended */
	bool unfinished;                   /* it goes on after end_ns */
	bool assist; /* it is no wait: the goroutine marked for the collector */
};

/* Something without a length on a goroutine's track. */
enum trace_point {
	TRACE_WAKES,   /* `flow` begins here */
	TRACE_WOKEN,   /* `flow` ends here */
	TRACE_SPAWNS,  /* begins */
	TRACE_SPAWNED, /* ends */
	TRACE_EXIT,
	TRACE_RELEASE, /* of a contended lock */
	TRACE_HANDOFF, /* the same, to a waiter */
	TRACE_POINTS
};
extern const char *const trace_point_names[TRACE_POINTS];

enum trace_counter {
	TRACE_GOROUTINES,
	TRACE_RUNNING,
	TRACE_RUNNABLE,
	TRACE_WAITING,
	TRACE_COUNTERS
};
extern const char *const trace_counter_names[TRACE_COUNTERS];

/* A track of its own, with one kind of slices. */
enum trace_lane {
	TRACE_PROBES, /* when they were on */
	TRACE_GC,     /* cycles of the garbage collector */
	TRACE_WORLD,  /* stops of the world */
	TRACE_LANES
};
struct trace_lane_name {
	const char *track, *slice;
};
extern const struct trace_lane_name trace_lane_names[TRACE_LANES];

/* A format. All: 0 or -ENOMEM; errors of the stream stay in it (ferror). */
struct trace_format {
	int (*begin)(void *writer, const struct trace_about *about);
	int (*track)(void *writer, uint64_t goid, const char *name);
	int (*wait)(void *writer, const struct trace_wait *wait);
	int (*point)(void *writer, enum trace_point point, uint64_t goid, uint64_t ns,
		     uint64_t flow, uint64_t object);
	int (*counter)(void *writer, enum trace_counter counter, uint64_t ns, uint64_t value);
	int (*span)(void *writer, enum trace_lane lane, uint64_t begin_ns, uint64_t end_ns);
	int (*end)(void *writer);
};

/* Where the waits of a site of the probes are, and what goroutines are called. */
struct trace_names {
	/* false: there is no such site */
	bool (*site)(void *ctx, uint32_t site, const char **reason, const struct stack **stack);
	/* NULL: unknown */
	const char *(*function)(void *ctx, uint64_t goid, uint64_t gopc);
	void *ctx;
};

struct trace;

/* *format, *names and *about must outlive it. NULL: no memory. */
struct trace *trace_new(const struct trace_format *format, void *writer,
			const struct trace_names *names);
void trace_free(struct trace *trace);

/* All: 0 or -ENOMEM. In any order, but the events of each goroutine in theirs. */
int trace_begin(struct trace *trace, const struct trace_about *about);
int trace_event(struct trace *trace, const struct ct_event *event);
int trace_counters(struct trace *trace, uint64_t ns, const uint64_t values[TRACE_COUNTERS]);
int trace_covered(struct trace *trace, uint64_t begin_ns, uint64_t end_ns);
/* Still waiting at the end. */
int trace_unfinished(struct trace *trace, uint64_t goid, uint64_t since_ns, uint64_t end_ns,
		     const char *reason, const struct stack *stack, uint64_t object);
int trace_end(struct trace *trace);

#endif
