/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The mark of reach.c: from words to objects to their words, by one worker or by two. Each object is
 * pushed once, when it is marked, so the work is bounded by the heap's size whatever its words say.
 */
#ifndef COLLECT_REACH_MARK_H
#define COLLECT_REACH_MARK_H

#include <pthread.h>

#include "collect/addr_map.h"
#include "collect/reach.h"

#define MARK_NONE UINT32_MAX
#define MARK_WORKERS_MAX 2

/* A marked object that is to be scanned; of a large one, from this chunk on. */
struct mark_entry {
	uint32_t span, slot;
};

typedef VEC(struct mark_entry) mark_entries;

/* What all workers share. */
struct mark {
	struct reach *reach;
	uint64_t lowest, size;               /* addresses of the heap: [lowest, lowest + size) */
	uint64_t *marked, *barred, *awaited; /* a bit for each object */
	struct addr_map waiters;             /* first wait + 1 by object number + 1 */
	uint32_t *next_waiter;               /* by wait: another of the same object, or MARK_NONE */
	uint32_t *owners;                    /* by wait: goroutine */
	struct mark_worker *workers[MARK_WORKERS_MAX]; /* NULL: not needed so far */
	/* what workers have given away because others had nothing to do */
	pthread_mutex_t lock;
	pthread_cond_t more;
	mark_entries given;
	unsigned working, idle; /* workers; those of them that wait for more */
	bool no_memory;
};

static inline bool mark_bit(const uint64_t *bits, uint64_t number)
{
	return __atomic_load_n(&bits[number / 64], __ATOMIC_RELAXED) >> number % 64 & 1;
}

/* False: it was set. */
static inline bool mark_set_bit(uint64_t *bits, uint64_t number)
{
	uint64_t bit = 1ULL << number % 64;

	return !(__atomic_fetch_or(&bits[number / 64], bit, __ATOMIC_RELAXED) & bit);
}

/* The first worker, which is the caller; NULL: no memory. */
struct mark_worker *mark_first_worker(struct mark *mark);
void mark_workers_free(struct mark *mark);

/* For the caller's worker: roots, found before mark_run follows them. */
void mark_bytes(struct mark_worker *worker, struct heap_bytes bytes);
void mark_object(struct mark_worker *worker, const struct heap_span *span, uint64_t slot);
void mark_wake(struct mark_worker *worker, uint32_t goroutine);

/* Follows what was found until nothing is left, with as many threads as are worth it. */
void mark_run(struct mark *mark);

#endif
