// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Twice over the function: first for the names alone, then, with what they stand for, for the lock. Where
 * paths meet, what they agree on goes on, until nothing changes.
 */
#include "collect/behind.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collect/behind_values.h"

#define COUNT_MAX 3 /* locks of one object that are counted */
#define LOCK_SIZE 8 /* sync.Mutex; the part of an RWMutex that its writers lock first */

/* How far an inlined Lock has got: a compare-and-swap, a byte set to whether it succeeded, its test. */
enum swap { SWAP_NONE, SWAP_DONE, SWAP_SET, SWAP_TESTED };

/* The name that a lock was taken by, unless it is one that stays. */
#define BY_STEADY UINT32_MAX
#define BY_SEVERAL (UINT32_MAX - 1)

struct state {
	struct machine machine;
	uint8_t alone, reads; /* the lock is held so often at least */
	bool let_go;          /* on some path it may have been unlocked */
	uint8_t swap;         /* enum swap */
	uint8_t swap_reg;
	uint32_t swap_by, by; /* by: of alone and reads */
};

struct walk {
	const struct behind_question *question;
	const struct code_function *function;
	struct behind_frame frame;
	size_t call; /* where the frame is */
	bool judges;
	struct machine_value *names; /* what they stand for, by name; NULL: not known yet */
	bool *meets;                 /* by instruction: paths meet there */
	struct state **states;       /* there, once reached */
	size_t *work;
	size_t work_count;
	bool *waits; /* in `work` */
	bool cut;    /* some path cannot be followed */
	int status;
};

static const struct machine_value unknown;

static struct machine_value meaning(const struct walk *walk, struct machine_value value)
{
	struct machine_value base;

	if (!behind_is_name(value))
		return value;
	base = walk->names[behind_name(value)];
	if (!base.known)
		return unknown;
	base.bits += (uint64_t)behind_offset(value);
	return base;
}

/* Whether it is the lock, and if so by which name. */
static bool is_lock(const struct walk *walk, struct machine_value value, uint32_t offset,
		    uint32_t *by)
{
	struct machine_value address = meaning(walk, value);

	*by = behind_is_name(value) && behind_name(value) >= BEHIND_FIRST_INSN ?
		      behind_name(value) :
		      BY_STEADY;
	return address.known && offset != LAYOUT_ABSENT &&
	       address.bits == walk->question->lock + offset;
}

static void forget_locks(struct state *state)
{
	state->alone = state->reads = 0;
	state->by = BY_STEADY;
}

/* It unlocks, tells others to, or does what is not known. */
static void let_go(struct state *state)
{
	forget_locks(state);
	state->let_go = true;
}

static void take(struct state *state, uint8_t *count, uint32_t by)
{
	if (*count < COUNT_MAX)
		(*count)++;
	if (by == BY_STEADY || by == state->by)
		return;
	state->by = state->by == BY_STEADY && state->alone + state->reads == 1 ? by : BY_SEVERAL;
}

/* What the name stood for is forgotten: a lock that was taken by it may be another one now. */
static void rename_to(struct state *state, uint32_t name)
{
	if (state->by == name || state->by == BY_SEVERAL)
		forget_locks(state);
}

static bool join(struct state *into, const struct state *from)
{
	bool less = behind_join(&into->machine, &from->machine);

	if (from->alone < into->alone) {
		into->alone = from->alone;
		less = true;
	}
	if (from->reads < into->reads) {
		into->reads = from->reads;
		less = true;
	}
	if (from->let_go && !into->let_go)
		into->let_go = less = true;
	if (into->swap != SWAP_NONE &&
	    (into->swap != from->swap || into->swap_reg != from->swap_reg)) {
		into->swap = SWAP_NONE;
		less = true;
	}
	if (!into->alone && !into->reads) {
		into->by = BY_STEADY;
	} else if (into->by != from->by && into->by != BY_SEVERAL) {
		into->by = BY_SEVERAL;
		less = true;
	}
	return less;
}

static void arrive(struct walk *walk, const struct state *state, size_t at)
{
	struct state *there;

	if (at >= walk->function->insns.len) {
		walk->cut = true;
		return;
	}
	there = walk->states[at];
	if (there) {
		if (!join(there, state))
			return;
	} else {
		there = walk->states[at] = malloc(sizeof(*there));
		if (!there) {
			walk->status = -ENOMEM;
			return;
		}
		*there = *state;
	}
	if (!walk->waits[at]) {
		walk->waits[at] = true;
		walk->work[walk->work_count++] = at;
	}
}

/* The machine has not followed the instruction yet. */
static void follow_atomic(const struct walk *walk, struct state *state,
			  const struct lift_insn *insn)
{
	const struct layout *layout = &walk->question->target->layout;
	struct machine_value to = machine_address(&state->machine, &insn->to);
	struct machine_value by = machine_read(&state->machine, &insn->from);
	uint32_t name;

	if (insn->op == LIFT_CMPXCHG && insn->to.size == 4 && !walk->question->is_rwmutex &&
	    is_lock(walk, to, layout->mutex_state, &state->swap_by))
		state->swap = SWAP_DONE;
	else if (insn->op == LIFT_XADD && insn->to.size == 4 && walk->question->is_rwmutex &&
		 is_lock(walk, to, layout->rwmutex_readercount, &name) && by.known &&
		 (uint32_t)by.bits == 1)
		take(state, &state->reads, name);
	else if (!code_tells_nothing(walk->question->code, walk->function, insn))
		let_go(state);
}

/* "s.mu = sync.Mutex{}" unlocks as well. */
static bool overwrites_lock(const struct walk *walk, const struct state *state,
			    const struct lift_insn *insn)
{
	struct machine_value to;

	if (insn->to.place != LIFT_MEM || insn->op == LIFT_CMP || insn->op == LIFT_TEST ||
	    insn->op == LIFT_NOP || insn->locked)
		return false;
	to = meaning(walk, machine_address(&state->machine, &insn->to));
	return to.known && to.bits < walk->question->lock + LOCK_SIZE &&
	       to.bits + insn->to.size > walk->question->lock;
}

/* Whether the jump is taken when the swap succeeded; -1: it does not depend on that. */
static int swap_decides(const struct state *state, const struct lift_insn *insn)
{
	if (insn->condition != LIFT_IF_E && insn->condition != LIFT_IF_NE)
		return -1;
	if (state->swap == SWAP_DONE)
		return insn->condition == LIFT_IF_E;
	return state->swap == SWAP_TESTED ? insn->condition == LIFT_IF_NE : -1;
}

static void follow_swap(struct state *state, const struct lift_insn *insn)
{
	if (insn->op == LIFT_NOP || state->swap == SWAP_NONE)
		return;
	if (state->swap == SWAP_DONE && insn->op == LIFT_SET && insn->condition == LIFT_IF_E &&
	    insn->to.place == LIFT_REG && insn->to.reg != LIFT_NO_REG) {
		state->swap = SWAP_SET;
		state->swap_reg = insn->to.reg;
	} else if (state->swap == SWAP_SET && insn->op == LIFT_TEST && insn->to.place == LIFT_REG &&
		   insn->from.place == LIFT_REG && insn->to.reg == state->swap_reg &&
		   insn->from.reg == state->swap_reg) {
		state->swap = SWAP_TESTED;
	} else {
		state->swap = SWAP_NONE;
	}
}

static void follow_plain(struct walk *walk, struct state *state, size_t at)
{
	const struct lift_insn *insn = &walk->function->insns.data[at];
	uint32_t name = BEHIND_FIRST_INSN + (uint32_t)at;
	bool named;

	follow_swap(state, insn);
	if (walk->judges && code_is_atomic(insn))
		follow_atomic(walk, state, insn);
	if (walk->judges && overwrites_lock(walk, state, insn))
		let_go(state);
	behind_step(&state->machine, &walk->frame, insn, name, &named);
	if (named)
		rename_to(state, name);
}

static void take_by_call(const struct walk *walk, struct state *state,
			 const struct code_function *callee)
{
	bool is_rwmutex = walk->question->is_rwmutex;
	uint32_t by;

	/* a lock of another one lets go of nothing */
	if (callee->tries || !is_lock(walk, state->machine.regs[MACHINE_RAX], 0, &by))
		return;
	if (callee->effect == (is_rwmutex ? CODE_WRITE_LOCK : CODE_LOCK))
		take(state, &state->alone, by);
	else if (is_rwmutex && callee->effect == CODE_READ_LOCK)
		take(state, &state->reads, by);
}

/* False: it does not come back. */
static bool follow_call(struct walk *walk, struct state *state, size_t at)
{
	const struct lift_insn *insn = &walk->function->insns.data[at];
	struct code_function *callee = insn->target ? code_at(walk->question->code, insn->target) :
						      NULL;
	uint32_t name = BEHIND_FIRST_INSN + (uint32_t)at;

	state->swap = SWAP_NONE;
	/* the function begins again, with its arguments as they were */
	if (callee && callee->grows_stack)
		return false;
	if (callee && (callee->effect == CODE_NO_RETURN || callee->effect == CODE_UNWINDS))
		return false;
	if (callee && callee->is_barrier) {
		state->machine.regs[MACHINE_R11] = unknown;
		state->machine.compared = LIFT_NOP;
		return true;
	}
	if (walk->judges) {
		if (callee && (callee->effect == CODE_LOCK || callee->effect == CODE_WRITE_LOCK ||
			       callee->effect == CODE_READ_LOCK))
			take_by_call(walk, state, callee);
		else if (!callee || !code_is_quiet(walk->question->code, callee))
			let_go(state);
		rename_to(state, name);
	}
	behind_return(&state->machine, &walk->frame, callee, name);
	return true;
}

static void follow_branch(struct walk *walk, struct state *state, size_t at)
{
	const struct lift_insn *insn = &walk->function->insns.data[at];
	size_t to = lift_find(&walk->function->insns, insn->target);
	int taken = machine_decides(&state->machine, insn);
	int succeeded = swap_decides(state, insn);
	struct state other = *state;

	other.swap = state->swap = SWAP_NONE;
	if (succeeded == 1)
		take(&other, &other.alone, state->swap_by);
	else if (succeeded == 0)
		take(state, &state->alone, state->swap_by);
	if (taken)
		arrive(walk, &other, to);
	if (taken != 1)
		arrive(walk, state, at + 1);
}

static bool is_inside(const struct walk *walk, uint64_t addr)
{
	return lift_find(&walk->function->insns, addr) < walk->function->insns.len;
}

/* From where paths meet to where they meet again. */
static void follow(struct walk *walk, size_t at)
{
	const lift_insns *insns = &walk->function->insns;
	struct state state = *walk->states[at];

	for (bool first = true; !walk->cut && !walk->status; first = false) {
		const struct lift_insn *insn;

		if (at >= insns->len || !*walk->question->steps) {
			walk->cut = true;
			return;
		}
		--*walk->question->steps;
		if (walk->meets[at] && !first) {
			arrive(walk, &state, at);
			return;
		}
		insn = &insns->data[at];
		switch (insn->op) {
		case LIFT_RET:
		case LIFT_TRAP:
			return;
		case LIFT_JUMP:
			if (!insn->target)
				walk->cut = true;
			else if (is_inside(walk, insn->target))
				arrive(walk, &state, lift_find(insns, insn->target));
			return;
		case LIFT_JCC:
			follow_branch(walk, &state, at);
			return;
		case LIFT_CALL:
			if (!follow_call(walk, &state, at))
				return;
			break;
		default:
			follow_plain(walk, &state, at);
			break;
		}
		at++;
	}
}

static void find_meetings(struct walk *walk)
{
	const lift_insns *insns = &walk->function->insns;

	for (size_t i = 0; i < insns->len; i++) {
		const struct lift_insn *insn = &insns->data[i];
		size_t to;

		if (insn->op != LIFT_JUMP && insn->op != LIFT_JCC)
			continue;
		to = insn->target ? lift_find(insns, insn->target) : insns->len;
		if (to < insns->len)
			walk->meets[to] = true;
		if (insn->op == LIFT_JCC && i + 1 < insns->len)
			walk->meets[i + 1] = true;
	}
	walk->meets[0] = walk->meets[walk->call] = true;
}

static void forget_states(struct walk *walk)
{
	for (size_t i = 0; i < walk->function->insns.len; i++) {
		free(walk->states[i]);
		walk->states[i] = NULL;
	}
}

/* Every path from the entry on; true: the state at the call is known. */
static bool run(struct walk *walk)
{
	static const struct machine_memory nothing;
	struct state state = { .by = BY_STEADY };

	forget_states(walk);
	behind_begin(&state.machine, &nothing, &walk->frame);
	arrive(walk, &state, 0);
	while (walk->work_count && !walk->cut && !walk->status) {
		size_t at = walk->work[--walk->work_count];

		walk->waits[at] = false;
		follow(walk, at);
	}
	return !walk->cut && !walk->status && walk->states[walk->call] &&
	       walk->states[walk->call]->machine.regs[MACHINE_RSP].bits == walk->frame.sp;
}

/* False: it is something else, by what else is known. */
static bool mean(struct walk *walk, struct machine_value value, uint64_t bits)
{
	struct machine_value *name;

	if (!behind_is_name(value))
		return !value.known || value.bits == bits;
	bits -= (uint64_t)behind_offset(value);
	name = &walk->names[behind_name(value)];
	if (name->known)
		return name->bits == bits;
	*name = (struct machine_value){ .bits = bits, .known = true };
	return true;
}

/* What the slots of the frame have now, they had at its call, which passed on `regs`. */
static bool find_meanings(struct walk *walk, const struct code_function *callee,
			  const struct machine_value *regs)
{
	const struct machine *machine = &walk->states[walk->call]->machine;
	const struct machine_memory *stack = walk->question->stack;
	uint64_t first = walk->frame.sp + (uint64_t)callee->args;

	for (int i = 0; i < MACHINE_REGISTERS; i++)
		if (regs[i].known && !mean(walk, machine->regs[i], regs[i].bits))
			return false;
	for (int i = 0; i < machine->store_count; i++) {
		const struct machine_store *store = &machine->stores[i];
		uint64_t bits;

		if (!behind_is_name(store->value) || !behind_owns(&walk->frame, store->addr) ||
		    store->addr < first || store->addr < stack->stack_lo ||
		    store->addr + 8 > stack->stack_hi)
			continue;
		memcpy(&bits, stack->stack + (store->addr - stack->stack_lo), sizeof(bits));
		if (!mean(walk, store->value, bits))
			return false;
	}
	return true;
}

static enum behind_answer answer_of(const struct walk *walk)
{
	const struct state *state = walk->states[walk->call];
	const struct behind_question *question = walk->question;

	if (state->alone)
		return question->is_rwmutex ? BEHIND_WRITES : BEHIND_HOLDS;
	if (state->reads > (question->reads_inlined ? 1 : 0))
		return BEHIND_READS;
	return state->let_go ? BEHIND_UNKNOWN : BEHIND_NOTHING;
}

static enum behind_answer look(struct walk *walk, const struct code_function *callee,
			       struct machine_value *regs)
{
	if (!run(walk) || !find_meanings(walk, callee, regs))
		return BEHIND_UNKNOWN;
	memcpy(regs, walk->names, MACHINE_REGISTERS * sizeof(*regs));
	walk->judges = true;
	return run(walk) ? answer_of(walk) : BEHIND_UNKNOWN;
}

/* The call whose return address is pc; insns->len: there is none. */
static size_t find_call(const lift_insns *insns, uint64_t pc)
{
	for (size_t i = 0; i < insns->len; i++)
		if (insns->data[i].op == LIFT_CALL &&
		    insns->data[i].addr + insns->data[i].len == pc)
			return i;
	return insns->len;
}

int behind_look(const struct behind_question *question, const struct unwind_frame *frame,
		const struct code_function *callee, struct machine_value *regs,
		enum behind_answer *answer)
{
	struct code_function *function = code_lifted(question->code, frame->pc - 1);
	struct walk walk = { .question = question, .function = function };
	size_t count = function ? function->insns.len : 0;

	*answer = BEHIND_UNKNOWN;
	if (!count || frame->interrupted || frame->size < 0 || callee->args < 0)
		return 0;
	walk.call = find_call(&function->insns, frame->pc);
	if (walk.call == count)
		return 0;
	behind_frame_init(&walk.frame, frame, function);
	walk.names = calloc(BEHIND_FIRST_INSN + count, sizeof(*walk.names));
	walk.meets = calloc(count, sizeof(*walk.meets));
	walk.states = calloc(count, sizeof(struct state *));
	walk.work = calloc(count, sizeof(*walk.work));
	walk.waits = calloc(count, sizeof(*walk.waits));
	if (walk.names && walk.meets && walk.states && walk.work && walk.waits) {
		find_meetings(&walk);
		*answer = look(&walk, callee, regs);
		forget_states(&walk);
	} else {
		walk.status = -ENOMEM;
	}
	free(walk.names);
	free(walk.meets);
	free(walk.states);
	free(walk.work);
	free(walk.waits);
	return walk.status;
}
