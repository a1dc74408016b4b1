/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Opens and closes windows of tracing, on a thread of its own, so that what tracing costs the
 * target stays within a share of its time (budget.h says what counts as cost, hit_cost.h what a hit
 * costs). What the probes count in a window is weighted such that totals stand for all the time
 * (coverage.h).
 */
#ifndef PROBE_GOVERNOR_H
#define PROBE_GOVERNOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "conctrace_abi.h"
#include "probe/session.h"

struct governor;

struct governor_status {
	uint64_t on_ns, elapsed_ns; /* windows were open; since the start */
	uint64_t windows;
	uint64_t hits; /* each of them cost a trap, in a window or not */
	double hit_cost_ns;
	double overhead_pct; /* estimated, of the time since the start */
	bool always_on;      /* no budget: counts are exact, not estimated */
	int error; /* tracing has ended by itself: ESRCH when the process is gone; 0: no */

	/*
	 * The time that the maps' weighted totals stand for, within a gap of elapsed_ns: rates are
	 * differences of totals / differences of this. collect/estimate.h uses the rest.
	 */
	uint64_t counted_ns;
	double event_weight; /* mean weight of an event; 1 is exact */
	double hits_error;   /* standard error of all events together, as a share of them */
	/*
	 * By how much less the target did in windows than in the same time outside, as a share: by the
	 * scheduler's own count when is_paced (progress.h), and then the totals of events are made good for
	 * it. Else it is the share of the time in windows that the hits themselves took, on the CPUs that
	 * the target kept busy. What had no time to spare did so much less, and the totals are as much too
	 * low; what waits for the world outside is not slowed, and they are right.
	 */
	double slowdown;
	bool is_paced;
	/*
	 * Highest id of a goroutine seen to be spawned; 0: none. Go hands the ids out one by one (a P
	 * takes 16 at a time: runtime/proc.go, newproc1), so differences count spawns, in windows or not.
	 */
	uint64_t newest_goid;
	uint64_t whole_ns[CT_HIST_SLOTS]; /* see struct coverage */
	/* Time that the probes of a pace without windows were in place (struct steady); [0] is not used. */
	uint64_t steady_ns[CT_PACES];
};

/*
 * Attached, and the first window open, when it returns. max_overhead_pct < 0: no budget, always on.
 * The session stays the caller's, who must only read its maps and constants until governor_stop.
 */
int governor_start(struct probe_session *session, double max_overhead_pct,
		   struct governor **governor, struct err *err);
/* As of now. From any thread. */
void governor_status(struct governor *governor, struct governor_status *status);
/* Detaches; what the maps hold is final then. NULL is fine. */
void governor_stop(struct governor *governor);

#endif
