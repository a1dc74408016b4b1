/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the parts of leak_look.c share. */
#ifndef COLLECT_LEAK_LOOK_PARTS_H
#define COLLECT_LEAK_LOOK_PARTS_H

#include "collect/heap_roots.h"
#include "collect/leak_look.h"
#include "collect/pc_cache.h"
#include "collect/reach.h"
#include "collect/stack_memory.h"

struct leak_looking {
	const struct target *target;
	const struct leak_look_options *options;
	struct snapshot_reader *reader;
	struct leak_look *look;
	struct snapshot before, after; /* the first look's */
	struct snapshot last;          /* the second one's */
	struct stack_memory stacks_before, stacks_after;
	struct heap heap;
	struct heap_roots roots;
	uint64_t needed;
	VEC(uint64_t) gs;
	VEC(uint32_t) moved; /* in `after`: those that are not as they were, or may have run */
	/* by goroutine of `after`: index in `before` + 1, 0: none */
	uint32_t *earlier;
	VEC(struct reach_goroutine) goroutines; /* those of `after`, then those that are gone */
	VEC(uint64_t) waits;
	struct reach reach;
	bool again; /* there was a second look */
};

static inline void leak_looking_phase(const struct leak_looking *looking, const char *name)
{
	if (looking->options->phase)
		looking->options->phase(looking->options->ctx, name);
}

/* leak_look_goroutines.c: those of `after` with their roles and stacks, and those that are gone. 0; -ENOMEM, -ESRCH, -EPERM. */
int leak_looking_assemble(struct leak_looking *looking);
bool leak_waits_for_nothing(const struct target *target, const struct goroutine *goroutine);
/* A goroutine that runs finalizers or cleanups is blocked in the program's own code. */
bool leak_finalizers_stuck(const struct target *target, const struct snapshot *snapshot,
			   struct pc_cache *cache);

/* Sets *err by what ended a look. Returns the status. */
int leak_look_error(const struct leak_looking *looking, int status, struct err *err);

#endif
