/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Looking at a process for a while, with a snapshot now and then, and asking the detectors. */
#ifndef CMD_OBSERVE_H
#define CMD_OBSERVE_H

#include "cmd/live.h"
#include "cmd/observed_leaks.h"
#include "detect/diagnosis.h"
#include "detect/observed.h"

struct observation {
	struct live live;
	struct observed observed;
	held_contexts contexts; /* at the last snapshot */
	bool has_contexts;
	struct run_queue queue_before, queue_now, queue; /* the last is the difference */
	uint32_t roles;                                  /* that are on */
	bool ended;          /* the last look was ended by the user or the process */
	char no_probes[400]; /* why none is; "" */
	struct observed_leaks leaks;
	struct race_log races;
	bool has_races;
};

int observation_open(struct observation *observation, const struct options *options,
		     struct err *err);
void observation_close(struct observation *observation);

/*
 * Look for so long, or until the user or the process ends it; then the probes are off. Without the
 * privilege or the kernel for probes it is by snapshots only: `no_probes` says why. What an earlier look
 * saw is forgotten, but for the age of what rests.
 */
int observe(struct observation *observation, const struct options *options, uint32_t roles,
	    uint64_t duration_ns, struct err *err);

/* What the detectors are given; good until the next look. *diagnosis is zero-initialised by the caller. */
void observation_input(struct observation *observation, const struct limits *limits,
		       struct diagnosis *diagnosis);

#endif
