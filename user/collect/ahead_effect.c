// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What instructions and calls on a path do to locks, channels, WaitGroups and Conds. */
#include <errno.h>

#include "collect/ahead_parts.h"

#define SELECT_MAX 64 /* cases looked at */

static void note(struct ahead *ahead, enum next_what what, uint64_t object)
{
	ahead_ops *ops = ahead->question.ops;
	struct ahead_op *op;

	for (size_t i = 0; i < ops->len; i++)
		if (ops->data[i].object == object && ops->data[i].what == what)
			return;
	op = vec_push(ops);
	if (!op) {
		ahead->status = -ENOMEM;
		return;
	}
	*op = (struct ahead_op){ .object = object, .what = what };
}

static bool is_family(enum next_what what, enum next_what unlock)
{
	if (unlock == NEXT_RELEASE)
		return what == NEXT_RELEASE || what == NEXT_ACQUIRE;
	if (unlock == NEXT_DONE)
		return what == NEXT_DONE || what == NEXT_ADD;
	if (unlock == NEXT_UNLOCK)
		return what == NEXT_UNLOCK || what == NEXT_LOCK;
	return what == NEXT_WRITE_UNLOCK || what == NEXT_READ_UNLOCK || what == NEXT_WRITE_LOCK ||
	       what == NEXT_READ_LOCK;
}

static bool is_same_mode(enum next_what what, enum next_what unlock)
{
	return what == unlock || (unlock == NEXT_WRITE_UNLOCK && what == NEXT_WRITE_LOCK) ||
	       (unlock == NEXT_READ_UNLOCK && what == NEXT_READ_LOCK);
}

bool ahead_operation(struct walk *walk, struct path *path, enum next_what what,
		     struct machine_value object)
{
	struct ahead *ahead = walk->ahead;
	const struct question *question = &ahead->question;

	if (!object.known || !ahead->watched(ahead->ctx, object.bits))
		return true;
	if (!question->decides) {
		note(ahead, what, object.bits);
		return true;
	}
	if (object.bits != question->object || !is_family(what, question->unlock))
		return true;
	if (question->passes_over && !is_same_mode(what, question->unlock))
		return true;
	if (what != question->unlock) {
		walk->outcome |= TAKEN;
		return false;
	}
	if (path->pending) {
		path->pending--;
		return true;
	}
	walk->outcome |= HELD;
	return false;
}

static struct machine_value minus(struct machine_value value, uint32_t offset)
{
	value.bits -= offset;
	value.known = value.known && offset != LAYOUT_ABSENT;
	return value;
}

bool ahead_atomic(struct walk *walk, struct path *path, const struct lift_insn *insn)
{
	const struct layout *layout = &walk->ahead->target->layout;
	struct machine_value address = machine_address(&path->machine, &insn->to), by;

	if (!insn->locked || insn->to.place != LIFT_MEM || insn->to.size != 4)
		return true;
	if (insn->op == LIFT_CMPXCHG)
		return ahead_operation(walk, path, NEXT_LOCK, minus(address, layout->mutex_state));
	if (insn->op != LIFT_XADD)
		return true;
	by = machine_read(&path->machine, &insn->from);
	if (!by.known)
		return true;
	if ((int32_t)by.bits == -1)
		return ahead_operation(walk, path, NEXT_UNLOCK,
				       minus(address, layout->mutex_state)) &&
		       ahead_operation(walk, path, NEXT_READ_UNLOCK,
				       minus(address, layout->rwmutex_readercount));
	if (by.bits == 1)
		return ahead_operation(walk, path, NEXT_READ_LOCK,
				       minus(address, layout->rwmutex_readercount));
	return true;
}

/* runtime/select.go: scase { c *hchan; elem unsafe.Pointer }, first those that send. */
static void select_cases(struct walk *walk, struct path *path)
{
	const struct machine *machine = &path->machine;
	struct machine_value cases = machine->regs[MACHINE_RAX];
	struct machine_value sends = machine->regs[MACHINE_RDI];
	struct machine_value receives = machine->regs[MACHINE_RSI];

	if (walk->ahead->question.decides || !cases.known || !sends.known || !receives.known ||
	    sends.bits > SELECT_MAX || receives.bits > SELECT_MAX)
		return;
	for (uint64_t i = 0; i < sends.bits + receives.bits; i++)
		ahead_operation(walk, path, i < sends.bits ? NEXT_SEND : NEXT_RECV,
				machine_load(machine, cases.bits + 16 * i, 8));
}

bool ahead_effect(struct walk *walk, struct path *path, const struct code_function *callee)
{
	const struct machine *machine = &path->machine;
	struct machine_value first = machine->regs[MACHINE_RAX],
			     second = machine->regs[MACHINE_RBX];

	switch (callee->effect) {
	case CODE_NO_RETURN:
	case CODE_UNWINDS:
		return false;
	case CODE_LOCK:
		return ahead_operation(walk, path, NEXT_LOCK, first);
	case CODE_UNLOCK:
		return ahead_operation(walk, path, NEXT_UNLOCK, first);
	case CODE_WRITE_LOCK:
		return ahead_operation(walk, path, NEXT_WRITE_LOCK, first);
	case CODE_WRITE_UNLOCK:
		return ahead_operation(walk, path, NEXT_WRITE_UNLOCK, first);
	case CODE_READ_LOCK:
		return ahead_operation(walk, path, NEXT_READ_LOCK, first);
	case CODE_READ_UNLOCK:
		return ahead_operation(walk, path, NEXT_READ_UNLOCK, first);
	case CODE_GROUP_DONE:
		return ahead_operation(walk, path, NEXT_DONE, first);
	case CODE_GROUP_ADD:
		return ahead_operation(
			walk, path, second.known && (int64_t)second.bits < 0 ? NEXT_DONE : NEXT_ADD,
			first);
	case CODE_COND_WAKE:
		return ahead_operation(walk, path, NEXT_WAKE, first);
	case CODE_LIST_WAKE:
		return ahead_operation(walk, path, NEXT_WAKE,
				       minus(first, walk->ahead->target->layout.cond_notify));
	case CODE_ACQUIRE:
		return ahead_operation(walk, path, NEXT_ACQUIRE, first);
	case CODE_RELEASE:
		return ahead_operation(walk, path, NEXT_RELEASE, first);
	case CODE_SEND:
		return ahead_operation(walk, path, NEXT_SEND, first);
	case CODE_RECV:
		return ahead_operation(walk, path, NEXT_RECV, first);
	case CODE_RECV_SECOND:
		return ahead_operation(walk, path, NEXT_RECV, second);
	case CODE_CLOSE:
		return ahead_operation(walk, path, NEXT_CLOSE, first);
	case CODE_SELECT:
		select_cases(walk, path);
		return true;
	default:
		return true;
	}
}
