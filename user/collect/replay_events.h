/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The timeline of a recording, event by event: nothing of it is kept. */
#ifndef COLLECT_REPLAY_EVENTS_H
#define COLLECT_REPLAY_EVENTS_H

#include "collect/replay.h"

/* All: what `each` returns other than 0 ends the reading and is returned; -errno. */
int replay_events(const struct replay *replay, int (*each)(void *ctx, const struct ct_event *event),
		  void *ctx, struct err *err);
int replay_coverage(const struct replay *replay,
		    int (*each)(void *ctx, uint64_t opened_ns, uint64_t closed_ns), void *ctx,
		    struct err *err);
/* The function that a goroutine started in, of all that a snapshot ever saw. */
int replay_starts(const struct replay *replay,
		  int (*each)(void *ctx, uint64_t goid, uint64_t startpc), void *ctx,
		  struct err *err);

/* CLOCK_MONOTONIC when the recording began. */
int replay_base_ns(const struct replay *replay, uint64_t *base_ns, struct err *err);

#endif
