// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Goroutine by goroutine: what each of them comes to do with what others wait for. */
#include "collect/next_ops_parts.h"

#include <errno.h>
#include <stdlib.h>

#define GOROUTINES_AT_ONCE 1024
#define STACK_MAX (256U << 10) /* bytes of one stack, from its innermost frame on */
#define PAGES_MAX 4096
#define BEHIND_STEPS (1U << 22) /* instructions followed to find who waits for itself */

size_t next_ops_find_frames(struct finder *finder, const struct goroutine *goroutine,
			    const struct stack_bytes *stack)
{
	struct unwind unwind = { .target = finder->target,
				 .cache = finder->pcs,
				 .pc = stack->pc,
				 .sp = stack->lo,
				 .stack_hi = stack->lo + stack->len,
				 .in_syscall = goroutine->status == G_SYSCALL,
				 .window = stack->bytes,
				 .window_len = stack->len,
				 .spill = NULL,
				 .frames = finder->frames };
	bool cut;

	return unwind_stack(&unwind, finder->frame_pcs, NEXT_OPS_FRAMES_MAX, &cut);
}

int next_ops_look_at_frames(struct finder *finder, uint32_t index, const struct stack_bytes *stack,
			    size_t count)
{
	const struct goroutine *goroutine = &finder->snapshot->goroutines.data[index];
	const struct machine_memory memory = { .pages = finder->pages,
					       .stack = stack->bytes,
					       .stack_lo = stack->lo,
					       .stack_hi = stack->lo + stack->len };
	struct own_wait wait;
	int status = 0;

	own_wait_find(finder, goroutine, count, &wait);
	if (finder->looks_behind)
		return wait.is_lock ? next_ops_look_behind(finder, index, count, &memory, &wait) :
				      0;
	finder->decision_count = 0;
	ahead_set_goroutine(finder->ahead, goroutine->g, &memory);
	for (size_t i = 0; i < count && !status; i++) {
		const struct code_function *function = code_at(finder->code, finder->frames[i].pc);

		/* nothing of the frames below goes on where it is */
		if (function && function->effect == CODE_UNWINDS)
			break;
		/* behind a call that does not return is somebody else's code */
		if (function && function->effect == CODE_NO_RETURN)
			i++;
		else
			status = next_ops_look_ahead(finder, index, i, &wait);
	}
	return status;
}

static int look_at(struct finder *finder, uint32_t index, const struct stack_bytes *stack)
{
	const struct goroutine *goroutine = &finder->snapshot->goroutines.data[index];
	size_t count = next_ops_find_frames(finder, goroutine, stack);

	/* it must rest where the snapshot saw it */
	if (!count || !goroutine->pc_count ||
	    finder->frame_pcs[0] != finder->snapshot->pcs.data[goroutine->first_pc]) {
		finder->snapshot->ahead_left_out++;
		return 0;
	}
	return next_ops_look_at_frames(finder, index, stack, count);
}

static int look_at_some(struct finder *finder, const uint32_t *which, size_t count)
{
	const struct stack_memory_options options = { .max_stack = STACK_MAX };
	struct stack_memory memory;
	int status = stack_memory_read(finder->target, finder->snapshot, which, count, &options,
				       &memory);

	for (size_t i = 0; i < count && !status; i++) {
		const struct stack_bytes *stack = &memory.stacks[which[i]];

		if (stack->state == STACK_AT_REST &&
		    (finder->looks_behind ? finder->behind_steps > 0 :
					    !ahead_is_exhausted(finder->ahead)))
			status = look_at(finder, which[i], stack);
		else
			finder->snapshot->ahead_left_out++;
	}
	stack_memory_free(&memory);
	return status;
}

/*
 * Equal stacks share their pcs. Thousands that stand alike must not use up the steps before the one that
 * holds what they wait for is looked at: so first a few of each stack, then the rest.
 */
#define ALIKE_FIRST 64

static int order_of_looking(struct finder *finder, uint32_t *order, size_t *count)
{
	const struct snapshot *snapshot = finder->snapshot;
	struct addr_map seen = { 0 };
	size_t first = 0, later = 0;
	uint32_t *rest = calloc(snapshot->goroutines.len + 1, sizeof(*rest));
	int status = rest ? 0 : -ENOMEM;

	for (size_t i = 0; i < snapshot->goroutines.len && !status; i++) {
		const struct goroutine *goroutine = &snapshot->goroutines.data[i];
		uint32_t *alike;

		if (!next_ops_wants(finder, i))
			continue;
		if (goroutine->torn)
			finder->snapshot->ahead_left_out++;
		if (goroutine->torn || goroutine->status == G_RUNNING)
			continue;
		alike = addr_map_put(&seen, (uint64_t)goroutine->first_pc + 1);
		if (!alike)
			status = -ENOMEM;
		else if ((*alike)++ < ALIKE_FIRST)
			order[first++] = (uint32_t)i;
		else
			rest[later++] = (uint32_t)i;
	}
	if (!status)
		memcpy(order + first, rest, later * sizeof(*rest));
	*count = first + later;
	addr_map_free(&seen);
	free(rest);
	return status;
}

static int look_at_each(struct finder *finder, const uint32_t *which, size_t count)
{
	int status = 0;

	for (size_t i = 0; i < count && !status; i += GOROUTINES_AT_ONCE)
		status = look_at_some(finder, which + i,
				      count - i < GOROUTINES_AT_ONCE ? count - i :
								       GOROUTINES_AT_ONCE);
	return status;
}

static int look_behind_all(struct finder *finder)
{
	uint32_t *which = calloc(finder->snapshot->goroutines.len + 1, sizeof(*which));
	size_t count = 0;
	int status = which ? next_ops_waiting_for_nobody(finder, which, &count) : -ENOMEM;

	finder->looks_behind = true;
	finder->behind_steps = BEHIND_STEPS;
	if (!status)
		status = look_at_each(finder, which, count);
	free(which);
	return status;
}

static int look_at_all(struct finder *finder)
{
	uint32_t *order = calloc(finder->snapshot->goroutines.len + 1, sizeof(*order));
	size_t count = 0;
	int status = order ? order_of_looking(finder, order, &count) : -ENOMEM;

	if (!status)
		status = look_at_each(finder, order, count);
	free(order);
	if (!status)
		status = next_ops_look_at_running(finder);
	return status ? status : look_behind_all(finder);
}

int next_op_order(const void *a, const void *b, void *ctx)
{
	const struct next_op *x = a, *y = b;

	(void)ctx;
	if (x->object != y->object)
		return x->object < y->object ? -1 : 1;
	if (x->goroutine != y->goroutine)
		return x->goroutine < y->goroutine ? -1 : 1;
	return (int)x->what - (int)y->what;
}

static int choose(struct finder *finder, struct next_ops_of whom)
{
	if (!whom.which)
		return 0;
	finder->wanted = calloc(finder->snapshot->goroutines.len + 1, sizeof(*finder->wanted));
	if (!finder->wanted)
		return -ENOMEM;
	for (size_t i = 0; i < whom.count; i++)
		finder->wanted[whom.which[i]] = true;
	return 0;
}

int next_ops_find(const struct target *target, struct code *code, enum ahead_of of, uint32_t steps,
		  struct next_ops_of whom, struct snapshot *snapshot)
{
	struct finder finder = { .target = target, .code = code, .snapshot = snapshot };
	int status = choose(&finder, whom);

	if (!status)
		status = next_ops_watch(&finder, of);
	snapshot->next_ops.len = 0;
	snapshot->ahead_left_out = 0;
	if (!status && finder.watched.used) {
		finder.pages = page_cache_new(target->pid, PAGES_MAX);
		finder.pcs = pc_cache_new();
		finder.ahead =
			ahead_new(target, code, finder.pages, steps, next_ops_watches, &finder);
		status = finder.pages && finder.pcs && finder.ahead ? look_at_all(&finder) :
								      -ENOMEM;
	}
	vec_sort(&snapshot->next_ops, next_op_order, NULL);
	ahead_free(finder.ahead);
	pc_cache_free(finder.pcs);
	page_cache_free(finder.pages);
	addr_map_free(&finder.watched);
	free(finder.wanted);
	vec_free(&finder.ops);
	return status;
}
