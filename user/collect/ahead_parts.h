/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the files of collect/ahead.h share. */
#ifndef COLLECT_AHEAD_PARTS_H
#define COLLECT_AHEAD_PARTS_H

#include "collect/ahead.h"

#define AHEAD_PENDING_MAX 3 /* locks of one object that a goroutine waits to get */

/* How paths end; bits. */
enum outcome {
	HELD = 1,
	TAKEN = 2, /* locked before it is unlocked */
	LEFT = 4,  /* the function returned */
	MIXED = 8, /* a call went either way */
	CUT = 16,  /* what comes is not known */
};

struct question {
	bool decides; /* else: lists */
	bool passes_over;
	enum next_what unlock;
	uint64_t object;
	ahead_ops *ops;
};

struct ahead {
	const struct target *target;
	struct code *code;
	struct page_cache *pages;
	ahead_watched watched;
	void *ctx;
	uint64_t g;
	const struct machine_memory *stack;
	struct question question;
	int steps_left;
	uint64_t all_steps_left;
	int status;
	int depth;
};

/* One function being followed. */
struct path {
	size_t at; /* index of the next instruction */
	int pending;
	struct machine machine;
};

struct walk {
	struct ahead *ahead;
	const struct code_function *function;
	uint64_t frame_sp; /* what runtime.deferreturn compares with */
	bool *seen;        /* by instruction and pending locks */
	struct path **branches;
	size_t branch_count;
	unsigned outcome;
	int left_pending; /* of the paths that left; -1: none yet */
};

/* An operation on the way: false ends the path. */
bool ahead_operation(struct walk *walk, struct path *path, enum next_what what,
		     struct machine_value object);
/* Lock and Unlock as the compiler inlines them: a compare-and-swap, and adding 1 or -1. */
bool ahead_atomic(struct walk *walk, struct path *path, const struct lift_insn *insn);
/* What a call does; false ends the path. */
bool ahead_effect(struct walk *walk, struct path *path, const struct code_function *callee);

#endif
