/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is kept of a process from snapshot to snapshot for the detectors, live or out of a recording. */
#ifndef DETECT_OBSERVED_H
#define DETECT_OBSERVED_H

#include "detect/detect.h"

struct observed {
	struct series *series;
	struct resources before, now; /* at the first and the last snapshot */
	uint64_t first_ns, last_ns;   /* of the snapshots noted; 0: none */
	uint64_t snapshots;
};

/* Forgets what was noted before. 0 or -ENOMEM. */
int observed_begin(struct observed *observed);
void observed_free(struct observed *observed);

/*
 * Note a new snapshot, which the model was updated with; `ahead`: holders were looked for. resources:
 * NULL: unknown. 0 or -ENOMEM.
 */
int observed_note(struct observed *observed, const struct model *model, bool ahead,
		  const struct resources *resources);

/* Its part of what detectors are given; good until the next note. */
void observed_input(const struct observed *observed, struct detect_input *input);

#endif
