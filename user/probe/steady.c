// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "probe/steady.h"

#define DEBT_MOST_NS 5e6

double steady_settle(struct steady *steady, uint64_t now, uint64_t hits, double hit_ns,
		     double share)
{
	double cost = hits > steady->hits ? (double)(hits - steady->hits) * hit_ns : 0;

	steady->hits = hits;
	if (now > steady->settled_ns) {
		steady->debt_ns -= share * (double)(now - steady->settled_ns);
		steady->settled_ns = now;
	}
	if (steady->debt_ns < 0)
		steady->debt_ns = 0;
	steady->debt_ns += cost;
	return cost;
}

bool steady_wanted(const struct steady *steady)
{
	return steady->has_probes &&
	       (steady->placed ? steady->debt_ns < DEBT_MOST_NS : steady->debt_ns <= 0);
}

uint64_t steady_on_ns(const struct steady *steady, uint64_t now)
{
	if (!steady->placed || now < steady->placed_ns)
		return steady->on_ns;
	return steady->on_ns + now - steady->placed_ns;
}
