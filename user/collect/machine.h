/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is known of registers and memory while code is followed on paper, from where a goroutine rests:
 * the target itself is only read. A value is known or not; it is steady when it comes from the
 * goroutine's own stack or code alone, so that nobody else changes it meanwhile.
 */
#ifndef COLLECT_MACHINE_H
#define COLLECT_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "collect/page_cache.h"
#include "target/lift.h"

#define MACHINE_RAX 0
#define MACHINE_RBX 3
#define MACHINE_RDX 2
#define MACHINE_RSP 4
#define MACHINE_RBP 5
#define MACHINE_RSI 6
#define MACHINE_RDI 7
#define MACHINE_R11 11
#define MACHINE_R14 14
#define MACHINE_REGISTERS 16
#define MACHINE_STORES 64

struct machine_value {
	uint64_t bits;
	bool known, steady;
};

/* The copied part of the goroutine's stack, and a way to the rest of memory. */
struct machine_memory {
	struct page_cache *pages; /* NULL: of the rest nothing is known */
	const uint8_t *stack;
	uint64_t stack_lo, stack_hi; /* run-time addresses of the copy */
};

struct machine {
	const struct machine_memory *memory;
	struct machine_value regs[MACHINE_REGISTERS];
	/* the operands that the flags come from */
	struct machine_value left, right;
	uint8_t compared; /* LIFT_CMP, LIFT_TEST, or LIFT_OTHER: `left` is a result; LIFT_NOP: unknown */
	uint8_t compared_size;
	uint8_t store_count;
	bool overflow; /* more was stored than there is room for: nothing stored is known any more */
	struct machine_store {
		uint64_t addr; /* aligned */
		struct machine_value value;
	} stores[MACHINE_STORES];
};

void machine_init(struct machine *machine, const struct machine_memory *memory);

struct machine_value machine_load(const struct machine *machine, uint64_t addr, unsigned size);
/* Where a memory operand lies; not known: a register is not. */
struct machine_value machine_address(const struct machine *machine, const struct lift_arg *arg);
struct machine_value machine_read(const struct machine *machine, const struct lift_arg *arg);

/* Everything but jumps, calls and returns. */
void machine_step(struct machine *machine, const struct lift_insn *insn);
/* After a call: what Go's convention keeps. */
void machine_forget_registers(struct machine *machine);

/* 1: the jump is taken, 0: it is not, -1: cannot be told. */
int machine_decides(const struct machine *machine, const struct lift_insn *insn);

#endif
