// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cmd/sampler.h"

#include "base/clock.h"
#include "cmd/output.h"

#define SHARE 10 /* of our time, at most one part in so many */

/* Even between a half and one and a half of the interval, so as not to beat with the target's timers. */
static uint64_t random_interval(struct sampler *sampler)
{
	/* xorshift (Marsaglia) */
	sampler->random ^= sampler->random << 13;
	sampler->random ^= sampler->random >> 7;
	sampler->random ^= sampler->random << 17;
	return sampler->interval_ns / 2 + sampler->random % (sampler->interval_ns + 1);
}

static int take(struct sampler *sampler, struct live *live, struct err *err)
{
	const struct snapshot_options wanted = { .stacks = true, .system = sampler->system };
	int status = snapshot_read(sampler->reader, &wanted, &sampler->snapshot, err);

	if (!status || target_alive(&live->target))
		return status;
	live->gone = true;
	return 0;
}

static void plan_next(struct sampler *sampler, uint64_t began_ns)
{
	uint64_t now_ns = clock_now_ns(), pause_ns = random_interval(sampler);
	uint64_t least_ns = (SHARE - 1) * (now_ns - began_ns);

	sampler->next_ns = now_ns + (pause_ns > least_ns ? pause_ns : least_ns);
}

int sampler_open(struct sampler *sampler, struct live *live, bool system, uint64_t interval_ns,
		 struct err *err)
{
	sampler->system = system;
	sampler->interval_ns = interval_ns;
	sampler->random = clock_now_ns() | 1;
	sampler->reader = snapshot_reader_new(&live->target);
	return sampler->reader ? take(sampler, live, err) : output_no_memory(err);
}

int sampler_begin(struct sampler *sampler, const struct flame_options *options, uint64_t begin_ns,
		  struct err *err)
{
	sampler->samples = flame_samples_new(options, begin_ns);
	plan_next(sampler, clock_now_ns());
	return sampler->samples ? 0 : output_no_memory(err);
}

int sampler_sample(struct sampler *sampler, struct live *live, struct err *err)
{
	uint64_t began_ns = clock_now_ns();
	int status = take(sampler, live, err);

	if (status || live->gone)
		return status;
	if (flame_samples_add(sampler->samples, &live->model, &sampler->snapshot))
		return output_no_memory(err);
	plan_next(sampler, began_ns);
	return 0;
}

void sampler_close(struct sampler *sampler)
{
	flame_samples_free(sampler->samples);
	snapshot_free(&sampler->snapshot);
	snapshot_reader_free(sampler->reader);
}
