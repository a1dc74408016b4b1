/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which goroutines can still be woken: a conservative mark over a copied heap, as Go's own
 * goroutineleak profile does it (runtime/mgc.go of 1.26, findGoroutineLeaks). Pure: it reads nothing of
 * the target.
 *
 * Every word of the roots that is an address of an object marks that object and what it leads to. A
 * blocked goroutine is alive once an object that it waits for is marked: then its stack is a root,
 * too. That goes on until nothing changes; nothing alive can ever wake those that are left.
 *
 * The structs of goroutines and the sudogs that queue them are marked but not followed: else each
 * waiter would keep alive what it waits for.
 */
#ifndef COLLECT_REACH_H
#define COLLECT_REACH_H

#include "collect/heap.h"

enum reach_role {
	REACH_ROOT,  /* it runs, or something outside of the heap can wake it */
	REACH_WAITS, /* for one of its objects */
	REACH_NEVER, /* for nothing: a nil channel, a select without cases */
};

struct reach_goroutine {
	uint64_t g;                      /* its runtime.g; followed when it is alive */
	struct heap_bytes stacks[2];     /* the used part; the second where it was read twice */
	uint32_t first_wait, wait_count; /* in `waits` */
	uint8_t role;                    /* enum reach_role */
	bool alive;                      /* out */
};

struct reach {
	const struct heap *heap;
	const struct layout *layout;
	const uint64_t *gs; /* every runtime.g that was ever made */
	size_t g_count;
	const struct heap_bytes *roots;
	size_t root_count;
	struct reach_goroutine *goroutines;
	size_t goroutine_count;
	/* addresses of what goroutines wait for; one that is in no object of the heap is alive */
	const uint64_t *waits;
	size_t wait_count;
	/* a bit for each object: those that are reachable besides; NULL: none */
	const uint64_t *touched;
	unsigned workers;  /* threads; 0: as many as the heap is worth */
	uint64_t marked;   /* out: objects */
	struct mark *mark; /* NULL at first */
};

/*
 * Sets `alive` of each goroutine. When it is called again, what was marked stays so, and what is touched
 * or a root only now is followed besides. 0, -ENOMEM.
 */
int reach_run(struct reach *reach);
void reach_free(struct reach *reach);

#endif
