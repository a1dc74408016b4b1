/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Stacks, each kept once: a million goroutines wait in few places. */
#ifndef COLLECT_STACK_SET_H
#define COLLECT_STACK_SET_H

#include <stddef.h>
#include <stdint.h>

#include "base/vec.h"

struct stack_span {
	uint32_t first, count; /* in `pcs` */
	uint32_t hash;
};

/* Zero-initialised: empty. */
struct stack_set {
	VEC(uint64_t) pcs;
	VEC(struct stack_span) stacks;
	uint32_t *slots; /* index in `stacks` + 1, 0: empty */
	size_t mask;
};

/* *index: in `stacks`. 0, or -ENOMEM, also when there are more pcs than 32 bits can number. */
int stack_set_add(struct stack_set *set, const uint64_t *pcs, size_t count, uint32_t *index);
/* Empty it, and keep the memory. */
void stack_set_clear(struct stack_set *set);
void stack_set_free(struct stack_set *set);

#endif
