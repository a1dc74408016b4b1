/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How long goroutines that could run had to wait for a P: the runtime's own histogram, as runtime/metrics
 * has it under /sched/latencies:seconds, read from the process's memory. It counts one in eight.
 */
#ifndef COLLECT_RUN_QUEUE_H
#define COLLECT_RUN_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "target/target.h"

/* Slot i counts times below run_queue_slot_ns(i), four slots to each power of two. */
#define RUN_QUEUE_SLOTS 196

struct run_queue {
	bool known;
	uint64_t counts[RUN_QUEUE_SLOTS]; /* since the process's start */
};

/* `known` is false when the histogram was not found or could not be read. */
void run_queue_read(const struct target *target, struct run_queue *queue);

uint64_t run_queue_slot_ns(unsigned slot);
/* What was counted between the two. */
void run_queue_between(const struct run_queue *before, const struct run_queue *now,
		       struct run_queue *difference);
uint64_t run_queue_total(const struct run_queue *queue);
/* The time that `share` of the goroutines did not wait longer than, ns. */
uint64_t run_queue_quantile(const struct run_queue *queue, double share);

#endif
