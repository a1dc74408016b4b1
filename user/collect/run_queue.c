// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "collect/run_queue.h"

#include <math.h>
#include <string.h>

#include "target/memory.h"

/* runtime/histogram.go: 1.20 to 1.27, buckets from 2^8 on of 4 each; before, from 2^3 on of 16 each. */
#define NEW_BUCKETS 40
#define NEW_SUB 4
#define NEW_MIN_BITS 9
#define OLD_BUCKETS 45
#define OLD_SUB 16
#define OLD_SUB_BITS 4

uint64_t run_queue_slot_ns(unsigned slot)
{
	return (uint64_t)(ldexp(1, (int)slot / 4) * (4 + slot % 4 + 1) / 4);
}

/* The slot for times from `ns` on. */
static unsigned slot_of(double ns)
{
	int exponent;
	double mantissa;
	unsigned slot;

	if (ns < 1)
		return 0;
	mantissa = frexp(ns, &exponent); /* 0.5 <= mantissa < 1 */
	slot = 4 * (unsigned)(exponent - 1) + (unsigned)((mantissa * 2 - 1) * 4);
	return slot < RUN_QUEUE_SLOTS ? slot : RUN_QUEUE_SLOTS - 1;
}

/* Where a bucket of the runtime's begins. */
static double new_begin(unsigned bucket, unsigned sub)
{
	if (!bucket)
		return ldexp(sub, NEW_MIN_BITS - 1 - 2);
	return ldexp(1, (int)bucket + NEW_MIN_BITS - 2) * (1 + (double)sub / NEW_SUB);
}

static double old_begin(unsigned bucket, unsigned sub)
{
	if (!bucket)
		return sub;
	return ldexp(1, (int)bucket - 1 + OLD_SUB_BITS) * (1 + (double)sub / OLD_SUB);
}

void run_queue_read(const struct target *target, struct run_queue *queue)
{
	bool old = target->build.version.minor < 20;
	unsigned count = old ? OLD_BUCKETS * OLD_SUB : NEW_BUCKETS * NEW_SUB;
	uint64_t counts[OLD_BUCKETS * OLD_SUB];

	memset(queue, 0, sizeof(*queue));
	if (!target->time_to_run ||
	    memory_read(target->pid, target->time_to_run, counts, count * sizeof(counts[0])))
		return;
	for (unsigned i = 0; i < count; i++)
		queue->counts[slot_of(old ? old_begin(i / OLD_SUB, i % OLD_SUB) :
					    new_begin(i / NEW_SUB, i % NEW_SUB))] += counts[i];
	queue->known = true;
}

void run_queue_between(const struct run_queue *before, const struct run_queue *now,
		       struct run_queue *difference)
{
	difference->known = before->known && now->known;
	for (unsigned i = 0; i < RUN_QUEUE_SLOTS; i++)
		difference->counts[i] =
			now->counts[i] > before->counts[i] ? now->counts[i] - before->counts[i] : 0;
}

uint64_t run_queue_total(const struct run_queue *queue)
{
	uint64_t total = 0;

	for (unsigned i = 0; i < RUN_QUEUE_SLOTS; i++)
		total += queue->counts[i];
	return total;
}

uint64_t run_queue_quantile(const struct run_queue *queue, double share)
{
	double wanted = share * (double)run_queue_total(queue), below = 0;

	for (unsigned i = 0; i < RUN_QUEUE_SLOTS; i++) {
		below += (double)queue->counts[i];
		if (queue->counts[i] && below >= wanted)
			return run_queue_slot_ns(i);
	}
	return 0;
}
