/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * For how much time each window stands. Pure: times and hits in, weights and errors out.
 *
 * A window stands for itself and for half the time to the windows before and after it, so events
 * in it count as many times (its weight, a whole number) as that is longer than the window. The
 * time to come is a guess from the gaps so far; what it is off by, what rounding leaves, and what a
 * window that ended early owes, goes to the next one. So at any moment the weighted windows cover
 * the time since the start to within about one gap, and what changes with time is counted for the
 * time in which it was so. Time can be that of any clock (probe/progress.h). (Adding up first and multiplying at the end by time / time on would not
 * do: windows are long when little happens, so it would count too little.)
 */
#ifndef PROBE_COVERAGE_H
#define PROBE_COVERAGE_H

#include <stdint.h>

#include "conctrace_abi.h"

struct coverage {
	uint64_t on_ns;      /* windows' lengths */
	uint64_t counted_ns; /* the same, weighted */
	double squared_ns;   /* weighted twice */
	uint64_t windows;
	double counted_hits; /* weighted */
	/*
	 * Weighted time at which a wait of the slot's typical length (coverage_slot_ns) could end and
	 * have begun in the same window: waits of the slot that were timed, to counted_ns / this.
	 */
	uint64_t whole_ns[CT_HIST_SLOTS];

	uint64_t last_ns; /* up to here */
	double owed_ns;   /* time that no window has stood for yet; negative: ahead */
	double gap_ns;    /* mean of the time between windows */
	uint64_t weight;  /* of the window that is open */
	uint64_t opened_ns;
	double recent_hits, recent_ns; /* of the latest windows, each half as much as the next */
	double variance;               /* of counted_hits */
};

void coverage_start(struct coverage *coverage, uint64_t now);
/* The weight for a window that opens now and is to last `expected_ns`. */
uint64_t coverage_open(struct coverage *coverage, uint64_t now, uint64_t expected_ns);
/* The window had `hits` since it was opened or this was called last, and ends, or stays open. */
void coverage_add(struct coverage *coverage, uint64_t now, uint64_t hits);
/* The weight for what comes, when it stays open. */
uint64_t coverage_stay(struct coverage *coverage);

/*
 * Standard error of counted_hits as a share of it: by how much the rates of neighbouring windows
 * differ, for the time that was not seen. 0 when all was.
 */
double coverage_error(const struct coverage *coverage);
/* Length of the waits that slot `slot` of a histogram counts, ns: their middle. */
double coverage_slot_ns(unsigned slot);

#endif
