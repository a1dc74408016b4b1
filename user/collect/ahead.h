/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a goroutine at rest does next with a lock, channel or WaitGroup.
 *
 * Its code is followed on paper from where each frame goes on, with the values that lie on its stack. When
 * the next thing that it does with a mutex is to unlock it, it holds it: a program that unlocks what it
 * does not hold is wrong. When it is to lock it, it does not. This covers deferred calls, closures, and
 * locks taken by somebody else's helper, and needs neither symbols nor the past.
 *
 * Nothing is guessed: paths that differ in their answer, and what cannot be followed, give none.
 */
#ifndef COLLECT_AHEAD_H
#define COLLECT_AHEAD_H

#include "base/vec.h"
#include "collect/code.h"
#include "collect/machine.h"
#include "collect/snapshot.h"
#include "collect/unwind.h"

struct ahead_op {
	uint64_t object;
	uint8_t what; /* enum next_what */
};

/* Calls of calls that are followed. */
#define AHEAD_DEPTH 4

struct ahead;

/* Objects that matter: others are passed over. */
typedef bool (*ahead_watched)(void *ctx, uint64_t object);

/* steps: instructions followed in all, then it is exhausted; 0: some 5 s of them. NULL: no memory. */
struct ahead *ahead_new(const struct target *target, struct code *code, struct page_cache *pages,
			uint32_t steps, ahead_watched watched, void *ctx);
void ahead_free(struct ahead *ahead);

/* The goroutine whose frames are asked about. `stack` is good until the next one. */
void ahead_set_goroutine(struct ahead *ahead, uint64_t g, const struct machine_memory *stack);

/* So many instructions were followed that no more are: what is asked from now on stays unknown. */
bool ahead_is_exhausted(const struct ahead *ahead);

/* Every operation on a watched object that may lie ahead in this frame. 0 or -ENOMEM. */
typedef VEC(struct ahead_op) ahead_ops;
int ahead_list(struct ahead *ahead, const struct unwind_frame *frame, ahead_ops *ops);

enum ahead_answer {
	AHEAD_NOTHING, /* the frame is left without touching it */
	AHEAD_HOLDS,
	AHEAD_HOLDS_NOT,
	AHEAD_MAYBE, /* it depends on what cannot be told */
};

/*
 * Whether `unlock` (NEXT_UNLOCK, NEXT_WRITE_UNLOCK, NEXT_READ_UNLOCK, NEXT_RELEASE; or NEXT_DONE: it owes one) of
 * this object comes next. *pending
 * is how many locks of it the goroutine still waits to get, which so many unlocks only take back; it is
 * brought up to date for the frame below. `passes_over`: the other operations of an RWMutex are of no
 * account, for it waits for those.
 */
enum ahead_answer ahead_decide(struct ahead *ahead, const struct unwind_frame *frame,
			       enum next_what unlock, uint64_t object, bool passes_over,
			       int *pending);

#endif
