// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Which goroutines of a look are roots, and which wait for something of the heap. */
#include "collect/leak_look_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collect/addr_map.h"

static uint64_t mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * 0x9e3779b97f4a7c15ULL;
	return hash ^ hash >> 29;
}

uint64_t leak_key(const struct snapshot *snapshot, const struct goroutine *goroutine)
{
	uint64_t key = mix(goroutine->wait_kind, goroutine->wait_reason);

	key = mix(mix(key, goroutine->wait_addr), goroutine->goid);
	for (uint32_t i = 0; i < goroutine->pc_count; i++)
		key = mix(key, snapshot->pcs.data[goroutine->first_pc + i]);
	for (uint32_t i = 0; i < goroutine->case_count; i++)
		key = mix(key, snapshot->cases.data[goroutine->first_case + i].chan);
	return key;
}

bool leak_waits_for_nothing(const struct target *target, const struct goroutine *goroutine)
{
	const char *reason = wait_reason_text(target->reasons_minor, goroutine->wait_reason);

	return reason && (strstr(reason, "(nil chan)") || strstr(reason, "(no cases)"));
}

/* By its wait alone; what is not known for certain to wait for objects of the heap is a root. */
static enum reach_role role_of(const struct target *target, const struct goroutine *goroutine)
{
	if ((goroutine->status != G_WAITING && goroutine->status != G_LEAKED) || goroutine->torn ||
	    goroutine->system || !goroutine->pc_count)
		return REACH_ROOT;
	switch (goroutine->wait_kind) {
	case WAIT_CHAN_SEND:
	case WAIT_CHAN_RECV:
		return goroutine->case_count && !goroutine->cases_cut ? REACH_WAITS : REACH_ROOT;
	case WAIT_SELECT:
		if (goroutine->cases_cut)
			return REACH_ROOT;
		/* it queues nowhere: all of its channels are nil */
		return goroutine->case_count ? REACH_WAITS : REACH_NEVER;
	case WAIT_SEMA:
	case WAIT_COND:
	case WAIT_COROUTINE:
		return goroutine->wait_addr ? REACH_WAITS : REACH_ROOT;
	case WAIT_OTHER:
		return leak_waits_for_nothing(target, goroutine) ? REACH_NEVER : REACH_ROOT;
	default:
		return REACH_ROOT;
	}
}

/* Where each goroutine of `after` was before. */
static int match(struct leak_looking *looking)
{
	const struct snapshot *before = &looking->before, *after = &looking->after;
	struct addr_map by_g = { 0 };
	int status = 0;

	looking->earlier = calloc(after->goroutines.len + 1, sizeof(*looking->earlier));
	if (!looking->earlier)
		return -ENOMEM;
	for (size_t i = 0; i < before->goroutines.len && !status; i++) {
		uint32_t *slot = addr_map_put(&by_g, before->goroutines.data[i].g);

		if (slot)
			*slot = i + 1;
		else
			status = -ENOMEM;
	}
	for (size_t i = 0; i < after->goroutines.len && !status; i++) {
		const struct goroutine *goroutine = &after->goroutines.data[i];
		const uint32_t *slot = addr_map_get(&by_g, goroutine->g);

		if (slot && before->goroutines.data[*slot - 1].goid == goroutine->goid)
			looking->earlier[i] = *slot;
	}
	addr_map_free(&by_g);
	return status;
}

static struct heap_bytes bytes_of(const struct stack_memory *stacks, size_t index)
{
	const struct stack_bytes *stack = &stacks->stacks[index];

	return stack->bytes ? (struct heap_bytes){ stack->bytes, stack->len } :
			      (struct heap_bytes){ 0 };
}

static bool stayed(const struct leak_looking *looking, size_t index)
{
	uint32_t earlier = looking->earlier[index];
	const struct goroutine *goroutine = &looking->after.goroutines.data[index];

	return earlier && looking->stacks_before.stacks[earlier - 1].state == STACK_AT_REST &&
	       leak_key(&looking->after, goroutine) ==
		       leak_key(&looking->before, &looking->before.goroutines.data[earlier - 1]);
}

static int add_waits(struct leak_looking *looking, const struct goroutine *goroutine,
		     struct reach_goroutine *reach)
{
	reach->first_wait = looking->waits.len;
	for (uint32_t i = 0; i < goroutine->case_count; i++) {
		uint64_t chan = looking->after.cases.data[goroutine->first_case + i].chan;
		uint64_t *slot = chan ? vec_push(&looking->waits) : NULL;

		if (chan && !slot)
			return -ENOMEM;
		if (chan)
			*slot = chan;
	}
	if (!goroutine->case_count) {
		uint64_t *slot = vec_push(&looking->waits);

		if (!slot)
			return -ENOMEM;
		*slot = goroutine->wait_addr;
	}
	reach->wait_count = looking->waits.len - reach->first_wait;
	return 0;
}

static int add_goroutine(struct leak_looking *looking, size_t index)
{
	const struct goroutine *goroutine = &looking->after.goroutines.data[index];
	struct reach_goroutine *reach = vec_push(&looking->goroutines);
	uint32_t earlier = looking->earlier[index], *slot;
	int status = 0;

	if (!reach)
		return -ENOMEM;
	reach->g = goroutine->g;
	reach->role = role_of(looking->target, goroutine);
	if (earlier)
		reach->stacks[0] = bytes_of(&looking->stacks_before, earlier - 1);
	if (reach->role != REACH_ROOT && !stayed(looking, index))
		reach->role = REACH_ROOT;
	if (reach->role != REACH_ROOT)
		looking->look->blocked++;
	if (reach->role == REACH_WAITS)
		status = add_waits(looking, goroutine, reach);
	if (status || (reach->role != REACH_ROOT && goroutine->recalled))
		return status;
	slot = vec_push(&looking->moved);
	if (!slot)
		return -ENOMEM;
	*slot = index;
	return 0;
}

/* Those that ended meanwhile may have handed on what they had. */
static int add_gone(struct leak_looking *looking)
{
	size_t count = looking->before.goroutines.len;
	bool *there = calloc(count + 1, sizeof(*there));
	int status = there ? 0 : -ENOMEM;

	for (size_t i = 0; i < looking->after.goroutines.len && !status; i++)
		if (looking->earlier[i])
			there[looking->earlier[i] - 1] = true;
	for (size_t i = 0; i < count && !status; i++) {
		struct reach_goroutine *reach = there[i] ? NULL : vec_push(&looking->goroutines);

		if (reach)
			reach->stacks[0] = bytes_of(&looking->stacks_before, i);
		else if (!there[i])
			status = -ENOMEM;
	}
	free(there);
	return status;
}

/* Stacks of those that moved, as they are now. */
static int read_moved(struct leak_looking *looking)
{
	const struct stack_memory_options options = { .running = true };
	int status = stack_memory_read(looking->target, &looking->after, looking->moved.data,
				       looking->moved.len, &options, &looking->stacks_after);

	for (size_t i = 0; i < looking->moved.len && !status; i++) {
		uint32_t index = looking->moved.data[i];

		looking->goroutines.data[index].stacks[1] = bytes_of(&looking->stacks_after, index);
	}
	return status;
}

bool leak_finalizers_stuck(const struct target *target, const struct snapshot *snapshot,
			   struct pc_cache *cache)
{
	for (size_t i = 0; i < snapshot->goroutines.len; i++) {
		const struct goroutine *goroutine = &snapshot->goroutines.data[i];

		if (!goroutine->system && role_of(target, goroutine) != REACH_ROOT &&
		    pc_cache_look_up(cache, target, goroutine->startpc)->system_when_idle)
			return true;
	}
	return false;
}

int leak_looking_assemble(struct leak_looking *looking)
{
	int status = match(looking);

	for (size_t i = 0; i < looking->after.goroutines.len && !status; i++)
		status = add_goroutine(looking, i);
	if (!status)
		status = read_moved(looking);
	return status ? status : add_gone(looking);
}
