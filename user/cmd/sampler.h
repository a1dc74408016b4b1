/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Takes snapshots at random times, as often as asked for and as a tenth of our time allows. */
#ifndef CMD_SAMPLER_H
#define CMD_SAMPLER_H

#include "cmd/live.h"
#include "model/flame.h"

struct sampler {
	struct snapshot_reader *reader;
	struct snapshot snapshot;
	struct flame_samples *samples; /* NULL before sampler_begin */
	uint64_t interval_ns, next_ns; /* mean time between two; CLOCK_MONOTONIC of the next */
	uint64_t random;
	bool system;
};

/*
 * Takes one snapshot, which counts for nothing: it tells those that wait already before the probes
 * are attached. *sampler is zeroed by the caller, and closed also after an error.
 */
int sampler_open(struct sampler *sampler, struct live *live, bool system, uint64_t interval_ns,
		 struct err *err);
/* Samples count from begin_ns on. */
int sampler_begin(struct sampler *sampler, const struct flame_options *options, uint64_t begin_ns,
		  struct err *err);
/* Now. Notes in *live when the target is gone, which is no error. */
int sampler_sample(struct sampler *sampler, struct live *live, struct err *err);
void sampler_close(struct sampler *sampler);

#endif
