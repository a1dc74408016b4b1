// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "probe/spin_cost.h"

#include <stdint.h>

#include "base/clock.h"

#define PAUSES 30
#define ROUNDS 20
#define BATCHES 8 /* the fastest counts: others were interrupted */

static void pause_once(void)
{
#if defined(__x86_64__)
	__asm__ volatile("pause");
#else
#error "how does Go spin on this architecture?"
#endif
}

static uint64_t batch_ns(void)
{
	uint64_t began_ns = clock_now_ns();

	for (int i = 0; i < ROUNDS * PAUSES; i++)
		pause_once();
	return clock_now_ns() - began_ns;
}

double spin_round_ns(void)
{
	uint64_t best = batch_ns();

	for (int i = 1; i < BATCHES; i++) {
		uint64_t ns = batch_ns();

		best = ns < best ? ns : best;
	}
	return (double)best / ROUNDS;
}
