/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Puts the chunks of a snapshot together, in their order. */
#ifndef COLLECT_SNAPSHOT_ASSEMBLY_H
#define COLLECT_SNAPSHOT_ASSEMBLY_H

#include "collect/chunk.h"
#include "collect/snapshot.h"

struct snapshot_assembly {
	struct snapshot *snapshot;
	const struct snapshot *last;
	struct snapshot_memory *next;
	struct stack_set stacks;
	VEC(uint32_t) origins; /* of each goroutine */
	cond_waiters conds;
};

/* The chunk stays the caller's; its indices become those of the snapshot. 0, -ENOMEM. */
int snapshot_assembly_take(struct snapshot_assembly *assembly, const struct chunk *chunk);
/* After the last chunk: the stacks go to the snapshot. 0, -ENOMEM. */
int snapshot_assembly_end(struct snapshot_assembly *assembly);
void snapshot_assembly_free(struct snapshot_assembly *assembly);

#endif
