// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "collect/estimate.h"

#include <math.h>
#include <string.h>

/* A wait that had but a tenth of the windows to be seen in is multiplied by 10, and no more. */
#define FACTOR_MOST 10
/* The cost of a hit is known to a few percent, and what it leaves of a window no better. */
#define SLOWER_MOST 20

bool estimate_is_exact(const struct governor_status *status)
{
	return status->always_on;
}

double estimate_error(const struct governor_status *status, uint64_t total)
{
	double all = status->hits_error, few;

	if (!total || estimate_is_exact(status))
		return 0;
	few = (status->event_weight - 1) / total;
	return total * sqrt(all * all + few);
}

uint64_t estimate_most(const struct governor_status *status, uint64_t total)
{
	double left = 1 - status->slowdown;

	if (estimate_is_exact(status) || status->is_paced)
		return total;
	return left > 1.0 / SLOWER_MOST ? total / left : SLOWER_MOST * total;
}

/* All waits of a slot for each one that was timed. */
static double slot_factor(const struct governor_status *status, unsigned slot)
{
	double whole = status->whole_ns[slot];

	if (whole * FACTOR_MOST < status->counted_ns)
		return FACTOR_MOST;
	return whole < status->counted_ns ? status->counted_ns / whole : 1;
}

void estimate_waits(const struct governor_status *status, const uint64_t hist[CT_HIST_SLOTS],
		    uint64_t wait_ns_total, struct estimate_waits *waits)
{
	double seen = 0, all = 0;

	memset(waits, 0, sizeof(*waits));
	for (unsigned i = 0; i < CT_HIST_SLOTS; i++) {
		double factor = estimate_is_exact(status) ? 1 : slot_factor(status, i);

		waits->hist[i] = llround(hist[i] * factor);
		waits->waits += waits->hist[i];
		if (hist[i] && factor == FACTOR_MOST)
			waits->is_lower_bound = true;
		seen += hist[i] * coverage_slot_ns(i);
		all += hist[i] * factor * coverage_slot_ns(i);
	}
	/* the slots' middles are only their share of the total, which is exact for those seen */
	waits->wait_ns_total = seen > 0 ? wait_ns_total * (all / seen) + 0.5 : wait_ns_total;
}
