/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A part of allgs, read on its own, so that parts can be read by several threads: g structs, the
 * tops of the stacks, and the g structs again. What changed in between was running, and is read once
 * more by itself.
 */
#ifndef COLLECT_CHUNK_H
#define COLLECT_CHUNK_H

#include "collect/frame_args.h"
#include "collect/pc_cache.h"
#include "collect/snapshot.h"
#include "collect/stack_set.h"
#include "collect/wait_object.h"
#include "target/memory.h"

#define CHUNK_MAX 1024 /* goroutines: what is read of them stays in the cache */
#define CHUNK_NONE UINT32_MAX

/* What is remembered of a place in allgs, where always the same g stands. */
struct known_g {
	uint64_t g, hash;
	uint32_t goroutine; /* in the snapshot; CHUNK_NONE: nothing to be remembered */
};

/* The last snapshot. */
struct snapshot_memory {
	VEC(struct known_g) known;
	struct snapshot last;
};

/* The result. */
struct chunk {
	int status;
	uint64_t torn, unreadable, system;
	VEC(struct goroutine) goroutines; /* first_pc: index in stacks.stacks, or CHUNK_NONE */
	VEC(uint32_t) origins;            /* of each: index in the last snapshot, or CHUNK_NONE */
	VEC(struct known_g) known;        /* a place in allgs each; index in this chunk */
	VEC(struct wait_case) cases;
	VEC(uint64_t) args;
	cond_waiters conds; /* of this chunk's goroutines */
	struct stack_set stacks;
};

void chunk_free(struct chunk *chunk);

/* One thread's buffers. */
struct chunk_reader {
	const struct target *target;
	const struct snapshot_options *options;
	const struct snapshot_memory *memory; /* NULL: none */
	struct pc_cache *cache;
	struct frame_args *args; /* NULL: not wanted so far */
	struct memory_scratch *scratch;
	struct parked_hints hints;
	size_t g_size, max_depth, pcs_size;
	uint64_t *addrs;
	uint8_t *before, *after; /* CHUNK_MAX g structs each */
	uint8_t *windows;        /* the tops of the stacks, one behind the other */
	struct memory_piece *pieces;
	struct resting *resting; /* goroutines of the chunk that are new or have run */
	size_t resting_count;
	uint8_t *spill; /* UNWIND_SPILL bytes */
	uint64_t *pcs;  /* max_depth */
};

struct chunk_reader *chunk_reader_new(const struct target *target); /* NULL: no memory */
void chunk_reader_free(struct chunk_reader *reader);

/* Fits the buffers to the options. 0 or -ENOMEM. */
int chunk_reader_set(struct chunk_reader *reader, const struct snapshot_options *options,
		     const struct snapshot_memory *memory);

/*
 * `count` (at most CHUNK_MAX) addresses from `table` on, the first of which is number `first` of
 * allgs. Appends to *chunk, which is empty. 0; -ENOMEM; -ESRCH, -EPERM, -EFAULT as memory_read.
 */
int chunk_read(struct chunk_reader *reader, uint64_t table, size_t first, size_t count,
	       struct chunk *chunk);

#endif
