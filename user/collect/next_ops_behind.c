// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Who waits for a lock that it holds itself. */
#include "collect/next_ops_parts.h"

#include <errno.h>
#include <stdlib.h>

#include "collect/behind.h"

#define BEHIND_FRAMES_MAX 16
#define LOCK_SIZE_MAX 32 /* sync.RWMutex has 24 bytes */

static enum next_what held_as(enum behind_answer answer)
{
	if (answer == BEHIND_HOLDS)
		return NEXT_HOLDS;
	return answer == BEHIND_WRITES ? NEXT_WRITES : NEXT_READS;
}

/* The function that a frame is in; pc is behind its call, which may be the last of its code. */
static struct code_function *function_of(struct finder *finder, size_t frame)
{
	return code_at(finder->code, finder->frames[frame].pc - (frame > 0));
}

/* The frame that called the lock's operation; 0: there is none. *reads: RLock is inlined in it. */
static size_t find_caller(struct finder *finder, size_t count, bool *reads)
{
	for (size_t i = 1; i < count; i++) {
		const struct code_function *function = function_of(finder, i);

		if (!function || function->effect == CODE_PLAIN)
			return function ? i : 0;
		if (function->effect == CODE_READ_LOCK)
			*reads = false;
	}
	return 0;
}

/* The runtime's frames below have the semaphore's address as long as it is waited for. */
static bool still_waits(const struct machine_memory *memory, uint64_t end, uint64_t semaphore)
{
	for (uint64_t at = memory->stack_lo; at < end && at + 8 <= memory->stack_hi; at += 8)
		if (!memcmp(memory->stack + (at - memory->stack_lo), &semaphore, 8))
			return true;
	return false;
}

/* From the frame that called the lock's operation on outwards, while nothing is in doubt. */
int next_ops_look_behind(struct finder *finder, uint32_t index, size_t count,
			 const struct machine_memory *memory, const struct own_wait *wait)
{
	uint64_t semaphore = finder->snapshot->goroutines.data[index].wait_addr;
	struct behind_question question = { .target = finder->target,
					    .code = finder->code,
					    .stack = memory,
					    .lock = wait->object,
					    .is_rwmutex = wait->unlock != NEXT_UNLOCK,
					    .reads_inlined = wait->unlock == NEXT_READ_UNLOCK,
					    .steps = &finder->behind_steps };
	struct machine_value regs[MACHINE_REGISTERS] = { 0 };
	enum behind_answer answer = BEHIND_NOTHING;
	size_t i = find_caller(finder, count, &question.reads_inlined);
	int status = 0;

	if (!i || !still_waits(memory, finder->frames[i].sp, semaphore))
		return 0;
	/* the receiver, or the argument of runtime_SemacquireRWMutexR */
	regs[MACHINE_RAX].bits = question.reads_inlined ? semaphore : wait->object;
	regs[MACHINE_RAX].known = true;
	for (; i < count && i < BEHIND_FRAMES_MAX && answer == BEHIND_NOTHING && !status; i++) {
		const struct code_function *callee = function_of(finder, i - 1),
					   *function = function_of(finder, i);

		if (!callee || !function || function->effect != CODE_PLAIN)
			break;
		status = behind_look(&question, &finder->frames[i], callee, regs, &answer);
		if (!status && answer != BEHIND_NOTHING && answer != BEHIND_UNKNOWN)
			status =
				next_ops_add(finder, index, i, wait->object, held_as(answer), true);
		question.reads_inlined = false;
	}
	return status;
}

/*
 * Locks that some goroutine may come to unlock: who waits for them need not wait for itself. Who will
 * leave the RWMutex that it waits for is known to read already; the others' reading says nothing of it.
 */
static int find_known(const struct finder *finder, struct addr_map *unlocked, bool *reads)
{
	const struct snapshot *snapshot = finder->snapshot;

	for (size_t i = 0; i < snapshot->next_ops.len; i++) {
		const struct next_op *op = &snapshot->next_ops.data[i];
		uint64_t semaphore = snapshot->goroutines.data[op->goroutine].wait_addr;

		if (op->what == NEXT_READ_UNLOCK && semaphore - op->object < LOCK_SIZE_MAX)
			reads[op->goroutine] = true;
		if (op->what != NEXT_UNLOCK && op->what != NEXT_WRITE_UNLOCK)
			continue;
		if (addr_map_set(unlocked, op->object, 1))
			return -ENOMEM;
	}
	return 0;
}

static bool may_wait_for_itself(const struct finder *finder, const struct addr_map *unlocked,
				const struct goroutine *goroutine)
{
	const struct layout *layout = &finder->target->layout;
	const uint32_t offsets[] = { layout->mutex_sema, layout->rwmutex_writersem,
				     layout->rwmutex_readersem };

	if (goroutine->torn || goroutine->status != G_WAITING ||
	    goroutine->wait_kind != WAIT_SEMA || !goroutine->wait_addr)
		return false;
	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++)
		if (addr_map_get(unlocked, goroutine->wait_addr - offsets[i]))
			return false;
	return true;
}

int next_ops_waiting_for_nobody(const struct finder *finder, uint32_t *which, size_t *count)
{
	const struct snapshot *snapshot = finder->snapshot;
	bool *reads = calloc(snapshot->goroutines.len + 1, sizeof(*reads));
	struct addr_map unlocked = { 0 };
	int status = reads ? find_known(finder, &unlocked, reads) : -ENOMEM;

	*count = 0;
	for (size_t i = 0; i < snapshot->goroutines.len && !status; i++)
		if (next_ops_wants(finder, i) && !reads[i] &&
		    may_wait_for_itself(finder, &unlocked, &snapshot->goroutines.data[i]))
			which[(*count)++] = (uint32_t)i;
	addr_map_free(&unlocked);
	free(reads);
	return status;
}
