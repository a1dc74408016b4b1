// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/flame_build.h"

#define CALLS 3
#define DEPTH_MAX 1024

struct callers {
	uint64_t calls[CALLS]; /* the key: return addresses in a row */
	const uint64_t *rest; /* the pcs behind them, in one of the stacks; NULL: there are several */
	size_t count;
	UT_hash_handle hh;
};

struct flame_callers {
	struct callers *table;
};

static int note(struct flame_callers *callers, const uint64_t *pcs, const uint64_t *end)
{
	const uint64_t *rest = pcs + CALLS;
	size_t count = (size_t)(end - rest);
	struct callers *known;

	HASH_FIND(hh, callers->table, pcs, sizeof(known->calls), known);
	if (known) {
		if (known->rest && (known->count != count ||
				    memcmp(known->rest, rest, count * sizeof(*rest)) != 0))
			known->rest = NULL;
		return 0;
	}
	known = calloc(1, sizeof(*known));
	if (!known)
		return -ENOMEM;
	memcpy(known->calls, pcs, sizeof(known->calls));
	known->rest = rest;
	known->count = count;
	HASH_ADD(hh, callers->table, calls, sizeof(known->calls), known);
	return 0;
}

static int note_stack(void *ctx, const struct stack *stack)
{
	int status = 0;

	/* what does not begin where goroutines begin ends nothing */
	for (size_t i = 0; stack->whole && i + CALLS < stack->pc_count && !status; i++)
		status = note(ctx, stack->pcs + i, stack->pcs + stack->pc_count);
	return status;
}

int flame_callers_make(struct flame_build *build)
{
	build->callers = calloc(1, sizeof(*build->callers));
	if (!build->callers)
		return -ENOMEM;
	return stack_table_each(build->model->stacks, note_stack, build->callers);
}

void flame_callers_free(struct flame_callers *callers)
{
	struct callers *known, *next;

	if (!callers)
		return;
	HASH_ITER(hh, callers->table, known, next) {
		HASH_DEL(callers->table, known);
		free(known);
	}
	free(callers);
}

const struct stack *flame_complete(struct flame_build *build, const struct stack *stack)
{
	struct stack_table *stacks = build->model->stacks;
	const struct stack *deeper = stack->whole ? stack : stack_deeper(stacks, stack);
	uint64_t pcs[DEPTH_MAX];
	struct callers *known;

	if (deeper)
		return deeper;
	if (!build->callers || stack->pc_count < CALLS)
		return stack;
	HASH_FIND(hh, build->callers->table, stack->pcs + stack->pc_count - CALLS,
		  sizeof(known->calls), known);
	if (!known || !known->rest || stack->pc_count + known->count > DEPTH_MAX)
		return stack;
	memcpy(pcs, stack->pcs, stack->pc_count * sizeof(*pcs));
	memcpy(pcs + stack->pc_count, known->rest, known->count * sizeof(*pcs));
	return stack_intern(stacks, pcs, stack->pc_count + known->count);
}
