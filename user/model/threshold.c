// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "model/threshold.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

bool threshold_parse(const char *text, struct threshold *threshold)
{
	static const char *const names[] = { [THRESHOLD_GOROUTINES] = "goroutines>",
					     [THRESHOLD_RUNNABLE] = "runnable>",
					     [THRESHOLD_WAITING] = "waiting>",
					     [THRESHOLD_OLDEST] = "oldest>" };

	for (size_t i = THRESHOLD_GOROUTINES; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t len = strlen(names[i]);
		char *end;

		if (strncmp(text, names[i], len))
			continue;
		threshold->what = (enum threshold_what)i;
		threshold->more_than = strtod(text + len, &end);
		return end != text + len && !*end && isfinite(threshold->more_than) &&
		       threshold->more_than >= 0;
	}
	return false;
}

static double oldest_lock_wait(const struct model *model)
{
	uint64_t oldest_ns = 0;

	for (size_t i = 0; i < model->tasks.len; i++) {
		const struct model_task *task = &model->tasks.data[i];
		enum lock_kind lock = task->stack ? task->stack->lock : LOCK_NONE;

		if (task->state != G_WAITING || lock < LOCK_MUTEX || lock > LOCK_RWMUTEX_READER ||
		    !task->since_ns || task->since_ns > model->at_ns)
			continue;
		if (model->at_ns - task->since_ns > oldest_ns)
			oldest_ns = model->at_ns - task->since_ns;
	}
	return (double)oldest_ns / NSEC_PER_SEC;
}

double threshold_value(const struct threshold *threshold, const struct model *model)
{
	uint64_t total = 0;

	switch (threshold->what) {
	case THRESHOLD_RUNNABLE:
		return (double)model->by_state[G_RUNNABLE];
	case THRESHOLD_WAITING:
		return (double)model->by_state[G_WAITING];
	case THRESHOLD_OLDEST:
		return oldest_lock_wait(model);
	default:
		for (size_t i = 0; i < sizeof(model->by_state) / sizeof(model->by_state[0]); i++)
			total += model->by_state[i];
		return (double)total;
	}
}

bool threshold_holds(const struct threshold *threshold, const struct model *model)
{
	return threshold->what && threshold_value(threshold, model) > threshold->more_than;
}
