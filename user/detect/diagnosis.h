/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The result of one look at a process: what reports are made from. */
#ifndef DETECT_DIAGNOSIS_H
#define DETECT_DIAGNOSIS_H

#include "detect/detect.h"
#include "detect/timeline.h"

struct diagnosis {
	struct detect_input input;
	struct waits_graph graph;
	struct findings findings;
	timeline timeline;
	char no_probes[400]; /* why there are no probes; "" */
};

/* Run the detectors on diagnosis->input and make the timeline. 0 or -errno. */
int diagnosis_make(struct diagnosis *diagnosis);
/* Frees what diagnosis_make made; the input is the caller's. */
void diagnosis_free(struct diagnosis *diagnosis);

/* The detectors that could judge: `id` is among those that could not. */
bool diagnosis_judged(const struct diagnosis *diagnosis, const char *id);

#endif
