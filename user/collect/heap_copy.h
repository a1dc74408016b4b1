/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Copies spans of the target's heap: straight to their place, in large pieces, by two threads. */
#ifndef COLLECT_HEAP_COPY_H
#define COLLECT_HEAP_COPY_H

#include "collect/heap.h"

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
