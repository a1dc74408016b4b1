// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The innermost frame that does anything with a lock decides whether its goroutine holds it, for that
 * frame goes on first. A goroutine that waits for a lock is about to get it: the unlock that belongs to
 * that is passed over, and only one more says that it holds the lock already.
 */
#include "collect/next_ops_parts.h"

#include <errno.h>

static struct decision *decision_of(struct finder *finder, uint64_t object, enum next_what unlock,
				    const struct own_wait *wait)
{
	struct decision *decision;

	for (size_t i = 0; i < finder->decision_count; i++) {
		decision = &finder->decisions[i];
		if (decision->object == object && decision->unlock == unlock)
			return decision;
	}
	if (finder->decision_count == NEXT_OPS_DECIDED_MAX)
		return NULL;
	decision = &finder->decisions[finder->decision_count++];
	*decision = (struct decision){ .object = object, .unlock = unlock };
	if (wait->is_lock && wait->object == object && wait->unlock == unlock)
		decision->pending = 1;
	return decision;
}

int next_ops_add(struct finder *finder, uint32_t goroutine, uint32_t frame, uint64_t object,
		 enum next_what what, bool certain)
{
	struct next_op *op = vec_push(&finder->snapshot->next_ops);

	if (!op)
		return -ENOMEM;
	*op = (struct next_op){ .object = object,
				.goroutine = goroutine,
				.frame = frame,
				.what = what,
				.certain = certain };
	return 0;
}

static int decide(struct finder *finder, uint32_t goroutine, uint32_t frame,
		  const struct ahead_op *op, const struct own_wait *wait)
{
	struct decision *decision = decision_of(finder, op->object, op->what, wait);
	bool passes_over = wait->is_lock && wait->object == op->object && wait->unlock != op->what;
	enum ahead_answer answer;

	if (!decision || decision->done)
		return 0;
	answer = ahead_decide(finder->ahead, &finder->frames[frame], op->what, op->object,
			      passes_over, &decision->pending);
	if (answer == AHEAD_NOTHING)
		return 0;
	decision->done = true;
	if (answer == AHEAD_HOLDS_NOT)
		return 0;
	return next_ops_add(finder, goroutine, frame, op->object, op->what, answer == AHEAD_HOLDS);
}

/* A lock that comes first settles the matter for the frames below. */
static enum next_what unlock_of(enum next_what what)
{
	switch (what) {
	case NEXT_LOCK:
		return NEXT_UNLOCK;
	case NEXT_WRITE_LOCK:
		return NEXT_WRITE_UNLOCK;
	case NEXT_READ_LOCK:
		return NEXT_READ_UNLOCK;
	case NEXT_ACQUIRE:
		return NEXT_RELEASE;
	default:
		return what;
	}
}

static int take_op(struct finder *finder, uint32_t goroutine, uint32_t frame,
		   const struct ahead_op *op, const struct own_wait *wait)
{
	struct decision *decision;
	struct ahead_op unlock = *op;
	int pending = 0;
	bool certain = false;

	switch (op->what) {
	case NEXT_UNLOCK:
	case NEXT_LOCK:
		unlock.what = NEXT_UNLOCK;
		return decide(finder, goroutine, frame, &unlock, wait);
	case NEXT_WRITE_UNLOCK:
	case NEXT_READ_UNLOCK:
	case NEXT_WRITE_LOCK:
	case NEXT_READ_LOCK:
	case NEXT_RELEASE:
	case NEXT_ACQUIRE:
		unlock.what = unlock_of(op->what);
		return decide(finder, goroutine, frame, &unlock, wait);
	case NEXT_ADD:
		return 0;
	default:
		decision = decision_of(finder, op->object, op->what, wait);
		if (!decision || decision->done)
			return 0;
		decision->done = true;
		if (op->what == NEXT_DONE)
			certain = ahead_decide(finder->ahead, &finder->frames[frame], NEXT_DONE,
					       op->object, false, &pending) == AHEAD_HOLDS;
		return next_ops_add(finder, goroutine, frame, op->object, op->what, certain);
	}
}

int next_ops_look_ahead(struct finder *finder, uint32_t goroutine, uint32_t frame,
			const struct own_wait *wait)
{
	struct code_function *function = code_at(finder->code, finder->frames[frame].pc);
	int status;

	/* the frames of the operation that the goroutine is in: what it waits for is known */
	if (!function || function->effect != CODE_PLAIN ||
	    !code_is_busy(finder->code, function, AHEAD_DEPTH - 1))
		return 0;
	finder->ops.len = 0;
	status = ahead_list(finder->ahead, &finder->frames[frame], &finder->ops);
	for (size_t i = 0; i < finder->ops.len && !status; i++)
		status = take_op(finder, goroutine, frame, &finder->ops.data[i], wait);
	return status;
}
