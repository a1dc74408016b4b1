// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "probe/coverage.h"

#include <math.h>
#include <string.h>

#define GAP_SHARE 0.3 /* of the latest gap in the mean of gaps */

void coverage_start(struct coverage *coverage, uint64_t now)
{
	memset(coverage, 0, sizeof(*coverage));
	coverage->last_ns = now;
}

/* Half of the time before the window is left to it; half of the time after it is yet to come. */
uint64_t coverage_open(struct coverage *coverage, uint64_t now, uint64_t expected_ns)
{
	double gap = now - coverage->last_ns, weight = 1;

	coverage->owed_ns += gap;
	coverage->recent_hits /= 2;
	coverage->recent_ns /= 2;
	if (coverage->windows++)
		coverage->gap_ns += GAP_SHARE * (gap - coverage->gap_ns);
	if (expected_ns)
		weight = (coverage->owed_ns + expected_ns + coverage->gap_ns / 2) / expected_ns;
	coverage->weight = weight > 1 ? weight + 0.5 : 1;
	coverage->last_ns = coverage->opened_ns = now;
	return coverage->weight;
}

double coverage_slot_ns(unsigned slot)
{
	return ldexp(1.5, slot);
}

/* Of the window's part that ends now, the time at which waits of each length can be timed. */
static void note_whole_waits(struct coverage *coverage, uint64_t now)
{
	for (unsigned i = 0; i < CT_HIST_SLOTS; i++) {
		double from = coverage->opened_ns + coverage_slot_ns(i);

		if (from < coverage->last_ns)
			from = coverage->last_ns;
		if (from >= now)
			break;
		coverage->whole_ns[i] += coverage->weight * (now - from);
	}
}

/*
 * The hits in what the part stands for but does not see differ from its own as those of neighbours
 * do. Of the difference from the mean of the two or so before it, two thirds are its own.
 */
static void note_variance(struct coverage *coverage, uint64_t hits, uint64_t length)
{
	double weight = coverage->weight, difference = 0;

	if (coverage->recent_ns > 0)
		difference = hits - coverage->recent_hits / coverage->recent_ns * length;
	coverage->variance += weight * weight * (1 - 1 / weight) * difference * difference * 2 / 3;
	coverage->recent_hits += hits;
	coverage->recent_ns += length;
}

void coverage_add(struct coverage *coverage, uint64_t now, uint64_t hits)
{
	uint64_t length;

	if (now <= coverage->last_ns)
		return;
	length = now - coverage->last_ns;
	note_whole_waits(coverage, now);
	note_variance(coverage, hits, length);
	coverage->owed_ns += length - (double)coverage->weight * length;
	coverage->on_ns += length;
	coverage->counted_ns += coverage->weight * length;
	coverage->squared_ns += (double)coverage->weight * coverage->weight * length;
	coverage->counted_hits += (double)coverage->weight * hits;
	coverage->last_ns = now;
}

uint64_t coverage_stay(struct coverage *coverage)
{
	coverage->weight = 1;
	return 1;
}

double coverage_error(const struct coverage *coverage)
{
	return coverage->counted_hits ? sqrt(coverage->variance) / coverage->counted_hits : 0;
}
