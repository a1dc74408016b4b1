/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the files of contexts.h share. */
#ifndef COLLECT_CONTEXTS_PARTS_H
#define COLLECT_CONTEXTS_PARTS_H

#include "collect/contexts.h"
#include "collect/stack_memory.h"

struct context_itab;

struct context_reader {
	const struct target *target;
	const struct snapshot *snapshot;
	struct context_itab *itabs;
	held_contexts *held;
};

/* The cancelCtx behind an interface's two words, or 0. */
uint64_t context_behind(struct context_reader *reader, const uint64_t pair[2]);
/* The channel that closes when it is cancelled; 0: nobody has asked for it. */
uint64_t context_done(const struct context_reader *reader, uint64_t context);
/* `first`: of the goroutine, in reader->held. 0 or -ENOMEM. */
int context_add(struct context_reader *reader, size_t first, uint64_t goid, const uint64_t pair[2],
		uint64_t context);

/*
 * Contexts that a goroutine in a select does not have on its stack, but in what a word there points to:
 * those whose Done is one of the select's channels, and no others. 0 or -errno.
 */
int contexts_of_selects(struct context_reader *reader, const struct stack_memory *memory,
			const uint32_t *which, size_t count);

#endif
