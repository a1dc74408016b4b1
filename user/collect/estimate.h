/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the maps' totals are worth when the probes were on in windows only. Pure. Events are weighted
 * by what the target would have done untraced in the time that a window stands for, times by that
 * time itself (probe/progress.h).
 *
 * Totals are weighted already (conctrace_abi.h), so for all the time since the start:
 *
 *   what                                   as it is in the maps
 *   spawns, exits, parks, wake-ups,        an estimate without bias, of estimate_error
 *   chan_ops, releases, site.parks,
 *   site.aborted
 *   waits, wait_ns_total, hist of sites    too low: of the waits only those that began and ended in
 *   and objects                            the same window, fewer the longer they are; by
 *                                          estimate_waits what they would be had all been seen that
 *                                          are shorter than the longest window
 *   wait_ns_max, waits of one task         lower bounds
 *   longer waits                           not there at all: a snapshot has those that go on
 *
 * With a event_weight of 1 and one window all of it is exact, and these functions change nothing.
 */
#ifndef COLLECT_ESTIMATE_H
#define COLLECT_ESTIMATE_H

#include <stdbool.h>
#include <stdint.h>

#include "probe/coverage.h"
#include "probe/governor.h"

bool estimate_is_exact(const struct governor_status *status);

/*
 * Standard error of a weighted total. Of the two parts one is how the rate of all events varies
 * from window to window, the other that few events were seen of this kind (as if at random).
 */
double estimate_error(const struct governor_status *status, uint64_t total);

/* What a weighted total can be at most, had the hits not slowed the program; without the error. */
uint64_t estimate_most(const struct governor_status *status, uint64_t total);

struct estimate_waits {
	uint64_t waits, wait_ns_total;
	uint64_t hist[CT_HIST_SLOTS];
	bool is_lower_bound; /* a slot near the length of the windows could not be made good */
};
void estimate_waits(const struct governor_status *status, const uint64_t hist[CT_HIST_SLOTS],
		    uint64_t wait_ns_total, struct estimate_waits *waits);

#endif
