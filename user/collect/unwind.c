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

static bool holds(uint64_t start, size_t len, uint64_t addr)
{
	return addr >= start && len >= 8 && addr - start <= len - 8;
}

static bool read_word(struct unwind *unwind, uint64_t addr, uint64_t *word)
{
	if (holds(unwind->window_addr, unwind->window_len, addr)) {
		memcpy(word, unwind->window + (addr - unwind->window_addr), sizeof(*word));
		return true;
	}
	if (addr % 8 || addr >= unwind->stack_hi || unwind->stack_hi - addr < 8)
		return false;
	if (!holds(unwind->spill_addr, unwind->spill_len, addr) && !read_more(unwind, addr))
		return false;
	memcpy(word, unwind->spill + (addr - unwind->spill_addr), sizeof(*word));
	return true;
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
