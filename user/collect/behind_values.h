/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Values with names, in a machine that knows no memory but what was stored in the frame on the way. A name
 * is a bit pattern that no address has, and room for an offset; one is given anew each time its
 * instruction is followed, and what was called so before is forgotten.
 */
#ifndef COLLECT_BEHIND_VALUES_H
#define COLLECT_BEHIND_VALUES_H

#include "collect/code.h"
#include "collect/machine.h"
#include "collect/unwind.h"

/* The frame's part of the stack, run-time addresses. */
struct behind_frame {
	uint64_t sp, entry_sp; /* entry_sp: of the return address */
	uint64_t end;          /* of its own arguments, behind the return address */
	/* From here on objects may lie whose address others have; UINT64_MAX: none do. */
	uint64_t shared_locals, shared_args;
};

/* Names of the registers at the entry are their numbers; of instructions, these and their index. */
#define BEHIND_FIRST_INSN MACHINE_REGISTERS

void behind_frame_init(struct behind_frame *frame, const struct unwind_frame *from,
		       const struct code_function *function);
/* A slot that nobody writes but the frame's own instructions. */
bool behind_owns(const struct behind_frame *frame, uint64_t addr);

bool behind_is_name(struct machine_value value);
uint32_t behind_name(struct machine_value value);  /* of one that is */
int64_t behind_offset(struct machine_value value); /* from what the name stands for */

/* At the function's entry. */
void behind_begin(struct machine *machine, const struct machine_memory *memory,
		  const struct behind_frame *frame);
/* Everything but jumps, calls and returns; *named: `name` was given to what it loaded. */
void behind_step(struct machine *machine, const struct behind_frame *frame,
		 const struct lift_insn *insn, uint32_t name, bool *named);
/* After a call of `callee` (NULL: not known), whose result gets the name. */
void behind_return(struct machine *machine, const struct behind_frame *frame,
		   const struct code_function *callee, uint32_t name);
/* Keeps what both say. True: that is less than *into said. */
bool behind_join(struct machine *into, const struct machine *from);

#endif
