// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/build.h"

static uint64_t number(const struct stack *stack)
{
	return stack ? stack->number : 0;
}

static int compare_alike(const struct model_task *a, const struct model_task *b)
{
	if (a->stack != b->stack)
		return number(a->stack) < number(b->stack) ? -1 : 1;
	if (a->state != b->state)
		return a->state - b->state;
	if (a->reason != b->reason)
		return a->reason - b->reason;
	if (a->gopc != b->gopc)
		return a->gopc < b->gopc ? -1 : 1;
	return a->system - b->system;
}

static int by_likeness(const void *a, const void *b, void *ctx)
{
	const struct model *model = ctx;
	const struct model_task *x = &model->tasks.data[*(const size_t *)a];
	const struct model_task *y = &model->tasks.data[*(const size_t *)b];
	int order = compare_alike(x, y);

	return order ? order : x->goid < y->goid ? -1 : x->goid > y->goid;
}

static int by_count(const void *a, const void *b, void *ctx)
{
	const struct model_group *x = a, *y = b;

	(void)ctx;
	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return x->first_task < y->first_task ? -1 : 1;
}

int build_groups(struct build *build)
{
	struct model *model = build->model;
	struct model_group *group = NULL;

	model->group_tasks.len = 0;
	for (size_t i = 0; i < model->tasks.len; i++) {
		size_t *slot = vec_push(&model->group_tasks);

		if (!slot)
			return -ENOMEM;
		*slot = i;
	}
	vec_sort(&model->group_tasks, by_likeness, model);
	for (size_t i = 0; i < model->group_tasks.len; i++) {
		const struct model_task *task = &model->tasks.data[model->group_tasks.data[i]];

		if (!i || compare_alike(&model->tasks.data[model->group_tasks.data[i - 1]], task)) {
			group = vec_push(&model->groups);
			if (!group)
				return -ENOMEM;
			*group = (struct model_group){ .stack = task->stack,
						       .state = task->state,
						       .reason = task->reason,
						       .wait_kind = task->wait_kind,
						       .system = task->system,
						       .gopc = task->gopc,
						       .first_task = i };
		}
		group->count++;
		if (task->since_ns &&
		    (!group->oldest_since_ns || task->since_ns < group->oldest_since_ns)) {
			group->oldest_since_ns = task->since_ns;
			group->oldest_is_bound = task->since_is_bound;
		}
	}
	vec_sort(&model->groups, by_count, NULL);
	return 0;
}
