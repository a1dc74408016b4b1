/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the parts of next_ops.c share. */
#ifndef COLLECT_NEXT_OPS_PARTS_H
#define COLLECT_NEXT_OPS_PARTS_H

#include "collect/addr_map.h"
#include "collect/ahead.h"
#include "collect/next_ops.h"
#include "collect/pc_cache.h"
#include "collect/stack_memory.h"
#include "collect/unwind.h"

#define NEXT_OPS_FRAMES_MAX 96
#define NEXT_OPS_DECIDED_MAX 32

/* A lock that the goroutine waits for: which unlock belongs to the operation. */
struct own_wait {
	uint64_t object;
	uint8_t unlock; /* enum next_what */
	bool is_lock;
};

struct decision {
	uint64_t object;
	uint8_t unlock;
	bool done;
	int pending;
};

struct finder {
	const struct target *target;
	struct code *code;
	struct snapshot *snapshot;
	struct addr_map watched;
	bool *wanted; /* by goroutine; NULL: all are */
	struct page_cache *pages;
	struct pc_cache *pcs;
	struct ahead *ahead;
	struct unwind_frame frames[NEXT_OPS_FRAMES_MAX];
	uint64_t frame_pcs[NEXT_OPS_FRAMES_MAX];
	struct decision decisions[NEXT_OPS_DECIDED_MAX];
	size_t decision_count;
	ahead_ops ops;
	bool looks_behind; /* else ahead */
	uint32_t behind_steps;
};

static inline bool next_ops_wants(const struct finder *finder, size_t goroutine)
{
	return !finder->wanted || finder->wanted[goroutine];
}

/* next_ops_watched.c: the objects that those who are wanted wait for. 0; -ENOMEM. */
int next_ops_watch(struct finder *finder, enum ahead_of of);
/* For ahead_new; ctx is the finder. */
bool next_ops_watches(void *ctx, uint64_t object);

/* next_ops_wait.c: of the `count` frames in the finder. */
void own_wait_find(struct finder *finder, const struct goroutine *goroutine, size_t count,
		   struct own_wait *wait);

/* next_ops.c: the frames of a stack, into the finder. Returns how many. */
size_t next_ops_find_frames(struct finder *finder, const struct goroutine *goroutine,
			    const struct stack_bytes *stack);
/* What the goroutine with the finder's frames comes to do. 0; -ENOMEM, -ESRCH or -EPERM, as all below. */
int next_ops_look_at_frames(struct finder *finder, uint32_t index, const struct stack_bytes *stack,
			    size_t count);

/* next_ops_decide.c: adds what a frame comes to do when it goes on. */
int next_ops_look_ahead(struct finder *finder, uint32_t goroutine, uint32_t frame,
			const struct own_wait *wait);
int next_ops_add(struct finder *finder, uint32_t goroutine, uint32_t frame, uint64_t object,
		 enum next_what what, bool certain);

/* next_ops_behind.c: adds that it holds the lock that it waits for already. */
int next_ops_look_behind(struct finder *finder, uint32_t index, size_t count,
			 const struct machine_memory *memory, const struct own_wait *wait);
/* Those who wait for a lock that nobody is known to unlock, into which[0..*count). */
int next_ops_waiting_for_nobody(const struct finder *finder, uint32_t *which, size_t *count);

/* next_ops_running.c: those that run just now, by one sample each. */
int next_ops_look_at_running(struct finder *finder);

#endif
