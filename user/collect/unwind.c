// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The same steps as runtime/traceback.go: unwinder.resolveInternal, next and symPC. */
#include "collect/unwind.h"

#include <string.h>

#include "target/memory.h"

static bool read_more(struct unwind *unwind, uint64_t addr)
{
	uint64_t left = unwind->stack_hi - addr;
	size_t len = left < UNWIND_SPILL ? left : UNWIND_SPILL;

	unwind->spill_len = 0;
	if (!unwind->spill)
		return false;
	if (memory_read(unwind->target->pid, addr, unwind->spill, len))
		return false;
	unwind->spill_addr = addr;
	unwind->spill_len = len;
	return true;
}

static bool holds(uint64_t start, size_t have, uint64_t addr, size_t len)
{
	return addr >= start && have >= len && addr - start <= have - len;
}

/* `len` bytes of the stack, good until the next call; NULL: they are not of it, or not readable. */
static const uint8_t *bytes_at(struct unwind *unwind, uint64_t addr, size_t len)
{
	if (holds(unwind->window_addr, unwind->window_len, addr, len))
		return unwind->window + (addr - unwind->window_addr);
	if (addr >= unwind->stack_hi || unwind->stack_hi - addr < len)
		return NULL;
	if (!holds(unwind->spill_addr, unwind->spill_len, addr, len) && !read_more(unwind, addr))
		return NULL;
	return unwind->spill + (addr - unwind->spill_addr);
}

static bool read_word(struct unwind *unwind, uint64_t addr, uint64_t *word)
{
	const uint8_t *bytes = addr % 8 ? NULL : bytes_at(unwind, addr, sizeof(*word));

	if (bytes)
		memcpy(word, bytes, sizeof(*word));
	return bytes;
}

/* Those of the frame at `pc`, which begin at `base`. */
static void take_args(struct unwind *unwind, uint64_t pc, uint64_t base)
{
	struct frame_args *args = unwind->args;
	const struct frame_args_plan *plan = frame_args_plan(args, pc);

	for (size_t i = 0; i < plan->count && !args->cut; i++) {
		size_t size = plan->values[i].size;
		const uint8_t *bytes = bytes_at(unwind, base + plan->values[i].offset, size);
		uint64_t *value = bytes ? vec_push(&args->values) : NULL;

		args->cut = !value;
		if (value)
			memcpy(value, bytes, size);
	}
}

/* A call of a nil function: pc is 0, the return address is where sp points. */
static bool skip_nil_call(struct unwind *unwind)
{
	if (unwind->pc)
		return true;
	if (!read_word(unwind, unwind->sp, &unwind->pc))
		return false;
	unwind->sp += 8;
	return true;
}

size_t unwind_stack(struct unwind *unwind, uint64_t *pcs, size_t max, bool *cut)
{
	bool interrupted = false; /* this frame was, by the one above it */
	size_t count = 0;
	uint64_t pc, sp;

	*cut = true;
	unwind->window_addr = unwind->sp;
	if (!skip_nil_call(unwind))
		return 0;
	pc = unwind->pc;
	sp = unwind->sp;
	while (count < max) {
		struct pc_info info = *pc_cache_look_up(unwind->cache, unwind->target, pc);
		uint64_t caller;

		/* no frame size: foreign code that the table only names */
		if (!info.known || info.frame_size < 0)
			return count;
		if (unwind->frames)
			unwind->frames[count] = (struct unwind_frame){ .pc = pc,
								       .sp = sp,
								       .size = info.frame_size,
								       .interrupted = interrupted };
		pcs[count++] = interrupted || info.is_entry ? pc : pc - 1;
		if (unwind->args)
			take_args(unwind, pcs[count - 1], sp + info.frame_size + 8);
		if (info.top_frame) {
			*cut = false;
			return count;
		}
		/* what a system call does to sp comes after entersyscall saved it */
		if (info.writes_sp && !(unwind->in_syscall && count == 1))
			return count;
		if (!read_word(unwind, sp + info.frame_size, &caller))
			return count;
		if (!caller) {
			*cut = false;
			return count;
		}
		sp += (uint64_t)info.frame_size + 8;
		pc = caller;
		interrupted = info.injects_call;
	}
	return count;
}
