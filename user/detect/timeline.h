/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What happened when: of all findings, and of the process itself, in order. */
#ifndef DETECT_TIMELINE_H
#define DETECT_TIMELINE_H

#include "detect/detect.h"

struct timeline_row {
	uint64_t at_ns;   /* CLOCK_MONOTONIC */
	bool at_is_bound; /* then or before */
	bool forecast;
	const char *id; /* of the incident; NULL: of the process */
	char text[200];
};

typedef VEC(struct timeline_row) timeline;

/* *rows is zero-initialised by the caller, who frees it (vec_free). 0 or -ENOMEM. */
int timeline_make(const struct detect_input *input, const struct findings *findings,
		  timeline *rows);

#endif
