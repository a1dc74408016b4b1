/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What blocked goroutines wait for. Nothing is taken on trust: an object counts when it names the
 * goroutine as its waiter.
 *
 *	channels            the sudogs in g.waiting
 *	semaphores, network, coroutines
 *	                    the sudog, pollDesc or coro is an argument of the parked functions, so its
 *	                    address lies on the top of the stack
 *	sync.Cond           the same, but it is the list's address that lies there
 *	timers              g.timer
 *	semaphore.Weighted  its address lies in the frames of Acquire, and the channel that this waits for in
 *	                    its list of waiters
 */
#ifndef COLLECT_WAIT_OBJECT_H
#define COLLECT_WAIT_OBJECT_H

#include "collect/snapshot.h"
#include "target/memory.h"

struct chunk;

/* Kind of waiting that a wait reason's text stands for. */
enum wait_kind wait_kind_of(const char *reason);

/*
 * Where on the stack an address was found last, as a word behind sp, plus 1: the parked functions'
 * frames are the same each time. By enum wait_kind; 0: never.
 */
struct parked_hints {
	uint32_t word[WAIT_COROUTINE + 1];
};

/* A goroutine at rest. */
struct waiter {
	uint32_t goroutine; /* in the chunk */
	const uint8_t *g;   /* its struct, copied */
	uint64_t sp, hi;
	const uint8_t *window; /* [sp, sp + window_len) */
	size_t window_len;
};

struct waiters {
	const struct target *target;
	struct memory_scratch *scratch;
	struct parked_hints *hints;
	struct chunk *chunk;
	struct waiter *list;
	size_t count;
};

/* A goroutine that waits for a Cond: looked at when all are known. */
struct cond_waiter {
	uint32_t goroutine; /* in the chunk, later in the snapshot */
	uint64_t sp, hi;
};
typedef VEC(struct cond_waiter) cond_waiters;

/* For each goroutine of a chunk what it waits for, as far as it can tell alone. 0, or -errno. */
int wait_objects(struct waiters *waiters);
int wait_channels(struct waiters *waiters);
/* Of those whose goroutine is of that kind: WAIT_SEMA, WAIT_NETWORK or WAIT_COROUTINE. */
int wait_parked(struct waiters *waiters, enum wait_kind kind);

/* The rest, of all goroutines of a snapshot. 0, -ENOMEM, -ESRCH or -EPERM. */

/* Semaphores that were not found on a stack: from runtime.semtable. */
int wait_semaphores(const struct target *target, struct snapshot *snapshot);
/* State of every channel in snapshot->cases, into snapshot->chans, and the cases' directions. */
int wait_chan_states(const struct target *target, struct snapshot *snapshot);
/* Who is in the Acquire of which semaphore.Weighted, of those whose stacks are known. */
int wait_weighted(const struct target *target, struct snapshot *snapshot);
/* Memory around every semaphore, into snapshot->locks. */
int wait_locks(const struct target *target, struct snapshot *snapshot);
int wait_conds(const struct target *target, struct snapshot *snapshot, const cond_waiters *conds);

#endif
