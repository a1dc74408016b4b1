// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "collect/behind_values.h"

#include <string.h>

/* 01, the name, an offset around its middle: no address on amd64 begins so. */
#define NAME_TAG 1ULL
#define NAME_TAG_SHIFT 62
#define NAME_SHIFT 40
#define NAME_MASK ((1ULL << (NAME_TAG_SHIFT - NAME_SHIFT)) - 1)
#define OFFSET_ZERO (1ULL << (NAME_SHIFT - 1))
#define OFFSET_MASK ((1ULL << NAME_SHIFT) - 1)

static const struct machine_value unknown;

static struct machine_value named(uint32_t name)
{
	return (struct machine_value){ .bits = NAME_TAG << NAME_TAG_SHIFT |
					       (uint64_t)name << NAME_SHIFT | OFFSET_ZERO,
				       .known = true };
}

bool behind_is_name(struct machine_value value)
{
	return value.known && value.bits >> NAME_TAG_SHIFT == NAME_TAG;
}

uint32_t behind_name(struct machine_value value)
{
	return value.bits >> NAME_SHIFT & NAME_MASK;
}

int64_t behind_offset(struct machine_value value)
{
	return (int64_t)(value.bits & OFFSET_MASK) - (int64_t)OFFSET_ZERO;
}

static bool is_register(const struct lift_arg *arg, uint8_t reg)
{
	return arg->place == LIFT_REG && arg->reg == reg;
}

/*
 * The address in the frame that an instruction takes, 0: none. The frame pointer and the check of the
 * stack's size take some, but for no object; of what is taken by the frame pointer, the whole frame is said.
 */
static uint64_t taken_address(const struct behind_frame *frame, const struct lift_insn *insn)
{
	const struct lift_arg *from = &insn->from;

	if (is_register(&insn->to, MACHINE_RBP) || insn->op == LIFT_CMP || insn->op == LIFT_TEST)
		return 0;
	if (insn->op == LIFT_LEA) {
		if (from->base == MACHINE_RSP)
			return from->value < 0 ? 0 : frame->sp + (uint64_t)from->value;
		return from->base == MACHINE_RBP || from->index == MACHINE_RBP ? frame->sp : 0;
	}
	if (is_register(from, MACHINE_RSP))
		return frame->sp;
	return is_register(from, MACHINE_RBP) && insn->to.place == LIFT_REG ? frame->sp : 0;
}

/* The object there may reach up to the region's end. */
static void share(struct behind_frame *frame, const struct lift_insn *insn)
{
	uint64_t addr = taken_address(frame, insn);

	if (addr && addr <= frame->entry_sp && addr < frame->shared_locals)
		frame->shared_locals = addr;
	if (addr && (addr == frame->sp || addr > frame->entry_sp) && addr < frame->shared_args)
		frame->shared_args = addr;
}

void behind_frame_init(struct behind_frame *frame, const struct unwind_frame *from,
		       const struct code_function *function)
{
	*frame = (struct behind_frame){ .sp = from->sp,
					.entry_sp = from->sp + (uint64_t)from->size,
					.shared_locals = UINT64_MAX,
					.shared_args = UINT64_MAX };
	frame->end = frame->entry_sp + 8 + (function->args > 0 ? (uint64_t)function->args : 0);
	for (size_t i = 0; i < function->insns.len; i++)
		share(frame, &function->insns.data[i]);
}

static bool is_in(const struct behind_frame *frame, uint64_t addr, unsigned size)
{
	return addr >= frame->sp && addr < frame->end && size <= frame->end - addr;
}

bool behind_owns(const struct behind_frame *frame, uint64_t addr)
{
	return addr % 8 == 0 && is_in(frame, addr, 8) &&
	       addr + 8 <= (addr < frame->entry_sp ? frame->shared_locals : frame->shared_args);
}

static void forget_store(struct machine *machine, int i)
{
	machine->stores[i] = machine->stores[--machine->store_count];
}

static void forget_shared(struct machine *machine, const struct behind_frame *frame)
{
	for (int i = machine->store_count; i-- > 0;)
		if (!behind_owns(frame, machine->stores[i].addr))
			forget_store(machine, i);
}

static void forget_below(struct machine *machine, uint64_t end)
{
	for (int i = machine->store_count; i-- > 0;)
		if (machine->stores[i].addr < end)
			forget_store(machine, i);
}

static void forget_unknown(struct machine *machine)
{
	for (int i = machine->store_count; i-- > 0;)
		if (!machine->stores[i].value.known)
			forget_store(machine, i);
}

static void forget_name(struct machine *machine, uint32_t name)
{
	for (int i = 0; i < MACHINE_REGISTERS; i++)
		if (behind_is_name(machine->regs[i]) && behind_name(machine->regs[i]) == name)
			machine->regs[i] = unknown;
	for (int i = machine->store_count; i-- > 0;)
		if (behind_is_name(machine->stores[i].value) &&
		    behind_name(machine->stores[i].value) == name)
			forget_store(machine, i);
	/* what the flags come from is never a name: nothing is decided by one */
}

void behind_begin(struct machine *machine, const struct machine_memory *memory,
		  const struct behind_frame *frame)
{
	machine_init(machine, memory);
	for (uint32_t i = 0; i < MACHINE_REGISTERS; i++)
		machine->regs[i] = named(i);
	machine->regs[MACHINE_RSP] =
		(struct machine_value){ .bits = frame->entry_sp, .known = true, .steady = true };
}

static bool is_register_name(const struct machine *machine, uint8_t reg)
{
	return reg < MACHINE_REGISTERS && behind_is_name(machine->regs[reg]);
}

static bool has_name_as_index(const struct machine *machine, const struct lift_arg *arg)
{
	return arg->place == LIFT_MEM && is_register_name(machine, arg->index);
}

static struct machine_value address_of(const struct machine *machine, const struct lift_arg *arg)
{
	return has_name_as_index(machine, arg) ? unknown : machine_address(machine, arg);
}

static bool reads_name(const struct machine *machine, const struct lift_arg *arg)
{
	struct machine_value address;

	if (arg->place == LIFT_REG)
		return is_register_name(machine, arg->reg);
	if (arg->place != LIFT_MEM)
		return false;
	address = address_of(machine, arg);
	return has_name_as_index(machine, arg) ||
	       (address.known && behind_is_name(machine_load(machine, address.bits & ~7ULL, 8)));
}

/* What it makes of a name is a name with an offset, or nothing. */
static bool keeps_names(const struct machine *machine, const struct lift_insn *insn)
{
	bool whole = insn->to.size == 8;

	switch (insn->op) {
	case LIFT_NOP:
	case LIFT_CMP:
	case LIFT_TEST:
	case LIFT_PUSH:
	case LIFT_POP:
		return true;
	case LIFT_MOV:
		return whole && insn->from.size == 8 && !has_name_as_index(machine, &insn->from);
	case LIFT_LEA:
		return whole && !has_name_as_index(machine, &insn->from);
	case LIFT_ADD:
	case LIFT_SUB:
		return whole && insn->from.place == LIFT_IMM;
	case LIFT_INC:
	case LIFT_DEC:
		return whole;
	default:
		return false;
	}
}

static bool involves_name(const struct machine *machine, const struct lift_insn *insn)
{
	if (insn->op == LIFT_LEA)
		return is_register_name(machine, insn->from.base) ||
		       has_name_as_index(machine, &insn->from);
	/* a move overwrites the register that it goes to, but of a word in memory perhaps a part */
	if ((insn->op == LIFT_MOV || insn->op == LIFT_MOVSX) && insn->to.place == LIFT_REG)
		return reads_name(machine, &insn->from);
	return reads_name(machine, &insn->to) || reads_name(machine, &insn->from);
}

/* What is stored elsewhere does not count; through what pointer it may be to a shared object. */
static void take_store(struct machine *machine, const struct behind_frame *frame,
		       struct lift_insn *insn)
{
	struct machine_value to;

	if (insn->op == LIFT_CMP || insn->op == LIFT_TEST || insn->op == LIFT_NOP ||
	    insn->op == LIFT_PUSH || insn->to.place == LIFT_REG)
		return;
	/* "rep stos" and its like write through a register */
	if (insn->op == LIFT_OTHER)
		forget_shared(machine, frame);
	if (insn->to.place != LIFT_MEM)
		return;
	to = address_of(machine, &insn->to);
	if (to.known && !behind_is_name(to) && is_in(frame, to.bits, insn->to.size))
		return;
	if (!to.known || behind_is_name(to))
		forget_shared(machine, frame);
	insn->to.place = LIFT_NONE;
}

/* A load of a whole word that nothing is known of. */
static bool is_news(const struct machine *machine, const struct lift_insn *insn)
{
	return insn->op == LIFT_MOV && insn->from.place == LIFT_MEM && insn->from.size == 8 &&
	       insn->to.place == LIFT_REG && insn->to.reg < MACHINE_REGISTERS &&
	       insn->to.size == 8 && !machine->regs[insn->to.reg].known;
}

static void name_loaded(struct machine *machine, const struct behind_frame *frame, uint8_t reg,
			struct machine_value address, uint32_t name)
{
	forget_name(machine, name);
	machine->regs[reg] = named(name);
	/* the slot goes on to have what was loaded from it */
	if (address.known && !behind_is_name(address) && behind_owns(frame, address.bits) &&
	    machine->store_count < MACHINE_STORES)
		machine->stores[machine->store_count++] =
			(struct machine_store){ address.bits, machine->regs[reg] };
}

void behind_step(struct machine *machine, const struct behind_frame *frame,
		 const struct lift_insn *insn, uint32_t name, bool *was_named)
{
	struct machine_value address = address_of(machine, &insn->from);
	struct lift_insn copy = *insn;

	if (!keeps_names(machine, insn) && involves_name(machine, insn))
		copy.op = LIFT_OTHER;
	take_store(machine, frame, &copy);
	machine_step(machine, &copy);
	if (copy.op == LIFT_OTHER && insn->op != LIFT_OTHER && copy.to.place == LIFT_REG &&
	    copy.to.reg < MACHINE_REGISTERS)
		machine->regs[copy.to.reg] = unknown;
	/* a name or an offset of one as an operand of a comparison decides nothing, but would differ */
	if (machine->compared != LIFT_NOP &&
	    (behind_is_name(machine->left) || behind_is_name(machine->right)))
		machine->compared = LIFT_NOP;
	forget_unknown(machine);
	*was_named = is_news(machine, insn);
	if (*was_named)
		name_loaded(machine, frame, insn->to.reg, address, name);
}

void behind_return(struct machine *machine, const struct behind_frame *frame,
		   const struct code_function *callee, uint32_t name)
{
	machine_forget_registers(machine);
	machine->regs[MACHINE_R14] = unknown;
	forget_shared(machine, frame);
	if (!callee || callee->args < 0)
		machine->store_count = 0;
	else
		forget_below(machine, machine->regs[MACHINE_RSP].bits + (uint64_t)callee->args);
	forget_name(machine, name);
	machine->regs[0] = named(name);
}

static bool is_same(struct machine_value a, struct machine_value b)
{
	return a.known && b.known && a.bits == b.bits;
}

static bool has_store(const struct machine *machine, const struct machine_store *store)
{
	for (int i = 0; i < machine->store_count; i++)
		if (machine->stores[i].addr == store->addr)
			return is_same(machine->stores[i].value, store->value);
	return false;
}

static bool join_value(struct machine_value *into, struct machine_value from)
{
	bool less = into->known && !is_same(*into, from);
	bool less_steady = into->steady && !from.steady;

	if (less)
		*into = unknown;
	else if (into->known)
		into->steady = into->steady && from.steady;
	return less || (into->known && less_steady);
}

bool behind_join(struct machine *into, const struct machine *from)
{
	bool less = false;

	for (int i = 0; i < MACHINE_REGISTERS; i++)
		less |= join_value(&into->regs[i], from->regs[i]);
	for (int i = into->store_count; i-- > 0;)
		if (!has_store(from, &into->stores[i])) {
			forget_store(into, i);
			less = true;
		}
	if (into->compared != LIFT_NOP &&
	    (into->compared != from->compared || into->compared_size != from->compared_size ||
	     !is_same(into->left, from->left) ||
	     (into->compared != LIFT_OTHER && !is_same(into->right, from->right)))) {
		into->compared = LIFT_NOP;
		less = true;
	}
	return less;
}
