// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "target/decode.h"

#include <Zydis/Zydis.h>
#include <errno.h>
#include <stdio.h>

/* Number of the 64-bit register that contains `reg`, -1 when it is no general register. */
static int general_register(ZydisRegister reg)
{
	ZydisRegister whole = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);

	if (whole < ZYDIS_REGISTER_RAX || whole > ZYDIS_REGISTER_R15)
		return -1;
	return whole - ZYDIS_REGISTER_RAX;
}

static enum decode_kind kind_of(const ZydisDecodedInstruction *raw, const ZydisDecodedOperand *ops)
{
	bool direct = raw->operand_count > 0 && ops[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE;

	switch (raw->meta.category) {
	case ZYDIS_CATEGORY_COND_BR:
		return DECODE_JCC;
	case ZYDIS_CATEGORY_UNCOND_BR:
		return direct ? DECODE_JUMP : DECODE_JUMP_IND;
	case ZYDIS_CATEGORY_CALL:
		return direct ? DECODE_CALL : DECODE_CALL_IND;
	case ZYDIS_CATEGORY_RET:
		return DECODE_RET;
	default:
		break;
	}
	switch (raw->mnemonic) {
	case ZYDIS_MNEMONIC_NOP:
		return DECODE_NOP;
	case ZYDIS_MNEMONIC_PUSH:
		if (ops[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
		    general_register(ops[0].reg.value) >= 0)
			return DECODE_PUSH;
		return DECODE_OTHER;
	case ZYDIS_MNEMONIC_INT3:
	case ZYDIS_MNEMONIC_UD2:
		return DECODE_TRAP;
	default:
		return DECODE_OTHER;
	}
}

/*
 * The forms that arch/x86/kernel/uprobes.c emulates: nop, push of a register (0x50 to 0x57, with
 * at most a REX prefix), jmp and call with displacement, and jcc. loop and jrcxz are not jcc there,
 * and operand-size prefixes make it give up.
 */
static bool is_emulated(const ZydisDecodedInstruction *raw, enum decode_kind kind)
{
	if (raw->attributes & ZYDIS_ATTRIB_HAS_OPERANDSIZE)
		return false;
	switch (kind) {
	case DECODE_NOP:
		return raw->length == 1 && raw->opcode == 0x90;
	case DECODE_PUSH:
		return raw->opcode >= 0x50 && raw->opcode <= 0x57 &&
		       raw->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT;
	case DECODE_JUMP:
		return raw->opcode == 0xe9 || raw->opcode == 0xeb;
	case DECODE_CALL:
		return raw->opcode == 0xe8;
	case DECODE_JCC:
		if (raw->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT)
			return raw->opcode >= 0x70 && raw->opcode <= 0x7f;
		return raw->opcode_map == ZYDIS_OPCODE_MAP_0F && raw->opcode >= 0x80 &&
		       raw->opcode <= 0x8f;
	default:
		return false;
	}
}

static void note_operands(const ZydisDecodedInstruction *raw, const ZydisDecodedOperand *ops,
			  struct decode_insn *insn)
{
	for (int i = 0; i < raw->operand_count; i++) {
		const ZydisDecodedOperand *op = &ops[i];
		int reg;

		if (op->type == ZYDIS_OPERAND_TYPE_REGISTER) {
			reg = general_register(op->reg.value);
			if (reg >= 0 && (op->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE))
				insn->writes |= 1U << reg;
		} else if (op->type == ZYDIS_OPERAND_TYPE_MEMORY &&
			   op->mem.base == ZYDIS_REGISTER_RIP) {
			ZydisCalcAbsoluteAddress(raw, op, insn->addr, &insn->rip_data);
			insn->rip_bytes = op->size / 8;
			insn->address_only = raw->mnemonic == ZYDIS_MNEMONIC_LEA;
			insn->loads = i == 1 && raw->mnemonic == ZYDIS_MNEMONIC_MOV;
		}
	}
}

static void note_constant(const ZydisDecodedInstruction *raw, const ZydisDecodedOperand *ops,
			  struct decode_insn *insn)
{
	int reg;

	if (raw->operand_count < 2 || ops[0].type != ZYDIS_OPERAND_TYPE_REGISTER)
		return;
	reg = general_register(ops[0].reg.value);
	if (reg < 0 || ops[0].size < 32)
		return;
	if (raw->mnemonic == ZYDIS_MNEMONIC_MOV && ops[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE)
		insn->imm = ops[1].imm.value.u;
	else if (raw->mnemonic != ZYDIS_MNEMONIC_XOR ||
		 ops[1].type != ZYDIS_OPERAND_TYPE_REGISTER || ops[1].reg.value != ops[0].reg.value)
		return;
	insn->imm_to_reg = true;
	insn->imm_reg = reg;
}

int decode_function(const uint8_t *code, size_t len, uint64_t addr, decode_insns *insns)
{
	ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction raw;
	ZydisFormatter formatter;
	ZydisDecoder decoder;
	size_t at = 0;

	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	ZydisFormatterInit(&formatter, ZYDIS_FORMATTER_STYLE_INTEL);
	while (at < len) {
		struct decode_insn *insn;

		if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, code + at, len - at, &raw, ops)))
			return -EILSEQ;
		insn = vec_push(insns);
		if (!insn)
			return -ENOMEM;
		insn->addr = addr + at;
		insn->len = raw.length;
		insn->kind = kind_of(&raw, ops);
		insn->emulated = is_emulated(&raw, insn->kind);
		if (insn->kind == DECODE_JUMP || insn->kind == DECODE_JCC ||
		    insn->kind == DECODE_CALL)
			ZydisCalcAbsoluteAddress(&raw, &ops[0], insn->addr, &insn->target);
		note_operands(&raw, ops, insn);
		note_constant(&raw, ops, insn);
		ZydisFormatterFormatInstruction(&formatter, &raw, ops, raw.operand_count_visible,
						insn->text, sizeof(insn->text), insn->addr, NULL);
		at += raw.length;
	}
	return 0;
}
