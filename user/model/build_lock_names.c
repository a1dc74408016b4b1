// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A lock in the heap has no symbol; who waits for it can tell how it is come to. */
#include <errno.h>
#include <string.h>

#include "collect/addr_map.h"
#include "model/build.h"

#define NAMED_MOST 64
#define WAITERS_ASKED 4 /* of one lock: on a busy one they run on while they are asked */

struct waiters {
	const struct goroutine *of[WAITERS_ASKED];
	size_t count;
};

static const struct goroutine *waiter_of(const struct model *model, const struct model_task *task,
					 const struct addr_map *rows, size_t *row)
{
	struct model_object object;
	const uint32_t *found;

	if (!task->goroutine || (task->wait_kind != WAIT_SEMA && task->wait_kind != WAIT_COND))
		return NULL;
	object = model_waiting_on(model, task);
	found = addr_map_get(rows, object.addr);
	if (!found)
		return NULL;
	*row = *found;
	return task->goroutine;
}

/* The name of a variable has the field, once that is known; without it is how far behind its start. */
static bool is_named(const struct model_lock *lock)
{
	return lock->symbol_source == SYMBOL_VARIABLE && !strchr(lock->symbol, '+');
}

static void name_lock(struct model *model, struct model_lock *lock, const struct waiters *waiters)
{
	bool found = false;

	for (size_t i = 0; i <= waiters->count && !found; i++)
		found = model->name_lock(model->name_ctx, lock->addr, lock->kind,
					 i < waiters->count ? waiters->of[i] : NULL);
	if (found)
		lock->symbol_source = symbols_variable(model->symbols, lock->addr, lock->symbol,
						       sizeof(lock->symbol));
}

int build_lock_names(struct build *build)
{
	struct model *model = build->model;
	struct waiters waiters[NAMED_MOST] = { 0 };
	size_t count = model->locks.len < NAMED_MOST ? model->locks.len : NAMED_MOST;
	struct addr_map rows = { 0 };
	int status = 0;

	if (!model->name_lock || !count)
		return 0;
	for (size_t i = 0; i < count && !status; i++)
		status = addr_map_set(&rows, model->locks.data[i].addr, i);
	for (size_t i = 0; i < model->tasks.len && !status; i++) {
		size_t row;
		const struct goroutine *waiter =
			waiter_of(model, &model->tasks.data[i], &rows, &row);

		if (waiter && waiters[row].count < WAITERS_ASKED)
			waiters[row].of[waiters[row].count++] = waiter;
	}
	for (size_t i = 0; i < count && !status; i++)
		if (!is_named(&model->locks.data[i]))
			name_lock(model, &model->locks.data[i], &waiters[i]);
	addr_map_free(&rows);
	return status;
}
