// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The second look: what those that were lost in the first one have become. */
#include "collect/leak_look_parts.h"

#include <errno.h>
#include <string.h>

#include "collect/addr_map.h"
#include "collect/leak_watch.h"

#define STACK_NEEDED 8 /* bytes, of one of which only its state is asked for */

/* Whether those that are left have run. */
static int see_who_ran(struct leak_looking *looking)
{
	struct leak_look *look = looking->look;
	const struct stack_memory_options options = { .max_stack = STACK_NEEDED };
	struct stack_memory stacks = { 0 };
	VEC(uint32_t) which = { 0 };
	int status = 0;

	for (size_t i = 0; i < look->candidates.len && !status; i++) {
		uint32_t *slot = vec_push(&which);

		if (slot)
			*slot = look->candidates.data[i].goroutine;
		else
			status = -ENOMEM;
	}
	if (!status && which.len)
		status = stack_memory_read(looking->target, &looking->last, which.data, which.len,
					   &options, &stacks);
	for (size_t i = 0; i < look->candidates.len && !status; i++) {
		struct leak_candidate *candidate = &look->candidates.data[i];
		const struct stack_bytes *stack = &stacks.stacks[candidate->goroutine];

		candidate->ran = stack->state != STACK_AT_REST || stack->runs != candidate->runs;
	}
	stack_memory_free(&stacks);
	vec_free(&which);
	return status;
}

/* Those that are still not alive, with their places in the last snapshot. */
static int keep_lost(struct leak_looking *looking)
{
	struct leak_look *look = looking->look;
	struct addr_map by_g = { 0 };
	int status = 0;
	size_t kept = 0;

	for (size_t i = 0; i < looking->last.goroutines.len && !status; i++)
		status = addr_map_set(&by_g, looking->last.goroutines.data[i].g, i);
	for (size_t i = 0; i < look->candidates.len && !status; i++) {
		struct leak_candidate candidate = look->candidates.data[i];
		const uint32_t *place = addr_map_get(&by_g, candidate.g);

		if (!place || looking->goroutines.data[candidate.goroutine].alive)
			continue;
		candidate.goroutine = *place;
		look->candidates.data[kept++] = candidate;
	}
	look->candidates.len = kept;
	addr_map_free(&by_g);
	return status ? status : see_who_ran(looking);
}

static int watch(struct leak_looking *looking)
{
	struct leak_look *look = looking->look;
	struct leak_watch watch = { .target = looking->target,
				    .reader = looking->reader,
				    .heap = &looking->heap,
				    .snapshot = &looking->after,
				    .reach = &looking->reach,
				    .now = &looking->last };
	struct pc_cache *cache = pc_cache_new();
	int status = cache ? leak_watch_run(&watch) : -ENOMEM;

	if (!status) {
		look->marked = looking->reach.marked;
		look->passes = watch.passes;
		look->restless = !watch.enough;
		look->heap_changed |= watch.heap_changed;
		look->foreign_cut |= watch.foreign_cut;
		look->specials_cut |= watch.specials_cut;
		look->finalizers_stuck |=
			leak_finalizers_stuck(looking->target, &looking->last, cache);
		status = keep_lost(looking);
	}
	pc_cache_free(cache);
	return status;
}

int leak_look_again(struct leak_looking *looking, struct leak_look *look, struct err *err)
{
	int status;

	looking->look = look;
	looking->again = true;
	/* its memory is there already, and nobody asks for what was in it any more */
	looking->last = looking->before;
	memset(&looking->before, 0, sizeof(looking->before));
	leak_looking_phase(looking, "watching what it writes");
	status = watch(looking);
	return status ? leak_look_error(looking, status, err) : 0;
}
