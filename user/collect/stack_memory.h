/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The bytes on the stacks of goroutines of a snapshot: [sched.sp, stack.hi) of one at rest. They are
 * read some time after the snapshot: a goroutine that ran on since is read as it is now, one that
 * ran while it was read is told apart.
 */
#ifndef COLLECT_STACK_MEMORY_H
#define COLLECT_STACK_MEMORY_H

#include "collect/snapshot.h"

enum stack_state {
	STACK_NONE,    /* not asked for, gone, running, unreadable, or beyond max_total */
	STACK_AT_REST, /* it did not run while it was read */
	STACK_TORN,    /* it did: the bytes are not of one moment */
	STACK_WHOLE,   /* it runs: [stack.lo, stack.hi), stale words among them */
};

struct stack_bytes {
	uint64_t lo; /* address of bytes[0]; sched.sp, or stack.lo when STACK_WHOLE */
	uint64_t hi; /* stack.hi */
	size_t len;  /* hi - lo, or less when it was cut by max_stack */
	const uint8_t *bytes;
	uint64_t pc;   /* where it rests; 0 when STACK_WHOLE */
	uint8_t state; /* enum stack_state; bytes is NULL when STACK_NONE */
	uint8_t runs;  /* g.trackingSeq: another number when it has run in between, modulo 256 */
};

struct stack_memory_options {
	size_t max_stack; /* bytes of one stack, from sp on; 0: no limit */
	size_t max_total; /* bytes of all; 0: no limit */
	bool running;     /* those that run or are torn: all of [stack.lo, stack.hi) */
};

struct stack_memory {
	struct stack_bytes *stacks; /* by index in snapshot.goroutines */
	size_t count;
	size_t bytes; /* of all stacks */
	uint64_t torn,
		left_out;      /* STACK_TORN or, had `running` not been set, so; beyond max_total */
	VEC(uint8_t *) blocks; /* what the stacks' bytes are in */
};

/*
 * Of the goroutines which[0..count) (indices in snapshot.goroutines; NULL: of all). *memory is
 * overwritten, and stack_memory_free frees it, also after an error. 0; -ENOMEM; -ESRCH, -EPERM.
 */
int stack_memory_read(const struct target *target, const struct snapshot *snapshot,
		      const uint32_t *which, size_t count,
		      const struct stack_memory_options *options, struct stack_memory *memory);
void stack_memory_free(struct stack_memory *memory);

#endif
