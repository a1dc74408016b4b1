/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Probes that know no windows (enum ct_pace): on all the time while what they cost stays within a share
 * of it. When more happens than was thought, they go for as long as it takes to make up for it.
 */
#ifndef PROBE_STEADY_H
#define PROBE_STEADY_H

#include <stdbool.h>
#include <stdint.h>

#include "probe/session.h"

struct steady {
	enum ct_pace pace;
	bool has_probes, placed;
	uint64_t placed_ns,
		on_ns; /* since the latest time they were put in place; before that, in all */
	uint64_t hits;
	uint64_t settled_ns;
	double debt_ns; /* cost that time has not earned yet */
};

/* Pure: so many hits in all by now, of which each costs hit_ns. Returns what the new ones cost, ns. */
double steady_settle(struct steady *steady, uint64_t now, uint64_t hits, double hit_ns,
		     double share);
/* Pure: whether they should be in place now. */
bool steady_wanted(const struct steady *steady);
/* Time that they have been in place. */
uint64_t steady_on_ns(const struct steady *steady, uint64_t now);

#endif
