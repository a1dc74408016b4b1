/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Proven leaks beside a model: from a walk of the heap, with a snapshot and a model of their own. */
#ifndef CMD_OBSERVED_LEAKS_H
#define CMD_OBSERVED_LEAKS_H

#include "cmd/live.h"
#include "collect/leak_scan.h"
#include "model/leaks.h"

struct observed_leaks {
	struct leak_scan scan;
	struct model model;
	struct leaks leaks;
	bool known;
	char why_not[200]; /* when not known */
};

/* rss: of the process, bytes; one that is too large is not walked in passing. That it fails is no error. */
void observed_leaks_find(struct live *live, uint64_t rss, struct observed_leaks *leaks);
/* As it was when zero-initialised. */
void observed_leaks_free(struct observed_leaks *leaks);

#endif
