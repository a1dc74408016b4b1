/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where inside a decoded function a breakpoint may sit. Pure: instructions in, an index out.
 */
#ifndef PROBE_PLACE_H
#define PROBE_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#include "target/decode.h"

struct place {
	const struct decode_insn *insn;
	bool stack_check; /* the jump to morestack: a hit with the jump taken is not the call */
};

/* Names the function at an address, or NULL; for recognising runtime.morestack. */
typedef const char *(*place_function_name)(void *ctx, uint64_t addr);

/*
 * The best instruction that every call of the function passes once, with the registers `arg_regs`
 * (bits as decode_insn.writes) and the stack pointer as they were at the entry: a nop, the stack check's
 * jbe, or a push, which the kernel has to do in the thread's memory. 0; -ENOENT: only the entry itself
 * would do (single-stepped).
 */
int place_near_entry(const decode_insns *insns, uint32_t arg_regs, place_function_name name,
		     void *ctx, struct place *place);

/*
 * The conditional jump by which alone the function's only indirect call is reached, taken or not; a
 * hit stands for the call but for what the jump leaves out. 0; -ENOENT: it is not plain to see.
 */
int place_before_indirect_call(const decode_insns *insns, struct place *place);

/*
 * Whether insns->data[call] has register `reg` set to `value` by the straight code before it:
 * 1 yes, 0 no, -ENODATA: not set by a constant there.
 */
int place_call_has_constant(const decode_insns *insns, size_t call, int reg, uint64_t value);

#endif
