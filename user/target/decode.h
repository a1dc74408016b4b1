/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Instructions of one function, decoded from its start (never from the middle: a breakpoint inside
 * an instruction corrupts the target). amd64 by Zydis.
 */
#ifndef TARGET_DECODE_H
#define TARGET_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/vec.h"

enum decode_kind {
	DECODE_OTHER,
	DECODE_NOP,
	DECODE_PUSH, /* push of a general register */
	DECODE_JUMP, /* direct jmp */
	DECODE_JCC,
	DECODE_CALL, /* direct call rel32 */
	DECODE_CALL_IND,
	DECODE_JUMP_IND,
	DECODE_RET,
	DECODE_TRAP, /* int3, ud2 */
};

struct decode_insn {
	uint64_t addr;
	uint8_t len;
	uint8_t kind;      /* enum decode_kind */
	bool emulated;     /* the kernel's uprobes emulate it: one trap, no single-stepping */
	uint64_t target;   /* of a direct jump or call; 0: none */
	uint64_t rip_data; /* address of a RIP-relative memory operand; 0: none */
	uint8_t rip_bytes; /* its size */
	bool loads;        /* a mov from memory to a register */
	bool address_only; /* a lea: the operand's address, not its value */
	uint32_t writes; /* bit i: general register i (rax=0, rcx=1, rdx=2, rbx=3, rsp=4, ... r15=15) */
	bool imm_to_reg; /* mov/xor that sets register `imm_reg` to the constant `imm` */
	uint8_t imm_reg;
	uint64_t imm;
	char text[64]; /* "push rbp" */
};

typedef VEC(struct decode_insn) decode_insns;

/*
 * Decode [code, code + len), whose first byte is at `addr`. Stops at the first byte sequence that
 * is no instruction. 0; -ENOMEM; -EILSEQ when it stopped early (what came before is in *insns).
 */
int decode_function(const uint8_t *code, size_t len, uint64_t addr, decode_insns *insns);

#endif
