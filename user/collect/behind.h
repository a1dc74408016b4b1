/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whether a goroutine that waits for a lock has locked it itself, in a call that it is still in.
 *
 * The code from a frame's entry to its call is followed along all paths at once, with values that are
 * named, not known: what came in a register, what was loaded at an instruction, what a call returned.
 * What a name stands for tell the frame's own slots on the stack, and what it passed on. The lock is held
 * when it was taken on every path, and nothing was done since that could let go of it or tell another
 * goroutine to: no unlocking, no channel, go statement, atomic write, indirect call, or call of a function
 * with one of these. Taking other locks tells nobody anything. By the memory model no correct program unlocks it then. What cannot be followed gives no answer.
 */
#ifndef COLLECT_BEHIND_H
#define COLLECT_BEHIND_H

#include "collect/code.h"
#include "collect/machine.h"
#include "collect/unwind.h"

enum behind_answer {
	BEHIND_UNKNOWN, /* nor is anything to be said of the frames below */
	BEHIND_NOTHING, /* the frame did not touch it, nor let anybody else */
	BEHIND_HOLDS,   /* sync.Mutex */
	BEHIND_WRITES,  /* sync.RWMutex */
	BEHIND_READS,
};

struct behind_question {
	const struct target *target;
	struct code *code;
	const struct machine_memory *stack;
	uint64_t lock;
	bool is_rwmutex;
	bool reads_inlined; /* the frame has done the first half of the RLock that it waits in */
	uint32_t *steps;    /* instructions that may still be followed; brought up to date */
};

/*
 * `callee` is the function that the frame waits in; regs[MACHINE_REGISTERS] is what is known of the registers
 * at its entry, and is brought up to date for the frame's own. 0 or -ENOMEM.
 */
int behind_look(const struct behind_question *question, const struct unwind_frame *frame,
		const struct code_function *callee, struct machine_value *regs,
		enum behind_answer *answer);

#endif
