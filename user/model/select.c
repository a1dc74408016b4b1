// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "model/select.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct order_ctx {
	const struct model *model;
	const struct task_selection *selection;
};

static bool stack_has(const struct stack *stack, const char *text)
{
	for (size_t i = 0; stack && i < stack->frame_count; i++)
		if (strstr(stack->frames[i]->function, text) ||
		    strstr(stack->frames[i]->file, text))
			return true;
	return false;
}

/* A part of "key=value" of one of them. */
static bool labels_have(const struct model *model, const struct model_task *task, const char *text)
{
	const struct goroutine *goroutine = task->goroutine;

	for (uint32_t i = 0; goroutine && i < goroutine->label_count; i++) {
		const struct snapshot *snapshot = model->snapshot;
		const struct goroutine_label *label =
			&snapshot->labels.data[goroutine->first_label + i];
		char both[512];

		snprintf(both, sizeof(both), "%s=%s", snapshot->strings.data + label->key,
			 snapshot->strings.data + label->value);
		if (strstr(both, text))
			return true;
	}
	return false;
}

static bool some_label_has(const struct model *model, const struct model_group *group,
			   const char *text)
{
	for (size_t i = 0; text && i < group->count; i++) {
		size_t task = model->group_tasks.data[group->first_task + i];

		if (labels_have(model, &model->tasks.data[task], text))
			return true;
	}
	return false;
}

static bool is_wanted(const struct model *model, const char *filter, const struct stack *stack,
		      unsigned state, unsigned reason)
{
	if (!filter || stack_has(stack, filter) || strstr(model_state_name(state), filter))
		return true;
	return state == G_WAITING && strstr(model_reason(model, reason), filter);
}

static int compare(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

/* What never began, as far as is known, comes last. */
static int by_since(uint64_t a, uint64_t b)
{
	return compare(a ? a : UINT64_MAX, b ? b : UINT64_MAX);
}

static int order_tasks(const void *a, const void *b, void *ctx)
{
	const struct order_ctx *order = ctx;
	const struct model_task *x = &order->model->tasks.data[*(const size_t *)a];
	const struct model_task *y = &order->model->tasks.data[*(const size_t *)b];
	int first = order->selection->order == TASKS_BY_AGE ? by_since(x->since_ns, y->since_ns) :
							      0;

	return first ? first : compare(x->goid, y->goid);
}

static int order_groups(const void *a, const void *b, void *ctx)
{
	const struct order_ctx *order = ctx;
	const struct model *model = order->model;
	size_t i = *(const size_t *)a, j = *(const size_t *)b;
	const struct model_group *x = &model->groups.data[i], *y = &model->groups.data[j];
	int first = 0;

	if (order->selection->order == TASKS_BY_AGE)
		first = by_since(x->oldest_since_ns, y->oldest_since_ns);
	else if (order->selection->order == TASKS_BY_GOID)
		first = compare(model->tasks.data[model->group_tasks.data[x->first_task]].goid,
				model->tasks.data[model->group_tasks.data[y->first_task]].goid);
	/* they are most numerous first already */
	return first ? first : compare(i, j);
}

static int keep(struct selected_rows *rows, size_t index)
{
	size_t *slot = vec_push(rows);

	if (!slot)
		return -ENOMEM;
	*slot = index;
	return 0;
}

static int keep_tasks(const struct model *model, const struct task_selection *selection,
		      bool system, struct selected_rows *rows)
{
	int status = 0;

	for (size_t i = 0; i < model->tasks.len && !status; i++) {
		const struct model_task *task = &model->tasks.data[i];

		if ((system || !task->system) &&
		    (is_wanted(model, selection->filter, task->stack, task->state, task->reason) ||
		     labels_have(model, task, selection->filter)))
			status = keep(rows, i);
	}
	return status;
}

static int keep_groups(const struct model *model, const struct task_selection *selection,
		       bool system, struct selected_rows *rows)
{
	int status = 0;

	for (size_t i = 0; i < model->groups.len && !status; i++) {
		const struct model_group *group = &model->groups.data[i];

		if ((system || !group->system) && (is_wanted(model, selection->filter, group->stack,
							     group->state, group->reason) ||
						   some_label_has(model, group, selection->filter)))
			status = keep(rows, i);
	}
	return status;
}

int model_select(const struct model *model, const struct task_selection *selection, bool system,
		 struct selected_rows *rows)
{
	struct order_ctx order = { .model = model, .selection = selection };
	int status = selection->each ? keep_tasks(model, selection, system, rows) :
				       keep_groups(model, selection, system, rows);

	if (status)
		return status;
	vec_sort(rows, selection->each ? order_tasks : order_groups, &order);
	if (selection->most && rows->len > selection->most) {
		rows->left_out = rows->len - selection->most;
		rows->len = selection->most;
	}
	return 0;
}
