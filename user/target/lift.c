// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "target/lift.h"

#include <Zydis/Zydis.h>
#include <errno.h>

static uint8_t general_register(ZydisRegister reg)
{
	ZydisRegister whole;

	if (reg == ZYDIS_REGISTER_AH || reg == ZYDIS_REGISTER_BH || reg == ZYDIS_REGISTER_CH ||
	    reg == ZYDIS_REGISTER_DH)
		return LIFT_NO_REG;
	whole = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);
	if (whole < ZYDIS_REGISTER_RAX || whole > ZYDIS_REGISTER_R15)
		return LIFT_NO_REG;
	return whole - ZYDIS_REGISTER_RAX;
}

static enum lift_op op_of(const ZydisDecodedInstruction *raw)
{
	switch (raw->mnemonic) {
	case ZYDIS_MNEMONIC_NOP:
		return LIFT_NOP;
	case ZYDIS_MNEMONIC_MOV:
	case ZYDIS_MNEMONIC_MOVZX:
		return LIFT_MOV;
	case ZYDIS_MNEMONIC_MOVSX:
	case ZYDIS_MNEMONIC_MOVSXD:
		return LIFT_MOVSX;
	case ZYDIS_MNEMONIC_LEA:
		return LIFT_LEA;
	case ZYDIS_MNEMONIC_ADD:
		return LIFT_ADD;
	case ZYDIS_MNEMONIC_SUB:
		return LIFT_SUB;
	case ZYDIS_MNEMONIC_AND:
		return LIFT_AND;
	case ZYDIS_MNEMONIC_OR:
		return LIFT_OR;
	case ZYDIS_MNEMONIC_XOR:
		return LIFT_XOR;
	case ZYDIS_MNEMONIC_INC:
		return LIFT_INC;
	case ZYDIS_MNEMONIC_DEC:
		return LIFT_DEC;
	case ZYDIS_MNEMONIC_CMP:
		return LIFT_CMP;
	case ZYDIS_MNEMONIC_TEST:
		return LIFT_TEST;
	case ZYDIS_MNEMONIC_XADD:
		return LIFT_XADD;
	case ZYDIS_MNEMONIC_CMPXCHG:
		return LIFT_CMPXCHG;
	case ZYDIS_MNEMONIC_XCHG:
		return LIFT_XCHG;
	case ZYDIS_MNEMONIC_PUSH:
		return LIFT_PUSH;
	case ZYDIS_MNEMONIC_POP:
		return LIFT_POP;
	case ZYDIS_MNEMONIC_RET:
		return LIFT_RET;
	case ZYDIS_MNEMONIC_INT3:
	case ZYDIS_MNEMONIC_UD2:
	case ZYDIS_MNEMONIC_HLT:
		return LIFT_TRAP;
	default:
		break;
	}
	switch (raw->meta.category) {
	case ZYDIS_CATEGORY_COND_BR:
		return LIFT_JCC;
	case ZYDIS_CATEGORY_SETCC:
		return LIFT_SET;
	case ZYDIS_CATEGORY_UNCOND_BR:
		return LIFT_JUMP;
	case ZYDIS_CATEGORY_CALL:
		return LIFT_CALL;
	case ZYDIS_CATEGORY_WIDENOP:
		return LIFT_NOP;
	default:
		return LIFT_OTHER;
	}
}

static enum lift_condition condition_of(ZydisMnemonic mnemonic)
{
	switch (mnemonic) {
	case ZYDIS_MNEMONIC_JZ:
	case ZYDIS_MNEMONIC_SETZ:
		return LIFT_IF_E;
	case ZYDIS_MNEMONIC_JNZ:
	case ZYDIS_MNEMONIC_SETNZ:
		return LIFT_IF_NE;
	case ZYDIS_MNEMONIC_JB:
		return LIFT_IF_B;
	case ZYDIS_MNEMONIC_JNB:
		return LIFT_IF_AE;
	case ZYDIS_MNEMONIC_JBE:
		return LIFT_IF_BE;
	case ZYDIS_MNEMONIC_JNBE:
		return LIFT_IF_A;
	case ZYDIS_MNEMONIC_JL:
		return LIFT_IF_L;
	case ZYDIS_MNEMONIC_JNL:
		return LIFT_IF_GE;
	case ZYDIS_MNEMONIC_JLE:
		return LIFT_IF_LE;
	case ZYDIS_MNEMONIC_JNLE:
		return LIFT_IF_G;
	case ZYDIS_MNEMONIC_JS:
		return LIFT_IF_S;
	case ZYDIS_MNEMONIC_JNS:
		return LIFT_IF_NS;
	default:
		return LIFT_IF_OTHER;
	}
}

static void lift_memory(const ZydisDecodedInstruction *raw, const ZydisDecodedOperand *op,
			uint64_t addr, struct lift_arg *arg)
{
	bool segment = op->mem.segment == ZYDIS_REGISTER_FS || op->mem.segment == ZYDIS_REGISTER_GS;

	arg->place = LIFT_MEM;
	arg->base = arg->index = LIFT_NO_REG;
	arg->scale = op->mem.scale;
	arg->value = op->mem.disp.has_displacement ? op->mem.disp.value : 0;
	arg->known = !segment;
	if (op->mem.base == ZYDIS_REGISTER_RIP) {
		ZyanU64 absolute = 0;

		if (!ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(raw, op, addr, &absolute)))
			arg->known = false;
		arg->value = (int64_t)absolute;
		return;
	}
	if (op->mem.base != ZYDIS_REGISTER_NONE) {
		arg->base = general_register(op->mem.base);
		arg->known = arg->known && arg->base != LIFT_NO_REG;
	}
	if (op->mem.index != ZYDIS_REGISTER_NONE) {
		arg->index = general_register(op->mem.index);
		arg->known = arg->known && arg->index != LIFT_NO_REG;
	}
}

static void lift_operand(const ZydisDecodedInstruction *raw, const ZydisDecodedOperand *op,
			 uint64_t addr, struct lift_arg *arg)
{
	arg->size = op->size / 8;
	switch (op->type) {
	case ZYDIS_OPERAND_TYPE_REGISTER:
		arg->place = LIFT_REG;
		arg->reg = general_register(op->reg.value);
		break;
	case ZYDIS_OPERAND_TYPE_MEMORY:
		lift_memory(raw, op, addr, arg);
		break;
	case ZYDIS_OPERAND_TYPE_IMMEDIATE:
		arg->place = LIFT_IMM;
		arg->value = op->imm.is_signed ? op->imm.value.s : (int64_t)op->imm.value.u;
		break;
	default:
		break;
	}
}

static uint32_t written_registers(const ZydisDecodedInstruction *raw,
				  const ZydisDecodedOperand *ops)
{
	uint32_t writes = 0;

	for (int i = 0; i < raw->operand_count; i++) {
		ZydisRegister reg = ops[i].reg.value;
		ZydisRegister whole;

		if (ops[i].type != ZYDIS_OPERAND_TYPE_REGISTER ||
		    !(ops[i].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE))
			continue;
		whole = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);
		if (whole >= ZYDIS_REGISTER_RAX && whole <= ZYDIS_REGISTER_R15)
			writes |= 1U << (whole - ZYDIS_REGISTER_RAX);
	}
	return writes;
}

/* A store of X15, or of a register just made zero by itself, to memory. */
static bool stores_zero(const ZydisDecodedInstruction *raw, const ZydisDecodedOperand *ops)
{
	return raw->operand_count_visible == 2 && ops[0].type == ZYDIS_OPERAND_TYPE_MEMORY &&
	       ops[1].type == ZYDIS_OPERAND_TYPE_REGISTER &&
	       ops[1].reg.value == ZYDIS_REGISTER_XMM15;
}

static void lift(const ZydisDecodedInstruction *raw, const ZydisDecodedOperand *ops, uint64_t addr,
		 struct lift_insn *insn)
{
	insn->addr = addr;
	insn->len = raw->length;
	insn->op = op_of(raw);
	insn->locked = raw->attributes & ZYDIS_ATTRIB_HAS_LOCK;
	insn->writes = written_registers(raw, ops);
	if (insn->op == LIFT_JCC || insn->op == LIFT_SET)
		insn->condition = condition_of(raw->mnemonic);
	if (raw->operand_count_visible > 0)
		lift_operand(raw, &ops[0], addr, &insn->to);
	if (raw->operand_count_visible > 1)
		lift_operand(raw, &ops[1], addr, &insn->from);
	if (insn->op == LIFT_OTHER && stores_zero(raw, ops))
		insn->op = LIFT_ZERO;
	if ((insn->op == LIFT_CALL || insn->op == LIFT_JUMP || insn->op == LIFT_JCC) &&
	    insn->to.place == LIFT_IMM) {
		ZyanU64 target = 0;

		if (ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(raw, &ops[0], addr, &target)))
			insn->target = target;
	}
}

int lift_function(const uint8_t *code, size_t len, uint64_t addr, lift_insns *insns)
{
	ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction raw;
	ZydisDecoder decoder;
	size_t at = 0;

	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	while (at < len) {
		struct lift_insn *insn;

		if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, code + at, len - at, &raw, ops)))
			return -EILSEQ;
		insn = vec_push(insns);
		if (!insn)
			return -ENOMEM;
		lift(&raw, ops, addr + at, insn);
		at += raw.length;
	}
	return 0;
}

size_t lift_find(const lift_insns *insns, uint64_t addr)
{
	size_t low = 0, high = insns->len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (insns->data[middle].addr < addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low < insns->len && insns->data[low].addr == addr ? low : insns->len;
}
