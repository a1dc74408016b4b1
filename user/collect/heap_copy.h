/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Copies spans of the target's heap: straight to their place, in large pieces, by two threads. */
#ifndef COLLECT_HEAP_COPY_H
#define COLLECT_HEAP_COPY_H

#include "collect/heap.h"

#define HEAP_RUNS_MAX 256 /* below IOV_MAX */

/* [addr, addr + len) of the target to `to`. */
struct heap_run {
	uint64_t addr, len;
	uint8_t *to;
};

/*
 * At most HEAP_RUNS_MAX, whose places follow one another, in one call. Pages that cannot be read become
 * zero and are counted. 0; -ESRCH, -EPERM.
 */
int heap_copy_runs(pid_t pid, const struct heap_run *runs, size_t count, uint64_t *unreadable);

struct heap_copy {
	const struct target *target;
	const struct heap_options *options;
	bool quiet; /* no progress */
	VEC(struct heap_span *) spans;
	uint64_t total; /* bytes */
};

/* To be copied; before heap_copy_run, in ascending order. 0, -ENOMEM. */
int heap_copy_add(struct heap_copy *copy, struct heap_span *span);
/*
 * Sets `bytes` of each span; the memory goes to heap->blocks. Pages that cannot be read are zero
 * and counted. 0; -ENOMEM; -ESRCH, -EPERM.
 */
int heap_copy_run(struct heap_copy *copy, struct heap *heap);
void heap_copy_free(struct heap_copy *copy);

#endif
