/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Walks the stack of a goroutine at rest by the frame sizes in the function table. */
#ifndef COLLECT_UNWIND_H
#define COLLECT_UNWIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collect/frame_args.h"
#include "collect/pc_cache.h"

#define UNWIND_SPILL 32768

/* Where a frame goes on when what it called returns. */
struct unwind_frame {
	uint64_t pc, sp;
	int32_t size;         /* from sp to the return address, bytes */
	bool interrupted;     /* by a signal: it was not calling */
	const uint64_t *regs; /* all sixteen, as in target/lift.h; NULL: not known */
};

struct unwind {
	const struct target *target;
	struct pc_cache *cache;
	uint64_t pc, sp, stack_hi;
	bool in_syscall;       /* pc and sp are those that entersyscall saved */
	const uint8_t *window; /* read beforehand: [sp, sp + window_len) */
	size_t window_len;
	uint64_t window_addr; /* set by unwind_stack */
	uint8_t *spill; /* UNWIND_SPILL bytes, for what is read on demand behind it; NULL: nothing */
	uint64_t spill_addr;
	size_t spill_len;            /* 0: nothing yet */
	struct unwind_frame *frames; /* filled in like the pcs; NULL: not wanted */
	struct frame_args *args;     /* the frames' arguments are appended; NULL: not wanted */
};

/*
 * Pcs of the frames, innermost first, to look up as they are (see snapshot.pcs). Returns how many;
 * *cut when the walk ended before the goroutine's first frame, for want of room or of knowledge.
 */
size_t unwind_stack(struct unwind *unwind, uint64_t *pcs, size_t max, bool *cut);

#endif
