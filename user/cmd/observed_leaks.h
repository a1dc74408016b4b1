/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a look at the heap found: with a snapshot and a model of their own, beside any other. */
#ifndef CMD_OBSERVED_LEAKS_H
#define CMD_OBSERVED_LEAKS_H

#include "cmd/live.h"
#include "collect/leak_scan.h"
#include "collect/record_rows.h"
#include "model/leaks.h"

struct observed_leaks {
	struct leak_scan scan;
	struct model model;
	struct leaks leaks;
	struct capture capture; /* wall_ns: when the look was over; 0: nobody has looked */
	bool known;
	char why_not[200]; /* when not known */
};

/* *leaks is zero-initialised or freed; how->max_memory 0: leak_scan_fair_memory. 0, or -errno; then they are not known, and *err says why. */
int observed_leaks_look(struct live *live, const struct leak_scan_options *how,
			struct observed_leaks *leaks, struct err *err);
/*
 * In passing, which a process that is too large is not walked: *leaks is zero-initialised or freed. What it finds
 * is marked in the live model (leaks_mark). That it fails is no error: why_not says so.
 */
void observed_leaks_find(struct live *live, const struct options *options,
			 struct observed_leaks *leaks);
/* As it was when zero-initialised. */
void observed_leaks_free(struct observed_leaks *leaks);

/*
 * As a row of a recording, without the rows of what was found, and back: these take what *look owns.
 * The model is an initialised one. 0 or -ENOMEM.
 */
void observed_leaks_row(const struct observed_leaks *leaks, struct record_look *look);
int observed_leaks_take(struct observed_leaks *leaks, struct record_look *look);
/* The rows of what was found, in the order of the scan; freed by the caller. NULL: no memory. */
struct record_leak *observed_leaks_rows(const struct observed_leaks *leaks);

#endif
