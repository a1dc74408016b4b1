// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "probe/place.h"

#include <errno.h>
#include <string.h>

#define REG_RSP 4
#define PROLOGUE_INSNS 12
#define MORESTACK_INSNS 24 /* the block spills up to 9 integer and 15 float argument registers */

static bool ends_block(const struct decode_insn *insn)
{
	return insn->kind == DECODE_JUMP || insn->kind == DECODE_JCC ||
	       insn->kind == DECODE_JUMP_IND || insn->kind == DECODE_RET ||
	       insn->kind == DECODE_TRAP;
}

static bool is_jump_target(const decode_insns *insns, uint64_t addr)
{
	for (size_t i = 0; i < insns->len; i++) {
		const struct decode_insn *insn = &insns->data[i];

		if ((insn->kind == DECODE_JUMP || insn->kind == DECODE_JCC) && insn->target == addr)
			return true;
	}
	return false;
}

static size_t index_of(const decode_insns *insns, uint64_t addr)
{
	for (size_t i = 0; i < insns->len; i++)
		if (insns->data[i].addr == addr)
			return i;
	return insns->len;
}

/* Go's prologue jumps to a block that spills, calls morestack and starts the function again. */
static bool is_stack_check(const decode_insns *insns, const struct decode_insn *jump,
			   place_function_name name, void *ctx)
{
	size_t at = index_of(insns, jump->target);
	size_t end = at + MORESTACK_INSNS < insns->len ? at + MORESTACK_INSNS : insns->len;

	for (; at < end; at++) {
		const struct decode_insn *insn = &insns->data[at];
		const char *callee;

		if (insn->kind == DECODE_CALL) {
			callee = name(ctx, insn->target);
			return callee &&
			       !strncmp(callee, "runtime.morestack", strlen("runtime.morestack"));
		}
		if (ends_block(insn))
			return false;
	}
	return false;
}

static bool is_jbe(const struct decode_insn *insn)
{
	return insn->kind == DECODE_JCC && !strncmp(insn->text, "jbe", 3);
}

int place_near_entry(const decode_insns *insns, uint32_t arg_regs, place_function_name name,
		     void *ctx, struct place *place)
{
	const struct decode_insn *push = NULL;
	uint32_t must_hold = arg_regs | (1U << REG_RSP);
	uint32_t written = 0;

	for (size_t i = 0; i < insns->len && i < PROLOGUE_INSNS; i++) {
		const struct decode_insn *insn = &insns->data[i];

		if ((written & must_hold) || (i > 0 && is_jump_target(insns, insn->addr)))
			break;
		if (insn->emulated && insn->kind == DECODE_NOP) {
			*place = (struct place){ .insn = insn };
			return 0;
		}
		if (insn->emulated && insn->kind == DECODE_PUSH && !push)
			push = insn;
		if (insn->kind == DECODE_JCC) {
			if (!is_stack_check(insns, insn, name, ctx))
				break;
			if (is_jbe(insn) && insn->emulated) {
				*place = (struct place){ .insn = insn, .stack_check = true };
				return 0;
			}
		} else if (insn->kind != DECODE_OTHER && insn->kind != DECODE_NOP &&
			   insn->kind != DECODE_PUSH) {
			break;
		}
		written |= insn->writes;
	}
	if (!push)
		return -ENOENT;
	*place = (struct place){ .insn = push };
	return 0;
}

static size_t only_indirect_call(const decode_insns *insns)
{
	size_t found = insns->len;

	for (size_t i = 0; i < insns->len; i++) {
		if (insns->data[i].kind != DECODE_CALL_IND)
			continue;
		if (found != insns->len)
			return insns->len;
		found = i;
	}
	return found;
}

/* The one jump to an address; NULL: none, or several. */
static const struct decode_insn *only_jump_to(const decode_insns *insns, uint64_t addr)
{
	const struct decode_insn *found = NULL;

	for (size_t i = 0; i < insns->len; i++) {
		const struct decode_insn *insn = &insns->data[i];

		if ((insn->kind != DECODE_JUMP && insn->kind != DECODE_JCC) || insn->target != addr)
			continue;
		if (found)
			return NULL;
		found = insn;
	}
	return found;
}

int place_before_indirect_call(const decode_insns *insns, struct place *place)
{
	size_t at = only_indirect_call(insns);
	const struct decode_insn *jump;

	if (at == insns->len)
		return -ENOENT;
	/* back to where its block begins */
	while (at > 0 && !is_jump_target(insns, insns->data[at].addr) &&
	       !ends_block(&insns->data[at - 1]))
		at--;
	if (!at)
		return -ENOENT;
	jump = &insns->data[at - 1];
	if (is_jump_target(insns, insns->data[at].addr)) {
		/* reached by a jump, so not from above as well */
		if (jump->kind != DECODE_JUMP && jump->kind != DECODE_RET)
			return -ENOENT;
		jump = only_jump_to(insns, insns->data[at].addr);
	}
	if (!jump || jump->kind != DECODE_JCC || !jump->emulated)
		return -ENOENT;
	*place = (struct place){ .insn = jump };
	return 0;
}

int place_call_has_constant(const decode_insns *insns, size_t call, int reg, uint64_t value)
{
	for (size_t i = call; i-- > 0;) {
		const struct decode_insn *insn = &insns->data[i];

		if (insn->kind == DECODE_CALL || insn->kind == DECODE_CALL_IND ||
		    ends_block(insn) || is_jump_target(insns, insns->data[i + 1].addr))
			return -ENODATA;
		if (insn->writes & (1U << reg))
			return insn->imm_to_reg && insn->imm_reg == reg ? insn->imm == value :
									  -ENODATA;
	}
	return -ENODATA;
}
