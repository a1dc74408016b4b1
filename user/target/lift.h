/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The instructions of one function as the few operations that following pointers through compiled Go
 * needs. amd64 by Zydis, decoded from the function's start. What is not among them is LIFT_OTHER, of
 * which only is known what it writes.
 */
#ifndef TARGET_LIFT_H
#define TARGET_LIFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/vec.h"

enum lift_op {
	LIFT_OTHER,
	LIFT_NOP,
	LIFT_MOV, /* to a smaller register part, too; zero-extending forms */
	LIFT_MOVSX,
	LIFT_LEA,
	LIFT_ADD,
	LIFT_SUB,
	LIFT_AND,
	LIFT_OR,
	LIFT_XOR,
	LIFT_INC,
	LIFT_DEC,
	LIFT_CMP,
	LIFT_TEST,
	LIFT_XADD,
	LIFT_CMPXCHG,
	LIFT_XCHG,
	LIFT_ZERO, /* stores zeroes: X15 is zero in Go code */
	LIFT_PUSH,
	LIFT_POP,
	LIFT_SET, /* a register's lowest byte, to whether the condition holds */
	LIFT_CALL,
	LIFT_JUMP,
	LIFT_JCC,
	LIFT_RET,
	LIFT_TRAP,
};

enum lift_condition {
	LIFT_IF_E,
	LIFT_IF_NE,
	LIFT_IF_B,
	LIFT_IF_AE,
	LIFT_IF_BE,
	LIFT_IF_A,
	LIFT_IF_L,
	LIFT_IF_GE,
	LIFT_IF_LE,
	LIFT_IF_G,
	LIFT_IF_S,
	LIFT_IF_NS,
	LIFT_IF_OTHER,
};

enum lift_place { LIFT_NONE, LIFT_REG, LIFT_IMM, LIFT_MEM };

#define LIFT_NO_REG 0xff

/* Registers are numbered rax=0, rcx=1, rdx=2, rbx=3, rsp=4, rbp=5, rsi=6, rdi=7, r8=8 ... r15=15. */
struct lift_arg {
	uint8_t place;       /* enum lift_place */
	uint8_t size;        /* bytes */
	uint8_t reg;         /* LIFT_REG: LIFT_NO_REG: no general one, or ah..dh */
	uint8_t base, index; /* LIFT_MEM: LIFT_NO_REG: none; segment-relative ones have both none */
	uint8_t scale;
	bool known;    /* LIFT_MEM: base, index and value say all: no segment, no vector index */
	int64_t value; /* immediate, displacement; of RIP-relative memory the run-time address */
};

struct lift_insn {
	uint64_t addr; /* run-time */
	uint8_t len;
	uint8_t op;        /* enum lift_op */
	uint8_t condition; /* LIFT_JCC, LIFT_SET: enum lift_condition */
	bool locked;       /* lock prefix */
	uint32_t writes;   /* general registers it writes, by bit */
	uint64_t target;   /* of a direct jump or call; 0: indirect, by `to` */
	struct lift_arg to, from;
};

typedef VEC(struct lift_insn) lift_insns;

/*
 * Lift [code, code + len), whose first byte is at run-time address `addr`. 0; -ENOMEM; -EILSEQ: it has
 * bytes that are no instruction, what came before is in *insns.
 */
int lift_function(const uint8_t *code, size_t len, uint64_t addr, lift_insns *insns);

/* Index of the instruction at this address, insns->len: none begins there. */
size_t lift_find(const lift_insns *insns, uint64_t addr);

#endif
