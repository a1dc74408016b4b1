/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A recording brought to one of its moments: the counterpart of struct live. */
#ifndef CMD_REPLAYED_H
#define CMD_REPLAYED_H

#include "cmd/observed_leaks.h"
#include "cmd/options.h"
#include "cmd/shown.h"
#include "collect/replay.h"
#include "detect/observed.h"
#include "model/capture.h"
#include "model/model.h"
#include "target/facts.h"

/* User goroutines by enum g_status at a batch. */
struct replayed_states {
	uint64_t at_ns;
	uint64_t by_state[16];
};

struct replayed {
	struct replay *replay;
	struct target_facts facts;
	struct model model;
	struct capture capture;
	const struct replay_batch *batch; /* the moment */
	struct replay_moment moment;
	VEC(struct replayed_states) states; /* of the batches up to the moment */
	struct flame_samples *samples;      /* the snapshots up to then; NULL: not wanted */
	struct observed_leaks leaks;        /* by the last look at the heap up to then */
	struct observed *observed;          /* the same for the detectors */
	uint64_t wall_ahead_ns;             /* CLOCK_REALTIME less CLOCK_MONOTONIC, modulo 2^64 */
};

/*
 * As it was at `at` (NULL: the end): seconds since the beginning, negative: before the end, or a time
 * as in RFC 3339; the last batch up to then. flame: NULL, or for which flamegraph samples are wanted;
 * observed: NULL, or begun, to note the snapshots in.
 */
int replayed_open(struct replayed *replayed, const char *path, const char *at,
		  const struct flame_options *flame, struct observed *observed, struct err *err);
/* The moment is the last one, and the recording ended because the process did. */
bool replayed_is_end_of_process(const struct replayed *replayed);
void replayed_close(struct replayed *replayed);

struct shown replayed_shown(struct replayed *replayed, const struct options *options);

#endif
