// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "collect/machine.h"

#include <string.h>

static const struct machine_value unknown;

static uint64_t mask_of(unsigned size)
{
	return size >= 8 ? UINT64_MAX : (1ULL << (8 * size)) - 1;
}

static struct machine_value constant(uint64_t bits)
{
	return (struct machine_value){ .bits = bits, .known = true, .steady = true };
}

void machine_init(struct machine *machine, const struct machine_memory *memory)
{
	memset(machine, 0, sizeof(*machine));
	machine->memory = memory;
	machine->compared = LIFT_NOP;
}

static bool on_stack(const struct machine *machine, uint64_t addr)
{
	const struct machine_memory *memory = machine->memory;

	return addr >= memory->stack_lo && addr < memory->stack_hi;
}

static struct machine_value load_word(const struct machine *machine, uint64_t addr)
{
	const struct machine_memory *memory = machine->memory;
	struct machine_value value = unknown;

	for (int i = machine->store_count; i-- > 0;)
		if (machine->stores[i].addr == addr)
			return machine->stores[i].value;
	if (machine->overflow && on_stack(machine, addr))
		return unknown;
	if (on_stack(machine, addr)) {
		memcpy(&value.bits, memory->stack + (addr - memory->stack_lo), sizeof(value.bits));
		value.known = value.steady = true;
	} else if (memory->pages) {
		value.known = page_cache_word(memory->pages, addr, &value.bits);
	}
	return value;
}

struct machine_value machine_load(const struct machine *machine, uint64_t addr, unsigned size)
{
	unsigned shift = 8 * (addr % 8);
	struct machine_value value;

	if (!size || addr % 8 + size > 8)
		return unknown;
	value = load_word(machine, addr & ~7ULL);
	value.bits = value.bits >> shift & mask_of(size);
	return value;
}

static void store_word(struct machine *machine, uint64_t addr, struct machine_value value)
{
	for (int i = 0; i < machine->store_count; i++)
		if (machine->stores[i].addr == addr) {
			machine->stores[i].value = value;
			return;
		}
	if (machine->store_count == MACHINE_STORES) {
		machine->overflow = true;
		return;
	}
	machine->stores[machine->store_count++] =
		(struct machine_store){ .addr = addr, .value = value };
}

static void store(struct machine *machine, uint64_t addr, unsigned size, struct machine_value value)
{
	unsigned shift = 8 * (addr % 8);
	struct machine_value word;

	if (size == 8 && addr % 8 == 0) {
		store_word(machine, addr, value);
		return;
	}
	if (size > 8 || addr % 8 + size > 8) { /* over several words */
		for (uint64_t at = addr & ~7ULL; at < addr + size; at += 8)
			store_word(machine, at, unknown);
		return;
	}
	word = load_word(machine, addr & ~7ULL);
	word.bits &= ~(mask_of(size) << shift);
	word.bits |= (value.bits & mask_of(size)) << shift;
	word.known = word.known && value.known;
	word.steady = word.steady && value.steady;
	store_word(machine, addr & ~7ULL, word);
}

struct machine_value machine_address(const struct machine *machine, const struct lift_arg *arg)
{
	struct machine_value sum = constant((uint64_t)arg->value);

	if (arg->place != LIFT_MEM || !arg->known)
		return unknown;
	if (arg->base != LIFT_NO_REG) {
		const struct machine_value *base = &machine->regs[arg->base];

		sum.bits += base->bits;
		sum.known = sum.known && base->known;
		sum.steady = sum.steady && base->steady;
	}
	if (arg->index != LIFT_NO_REG) {
		const struct machine_value *index = &machine->regs[arg->index];

		sum.bits += index->bits * arg->scale;
		sum.known = sum.known && index->known;
		sum.steady = sum.steady && index->steady;
	}
	return sum;
}

struct machine_value machine_read(const struct machine *machine, const struct lift_arg *arg)
{
	struct machine_value value = unknown, address;

	switch (arg->place) {
	case LIFT_REG:
		if (arg->reg != LIFT_NO_REG)
			value = machine->regs[arg->reg];
		break;
	case LIFT_IMM: /* as wide as what it goes to */
		return constant((uint64_t)arg->value);
	case LIFT_MEM:
		address = machine_address(machine, arg);
		if (!address.known)
			break;
		value = machine_load(machine, address.bits, arg->size);
		value.steady = value.steady && address.steady;
		break;
	default:
		break;
	}
	value.bits &= mask_of(arg->size ? arg->size : 8);
	return value;
}

static void write(struct machine *machine, const struct lift_arg *arg, struct machine_value value)
{
	struct machine_value address;

	if (!value.known)
		value = unknown;
	if (arg->place == LIFT_REG && arg->reg != LIFT_NO_REG) {
		/* the lower parts of a register leave the rest of it as it was */
		if (arg->size < 4)
			value = unknown;
		value.bits &= mask_of(arg->size);
		machine->regs[arg->reg] = value;
		return;
	}
	if (arg->place != LIFT_MEM)
		return;
	address = machine_address(machine, arg);
	if (address.known)
		store(machine, address.bits, arg->size, value);
}

static void forget_written(struct machine *machine, const struct lift_insn *insn)
{
	for (int i = 0; i < MACHINE_REGISTERS; i++)
		if (insn->writes & (1U << i))
			machine->regs[i] = unknown;
}

static struct machine_value sign_extended(struct machine_value value, unsigned size)
{
	uint64_t sign = size < 8 ? 1ULL << (8 * size - 1) : 0;

	value.bits = (value.bits ^ sign) - sign;
	return value;
}

static struct machine_value combine(enum lift_op op, struct machine_value a, struct machine_value b)
{
	struct machine_value result = { .known = a.known && b.known,
					.steady = a.steady && b.steady };

	switch (op) {
	case LIFT_ADD:
		result.bits = a.bits + b.bits;
		break;
	case LIFT_SUB:
		result.bits = a.bits - b.bits;
		break;
	case LIFT_AND:
		result.bits = a.bits & b.bits;
		break;
	case LIFT_OR:
		result.bits = a.bits | b.bits;
		break;
	default:
		result.bits = a.bits ^ b.bits;
		break;
	}
	return result.known ? result : unknown;
}

static void note_result(struct machine *machine, struct machine_value result, unsigned size)
{
	machine->compared = LIFT_OTHER;
	machine->compared_size = size;
	result.bits &= mask_of(size);
	machine->left = result;
}

static void arithmetic(struct machine *machine, const struct lift_insn *insn, enum lift_op op,
		       const struct lift_arg *from)
{
	struct machine_value a = machine_read(machine, &insn->to), b = machine_read(machine, from);
	struct machine_value result;

	if (from->place == LIFT_IMM)
		b = constant((uint64_t)from->value & mask_of(insn->to.size));
	if (op == LIFT_XOR && from->place == LIFT_REG && insn->to.place == LIFT_REG &&
	    from->reg == insn->to.reg)
		result = constant(0);
	else
		result = combine(op, a, b);
	write(machine, &insn->to, result);
	/* carry and overflow of a sum are not kept: as a comparison it is a difference */
	if (op == LIFT_SUB) {
		machine->compared = LIFT_CMP;
		machine->compared_size = insn->to.size;
		machine->left = a;
		machine->right = b;
	} else {
		note_result(machine, result, insn->to.size);
	}
}

static void compare(struct machine *machine, const struct lift_insn *insn)
{
	machine->compared = insn->op;
	machine->compared_size = insn->to.size;
	machine->left = machine_read(machine, &insn->to);
	machine->right = machine_read(machine, &insn->from);
	if (insn->from.place == LIFT_IMM)
		machine->right = constant((uint64_t)insn->from.value & mask_of(insn->to.size));
}

static void push(struct machine *machine, struct machine_value value)
{
	struct machine_value *sp = &machine->regs[MACHINE_RSP];

	sp->bits -= 8;
	if (sp->known)
		store(machine, sp->bits, 8, value);
}

static struct machine_value pop(struct machine *machine)
{
	struct machine_value *sp = &machine->regs[MACHINE_RSP];
	struct machine_value value = sp->known ? machine_load(machine, sp->bits, 8) : unknown;

	sp->bits += 8;
	return value;
}

static void forget_memory(struct machine *machine, const struct lift_insn *insn)
{
	if (insn->to.place == LIFT_MEM)
		write(machine, &insn->to, unknown);
}

static void zero(struct machine *machine, const struct lift_insn *insn)
{
	struct machine_value address = machine_address(machine, &insn->to);

	if (!address.known)
		return;
	if (address.bits % 8) {
		store(machine, address.bits, insn->to.size, unknown);
		return;
	}
	for (unsigned at = 0; at < insn->to.size; at += 8)
		store(machine, address.bits + at, 8, constant(0));
}

void machine_step(struct machine *machine, const struct lift_insn *insn)
{
	static const struct lift_arg one = { .place = LIFT_IMM, .size = 8, .value = 1 };
	struct machine_value value;

	switch (insn->op) {
	case LIFT_NOP:
		return;
	case LIFT_MOV:
		value = machine_read(machine, &insn->from);
		write(machine, &insn->to, value);
		return;
	case LIFT_MOVSX:
		value = machine_read(machine, &insn->from);
		write(machine, &insn->to, sign_extended(value, insn->from.size));
		return;
	case LIFT_LEA:
		value = machine_address(machine, &insn->from);
		write(machine, &insn->to, value);
		return;
	case LIFT_ADD:
	case LIFT_SUB:
	case LIFT_AND:
	case LIFT_OR:
	case LIFT_XOR:
		arithmetic(machine, insn, insn->op, &insn->from);
		return;
	case LIFT_INC:
		arithmetic(machine, insn, LIFT_ADD, &one);
		return;
	case LIFT_DEC:
		arithmetic(machine, insn, LIFT_SUB, &one);
		return;
	case LIFT_CMP:
	case LIFT_TEST:
		compare(machine, insn);
		return;
	case LIFT_ZERO:
		zero(machine, insn);
		return;
	case LIFT_PUSH:
		push(machine, machine_read(machine, &insn->to));
		return;
	case LIFT_POP:
		write(machine, &insn->to, pop(machine));
		return;
	default:
		forget_memory(machine, insn);
		forget_written(machine, insn);
		/* a move of a vector, a set or a conditional move leaves the flags, but nobody relies on it */
		machine->compared = LIFT_NOP;
		return;
	}
}

void machine_forget_registers(struct machine *machine)
{
	for (int i = 0; i < MACHINE_REGISTERS; i++)
		if (i != MACHINE_RSP && i != MACHINE_RBP && i != MACHINE_R14)
			machine->regs[i] = unknown;
	machine->compared = LIFT_NOP;
}

static int signed_compare(uint64_t a, uint64_t b, unsigned size)
{
	unsigned shift = size < 8 ? 64 - 8 * size : 0;
	int64_t x = (int64_t)(a << shift), y = (int64_t)(b << shift);

	return x < y ? -1 : x > y;
}

static int decide_result(enum lift_condition condition, uint64_t result, unsigned size)
{
	bool negative = result >> (8 * size - 1) & 1;

	switch (condition) {
	case LIFT_IF_E:
		return result == 0;
	case LIFT_IF_NE:
		return result != 0;
	case LIFT_IF_S:
		return negative;
	case LIFT_IF_NS:
		return !negative;
	default:
		return -1;
	}
}

int machine_decides(const struct machine *machine, const struct lift_insn *insn)
{
	unsigned size = machine->compared_size;
	uint64_t a = machine->left.bits, b = machine->right.bits;
	int order;

	if (machine->compared == LIFT_NOP || !machine->left.known || !machine->left.steady ||
	    size == 0 || size > 8)
		return -1;
	if (machine->compared == LIFT_OTHER)
		return decide_result(insn->condition, a, size);
	if (!machine->right.known || !machine->right.steady)
		return -1;
	if (machine->compared == LIFT_TEST)
		return decide_result(insn->condition, a & b, size);
	order = signed_compare(a, b, size);
	switch (insn->condition) {
	case LIFT_IF_E:
		return a == b;
	case LIFT_IF_NE:
		return a != b;
	case LIFT_IF_B:
		return a < b;
	case LIFT_IF_AE:
		return a >= b;
	case LIFT_IF_BE:
		return a <= b;
	case LIFT_IF_A:
		return a > b;
	case LIFT_IF_L:
		return order < 0;
	case LIFT_IF_GE:
		return order >= 0;
	case LIFT_IF_LE:
		return order <= 0;
	case LIFT_IF_G:
		return order > 0;
	default:
		return -1;
	}
}
