/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What was written since a heap was copied: as a write barrier does it, objects that a changed word leads
 * to, by its old value or by its new one, count as reachable. A reference that evaded the copy because it
 * moved shows where it has been put since.
 */
#ifndef COLLECT_HEAP_WATCH_H
#define COLLECT_HEAP_WATCH_H

#include "collect/heap.h"

/* Sets the bit of the object of `heap` that the word leads to. */
void heap_touch(const struct heap *heap, uint64_t *touched, uint64_t word);
void heap_touch_bytes(const struct heap *heap, uint64_t *touched, const uint8_t *bytes, size_t len);

struct heap_watch {
	const struct target *target;
	struct heap *heap;       /* the copy, which becomes as the heap is now */
	const heap_spans *spans; /* as they are now: all, or of hot_only by heap_list_news */
	uint64_t *touched;       /* a bit for each object of `heap`; more are set */
	bool hot_only;           /* spans that never changed so far are left out */
	bool new_only;           /* by new values alone: what a second copy would lead to */
	uint64_t changed;        /* out: parts of spans that were new or other than before */
	uint64_t unreadable;     /* out: pages, taken for zeroes */
};

/*
 * Compares the target's heap with the copy. Spans that are new since then are all taken for written.
 * 0; -ENOMEM; -ESRCH, -EPERM.
 */
int heap_watch_run(struct heap_watch *watch);

#endif
