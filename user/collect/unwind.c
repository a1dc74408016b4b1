// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The same steps as runtime/traceback.go: unwinder.resolveInternal, next and symPC. */
#include "collect/unwind.h"

#include <string.h>

#include "target/memory.h"

static bool read_word(struct unwind *unwind, uint64_t addr, uint64_t *word)
{
	if (addr % 8 || addr + 8 > unwind->stack_hi)
		return false;
	if (addr < unwind->window_addr || addr + 8 > unwind->window_addr + unwind->window_len) {
		uint64_t left = unwind->stack_hi - addr;
		size_t len = left < UNWIND_WINDOW ? left : UNWIND_WINDOW;

		unwind->window_len = 0;
		if (memory_read(unwind->target->pid, addr, unwind->window, len))
			return false;
		unwind->window_addr = addr;
		unwind->window_len = len;
	}
	memcpy(word, unwind->window + (addr - unwind->window_addr), sizeof(*word));
	return true;
}

size_t unwind_stack(struct unwind *unwind, uint64_t *pcs, size_t max, bool *cut)
{
	uint64_t pc = unwind->pc, sp = unwind->sp;
	bool interrupted = false; /* this frame was, by the one above it */
	size_t count = 0;

	*cut = true;
	while (count < max) {
		struct pc_info info = *pc_cache_look_up(unwind->cache, unwind->target, pc);
		uint64_t caller;

		if (!info.known)
			return count;
		pcs[count++] = interrupted || info.is_entry ? pc : pc - 1;
		if (info.top_frame) {
			*cut = false;
			return count;
		}
		if (info.writes_sp || info.frame_size < 0)
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
