/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Incidents that go on from one look to the next. Pure. An incident is known by finding_key; it has
 * ended when so many looks in a row, each of which could judge, did not find it.
 */
#ifndef DETECT_OPEN_INCIDENTS_H
#define DETECT_OPEN_INCIDENTS_H

#include "detect/diagnosis.h"

#define INCIDENT_LOOKS_TO_END 2

struct open_incident {
	char key[512];
	char title[200]; /* of the last look that found it */
	char place[200]; /* "main.f x.go:12"; "": none */
	uint64_t object_addr;
	const char *id;
	enum severity severity;     /* when it began */
	uint64_t first_ns, last_ns; /* looks that found it: CLOCK_MONOTONIC of their ends */
	unsigned missed;            /* looks in a row that did not */
	size_t finding;             /* of the last look; NO_FINDING: it did not find it */
	bool is_new, has_ended;     /* as of the last look */
};

struct open_incidents {
	VEC(struct open_incident) rows;
};

/*
 * Take over one look: those that explain themselves and are at least as bad as `least`. Rows that had ended
 * before are dropped first. 0 or -ENOMEM.
 */
int open_incidents_update(struct open_incidents *open, const struct diagnosis *diagnosis,
			  enum severity least);
/* The process is gone: all have ended. */
void open_incidents_end(struct open_incidents *open);
void open_incidents_free(struct open_incidents *open);

#endif
