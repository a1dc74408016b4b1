/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which goroutines nothing alive leads to. A first look: goroutines and their stacks, a copy of the heap, the
 * goroutines once more, then the mark. A goroutine that was not at rest in the same place before and after the
 * heap was read counts as alive, and what was on its stack both times as a root. A second one: leak_watch.h.
 */
#ifndef COLLECT_LEAK_LOOK_H
#define COLLECT_LEAK_LOOK_H

#include "collect/heap.h"
#include "collect/snapshot.h"

#define LEAK_HEAP_ATTEMPTS 3 /* a program that allocates much changes its spans all the time */
#define LEAK_FOREIGN_MAX (512ULL << 20)

/* A goroutine that nothing alive leads to. */
struct leak_candidate {
	uint64_t g, goid;
	uint32_t goroutine; /* in the look's snapshot */
	uint8_t runs;       /* another number when it ran in between, modulo 256 */
	bool ran;           /* between the two looks */
};

struct leak_look {
	uint64_t at_ns;
	uint64_t read_ns; /* when all that the first look needs was read: then it was followed */
	VEC(struct leak_candidate) candidates;
	uint64_t blocked; /* goroutines that wait for one another's objects */
	uint64_t scan_bytes, noscan_bytes, objects, marked;
	uint64_t copied_bytes; /* of the heap, the stacks and the roots */
	unsigned passes;       /* of the watch */
	bool restless;         /* it could not be watched often enough */
	bool heap_changed;     /* spans changed while they were listed, each time */
	bool foreign_cut;      /* not all of C's memory was looked at */
	bool specials_cut;     /* not all finalizers were found */
	bool finalizers_stuck; /* one blocks: what waits behind it is not known */
};

struct leak_look_options {
	uint64_t max_memory;                                        /* of this process, bytes */
	void (*progress)(void *ctx, uint64_t done, uint64_t total); /* bytes; NULL: nobody asks */
	void (*phase)(void *ctx, const char *name);                 /* NULL: nobody asks */
	void *ctx;
};

/* Memory of a process that is looked at; all that is named must outlive it. NULL: no memory. */
struct leak_looking *leak_looking_new(const struct target *target, struct snapshot_reader *reader,
				      const struct leak_look_options *options);
void leak_looking_free(struct leak_looking *looking);

/* *look is zero-initialised, and leak_look_free frees it. 0, or -errno with the error filled in. */
int leak_look_first(struct leak_looking *looking, struct leak_look *look, struct err *err);
/*
 * After leak_look_first, with the same *look: of its candidates those are left that are not seen to be alive
 * by a second look, and what casts doubt on one of the looks adds up.
 */
int leak_look_again(struct leak_looking *looking, struct leak_look *look, struct err *err);
/* Hands over the snapshot of the last look. */
struct snapshot leak_looking_snapshot(struct leak_looking *looking);
void leak_look_free(struct leak_look *look);

/* Of what must stay the same for as long as a goroutine is blocked. */
uint64_t leak_key(const struct snapshot *snapshot, const struct goroutine *goroutine);

#endif
