// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * All paths from an instruction to the function's end, each instruction once: an operation on the object
 * in question ends its path. Direct calls, and indirect ones whose target is known, are followed into
 * functions that have operations of interest, so deep; a call whose answer depends on the path there
 * makes the whole answer depend.
 */
#include "collect/ahead.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collect/ahead_parts.h"

#define STEPS_MAX 6000          /* instructions for one question */
#define STEPS_IN_ALL (1U << 26) /* for all goroutines of a snapshot */
#define BRANCHES_MAX 128        /* paths that wait to be followed in one function */
#define DEFERS_MAX 64
#define JUMP_TABLE_MAX 256
#define DEFER_SP 8 /* runtime._defer, Go 1.18 to 1.27 */
#define DEFER_FN 24

struct ahead *ahead_new(const struct target *target, struct code *code, struct page_cache *pages,
			uint32_t steps, ahead_watched watched, void *ctx)
{
	struct ahead *ahead = calloc(1, sizeof(*ahead));

	if (!ahead)
		return NULL;
	ahead->target = target;
	ahead->code = code;
	ahead->pages = pages;
	ahead->watched = watched;
	ahead->ctx = ctx;
	ahead->all_steps_left = steps ? steps : STEPS_IN_ALL;
	return ahead;
}

void ahead_free(struct ahead *ahead)
{
	free(ahead);
}

void ahead_set_goroutine(struct ahead *ahead, uint64_t g, const struct machine_memory *stack)
{
	ahead->g = g;
	ahead->stack = stack;
}

static unsigned follow(struct ahead *ahead, uint64_t pc, const struct machine *machine,
		       uint64_t frame_sp, int *pending);

/* The answer of a function that was called becomes part of the path's; false ends it. */
static bool take_answer(struct walk *walk, struct path *path, unsigned outcome, int pending)
{
	if (outcome & MIXED || ((outcome & (HELD | TAKEN)) && (outcome & LEFT))) {
		walk->outcome |= MIXED;
		return false;
	}
	if (outcome & (HELD | TAKEN)) {
		walk->outcome |= outcome & (HELD | TAKEN);
		return false;
	}
	if (outcome & LEFT)
		path->pending = pending;
	/* nothing at all: it never returns */
	return outcome & (LEFT | CUT);
}

static bool call_into(struct walk *walk, struct path *path, uint64_t pc)
{
	struct ahead *ahead = walk->ahead;
	struct machine machine = path->machine;
	int pending = path->pending;
	unsigned outcome;

	if (ahead->depth >= AHEAD_DEPTH)
		return true;
	machine.regs[MACHINE_RSP].bits -= 8;
	outcome = follow(ahead, pc, &machine, machine.regs[MACHINE_RSP].bits, &pending);
	return take_answer(walk, path, outcome, pending);
}

/* A func value: the first word of what it points at is the code, and rdx points there. */
static bool call_closure(struct walk *walk, struct path *path, struct machine_value closure)
{
	struct machine_value code = { 0 };
	struct code_function *callee;
	struct path copy;

	if (closure.known && closure.bits)
		code = machine_load(&path->machine, closure.bits, 8);
	callee = code.known ? code_at(walk->ahead->code, code.bits) : NULL;
	if (!callee || callee->entry != code.bits)
		return true;
	copy = *path;
	machine_forget_registers(&copy.machine);
	copy.machine.regs[MACHINE_RDX] = closure;
	if (!ahead_effect(walk, &copy, callee))
		return false;
	if (callee->effect == CODE_PLAIN && !call_into(walk, &copy, callee->entry))
		return false;
	path->pending = copy.pending;
	return true;
}

/* runtime/panic.go deferreturn: the records of this frame, newest first. */
static bool deferred_calls(struct walk *walk, struct path *path)
{
	const struct layout *layout = &walk->ahead->target->layout;
	uint32_t link = layout->minor >= 22 ? 32 : 40;
	struct machine_value record;

	/* g._defer lies before g.m in every version (runtime2.go) */
	record = machine_load(&path->machine, walk->ahead->g + layout->g_m - 8, 8);
	for (int i = 0; i < DEFERS_MAX && record.known && record.bits; i++) {
		struct machine_value sp = machine_load(&path->machine, record.bits + DEFER_SP, 8);
		struct machine_value fn = machine_load(&path->machine, record.bits + DEFER_FN, 8);

		if (sp.known && sp.bits == walk->frame_sp && !call_closure(walk, path, fn))
			return false;
		record = machine_load(&path->machine, record.bits + link, 8);
	}
	return true;
}

/* False ends the path. */
static bool call(struct walk *walk, struct path *path, const struct lift_insn *insn)
{
	struct ahead *ahead = walk->ahead;
	struct machine_value to = { .bits = insn->target, .known = insn->target != 0 };
	struct code_function *callee;
	bool goes_on = true;

	if (!to.known)
		to = machine_read(&path->machine, &insn->to);
	callee = to.known && to.bits ? code_at(ahead->code, to.bits) : NULL;
	if (callee && callee->entry == to.bits) {
		goes_on = ahead_effect(walk, path, callee);
		if (goes_on && callee->effect == CODE_DEFER_RETURN)
			goes_on = deferred_calls(walk, path);
		if (goes_on && callee->effect == CODE_PLAIN &&
		    code_is_busy(ahead->code, callee, AHEAD_DEPTH - 1 - ahead->depth))
			goes_on = call_into(walk, path, callee->entry);
	}
	machine_forget_registers(&path->machine);
	return goes_on;
}

static void leave(struct walk *walk, const struct path *path)
{
	if (walk->left_pending >= 0 && walk->left_pending != path->pending)
		walk->outcome |= MIXED;
	walk->left_pending = path->pending;
	walk->outcome |= LEFT;
}

static void branch_to(struct walk *walk, const struct path *path, size_t at)
{
	struct path *branch;

	if (at >= walk->function->insns.len ||
	    walk->seen[at * (AHEAD_PENDING_MAX + 1) + path->pending])
		return;
	branch = walk->branch_count < BRANCHES_MAX ? malloc(sizeof(*branch)) : NULL;
	if (!branch) {
		walk->outcome |= CUT;
		return;
	}
	*branch = *path;
	branch->at = at;
	walk->branches[walk->branch_count++] = branch;
}

static bool is_inside(const struct walk *walk, uint64_t addr)
{
	const lift_insns *insns = &walk->function->insns;

	return addr >= insns->data[0].addr && addr <= insns->data[insns->len - 1].addr;
}

/* jmp [table + 8 * x]: to every address in it that is in this function. */
static void jump_by_table(struct walk *walk, struct path *path, const struct lift_insn *insn)
{
	struct machine_value base = { 0 };

	if (insn->to.place == LIFT_MEM && insn->to.index != LIFT_NO_REG && insn->to.scale == 8) {
		struct lift_arg table = insn->to;

		table.index = LIFT_NO_REG;
		base = machine_address(&path->machine, &table);
	}
	if (!base.known) {
		walk->outcome |= CUT;
		return;
	}
	for (int i = 0; i < JUMP_TABLE_MAX; i++) {
		struct machine_value to = machine_load(&path->machine, base.bits + 8 * i, 8);

		if (!to.known || !is_inside(walk, to.bits))
			break;
		branch_to(walk, path, lift_find(&walk->function->insns, to.bits));
	}
}

/* False: the path has gone elsewhere or ended. */
static bool jump(struct walk *walk, struct path *path, const struct lift_insn *insn)
{
	struct machine_value to = { .bits = insn->target, .known = insn->target != 0 };

	if (!to.known)
		to = machine_read(&path->machine, &insn->to);
	if (!to.known) {
		jump_by_table(walk, path, insn);
		return false;
	}
	if (!is_inside(walk, to.bits)) { /* a tail call */
		if (call(walk, path, insn))
			leave(walk, path);
		return false;
	}
	path->at = lift_find(&walk->function->insns, to.bits);
	return path->at < walk->function->insns.len;
}

/* One instruction; false ends the path. */
static bool step(struct walk *walk, struct path *path)
{
	const struct lift_insn *insn = &walk->function->insns.data[path->at++];
	int taken;

	switch (insn->op) {
	case LIFT_RET:
		leave(walk, path);
		return false;
	case LIFT_TRAP:
		return false;
	case LIFT_CALL:
		return call(walk, path, insn);
	case LIFT_JUMP:
		return jump(walk, path, insn);
	case LIFT_JCC:
		taken = machine_decides(&path->machine, insn);
		if (taken)
			branch_to(walk, path, lift_find(&walk->function->insns, insn->target));
		return taken != 1;
	case LIFT_XADD:
	case LIFT_CMPXCHG:
		if (!ahead_atomic(walk, path, insn))
			return false;
		break;
	default:
		break;
	}
	machine_step(&path->machine, insn);
	return true;
}

static void follow_path(struct walk *walk, struct path *path)
{
	const lift_insns *insns = &walk->function->insns;

	while (path->at < insns->len) {
		bool *seen = &walk->seen[path->at * (AHEAD_PENDING_MAX + 1) + path->pending];

		if (*seen)
			return;
		*seen = true;
		if (walk->ahead->steps_left-- <= 0) {
			walk->outcome |= CUT;
			return;
		}
		if (!step(walk, path))
			return;
	}
}

/* From pc to the end of its function. The bits of enum outcome. */
static unsigned follow(struct ahead *ahead, uint64_t pc, const struct machine *machine,
		       uint64_t frame_sp, int *pending)
{
	struct code_function *function = code_lifted(ahead->code, pc);
	struct walk walk = {
		.ahead = ahead, .function = function, .frame_sp = frame_sp, .left_pending = -1
	};
	struct path *path = NULL;

	if (!function || !function->insns.len)
		return CUT;
	walk.seen = calloc(function->insns.len * (AHEAD_PENDING_MAX + 1), sizeof(*walk.seen));
	walk.branches = calloc(BRANCHES_MAX, sizeof(struct path *));
	path = malloc(sizeof(*path));
	if (!walk.seen || !walk.branches || !path) {
		ahead->status = -ENOMEM;
		walk.outcome = CUT;
		goto out;
	}
	path->at = lift_find(&function->insns, pc);
	path->pending = *pending;
	path->machine = *machine;
	if (path->at == function->insns.len)
		walk.outcome |= CUT;
	ahead->depth++;
	while (path) {
		follow_path(&walk, path);
		free(path);
		path = walk.branch_count ? walk.branches[--walk.branch_count] : NULL;
	}
	ahead->depth--;
	if (walk.left_pending >= 0)
		*pending = walk.left_pending;
out:
	free(path);
	free(walk.seen);
	free(walk.branches);
	return walk.outcome;
}

static void spend(struct ahead *ahead, int steps)
{
	uint64_t spent = steps > 0 ? (uint64_t)steps : 0;

	ahead->all_steps_left = spent < ahead->all_steps_left ? ahead->all_steps_left - spent : 0;
}

static unsigned ask(struct ahead *ahead, const struct unwind_frame *frame, int *pending)
{
	struct machine machine;
	unsigned outcome;

	machine_init(&machine, ahead->stack);
	machine.regs[MACHINE_RSP] =
		(struct machine_value){ .bits = frame->sp, .known = true, .steady = true };
	if (frame->size >= 8) /* where a frame keeps its caller's frame pointer */
		machine.regs[MACHINE_RBP] = (struct machine_value){
			.bits = frame->sp + frame->size - 8, .known = true, .steady = true
		};
	machine.regs[MACHINE_R14] =
		(struct machine_value){ .bits = ahead->g, .known = true, .steady = true };
	/* not steady: a loop's condition holds for now only */
	for (int i = 0; frame->regs && i < MACHINE_REGISTERS; i++)
		machine.regs[i] = (struct machine_value){ .bits = frame->regs[i],
							  .known = true,
							  .steady = i == MACHINE_RSP };
	ahead->depth = 0;
	if (!ahead->all_steps_left)
		return CUT;
	ahead->steps_left = STEPS_MAX;
	outcome = follow(ahead, frame->pc, &machine, frame->sp, pending);
	spend(ahead, STEPS_MAX - ahead->steps_left);
	return outcome;
}

bool ahead_is_exhausted(const struct ahead *ahead)
{
	return !ahead->all_steps_left;
}

int ahead_list(struct ahead *ahead, const struct unwind_frame *frame, ahead_ops *ops)
{
	int pending = 0;

	ahead->question = (struct question){ .ops = ops };
	ahead->status = 0;
	ask(ahead, frame, &pending);
	return ahead->status;
}

enum ahead_answer ahead_decide(struct ahead *ahead, const struct unwind_frame *frame,
			       enum next_what unlock, uint64_t object, bool passes_over,
			       int *pending)
{
	unsigned outcome;

	if (*pending > AHEAD_PENDING_MAX)
		return AHEAD_MAYBE;
	ahead->question = (struct question){
		.decides = true, .passes_over = passes_over, .unlock = unlock, .object = object
	};
	outcome = ask(ahead, frame, pending);
	if (outcome & MIXED)
		return AHEAD_MAYBE;
	if (outcome & HELD)
		return outcome & (TAKEN | LEFT) ? AHEAD_MAYBE : AHEAD_HOLDS;
	return outcome & TAKEN ? AHEAD_HOLDS_NOT : AHEAD_NOTHING;
}
