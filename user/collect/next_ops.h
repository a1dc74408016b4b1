/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef COLLECT_NEXT_OPS_H
#define COLLECT_NEXT_OPS_H

#include "collect/code.h"
#include "collect/snapshot.h"

/* Goroutines of a snapshot; which NULL: all. */
struct next_ops_of {
	const uint32_t *which;
	size_t count;
};

/*
 * Fills snapshot->next_ops for each of `whom` at rest and every lock, channel, WaitGroup and Cond that one of
 * them waits for; channels only when `of` says so. A goroutine that has run since the snapshot is left out and
 * counted. `code` remembers functions between calls. After so many steps (0: some 5 s of them) it ends; of
 * goroutines with equal stacks a few are looked at before the many. 0; -ENOMEM, -ESRCH or -EPERM.
 */
int next_ops_find(const struct target *target, struct code *code, enum ahead_of of, uint32_t steps,
		  struct next_ops_of whom, struct snapshot *snapshot);

/* The order of snapshot->next_ops, for vec_sort. */
int next_op_order(const void *a, const void *b, void *ctx);

#endif
