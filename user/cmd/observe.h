/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Looking at a process for a while, with a snapshot now and then, and asking the detectors. */
#ifndef CMD_OBSERVE_H
#define CMD_OBSERVE_H

#include "cmd/live.h"
#include "detect/diagnosis.h"

struct observation {
	struct live live;
	struct series *series;
	struct resources before, now;
	uint64_t first_ns, last_ns; /* of the snapshots noted; 0: none */
	uint64_t snapshots;
	uint32_t roles;      /* that are on */
	char no_probes[400]; /* why none is; "" */
	struct race_log races;
	bool has_races;
};

/* Without the privilege or the kernel for probes, by snapshots only: `no_probes` says why. */
int observation_open(struct observation *observation, const struct options *options, uint32_t roles,
		     struct err *err);
void observation_close(struct observation *observation);

/* For so long, or until the user or the process ends it; then the probes are off. */
int observe(struct observation *observation, const struct options *options, uint64_t duration_ns,
	    struct err *err);

/* *diagnosis is zero-initialised by the caller, who frees it. */
int observation_diagnose(struct observation *observation, const struct limits *limits,
			 struct diagnosis *diagnosis, struct err *err);

#endif
