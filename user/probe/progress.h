/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A clock that goes as the target gets its work done. Pure.
 *
 * A program that has no time to spare is slowed by each hit, so that a window of tracing sees fewer
 * events than the same time sees untraced. The Go scheduler itself keeps count, traced or not: one of
 * eight times that a goroutine stops running goes into sched.timeToRun (runtime/proc.go casgstatus,
 * gTrackingPeriod). Windows that stand for such work, and not for time, count what is done outside
 * of them right. Time drives the clock a little, for what makes hits but is no work of the scheduler.
 */
#ifndef PROBE_PROGRESS_H
#define PROBE_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

/* Zero-initialised. */
struct progress {
	double clock;
	/* of the last seconds, in windows and outside */
	double in_work, in_clock, in_ns;
	double out_work, out_clock, out_ns;
};

/* So much more was counted in so much time. */
void progress_note(struct progress *progress, bool in_window, uint64_t work, uint64_t ns);
/* By how much the clock will go on in a window of that length. */
uint64_t progress_expected(const struct progress *progress, uint64_t ns);
/* Enough was counted to tell progress_share. */
bool progress_is_known(const struct progress *progress);
/* What the target does in a window as a share of what it does in the same time outside, up to 1. */
double progress_share(const struct progress *progress);

#endif
