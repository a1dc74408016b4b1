// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Adds those who wait now to the sites. A goroutine that parked before the attach has no site of the
 * probes; it is counted where the probes would have seen it, in a row of its own when need be.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "model/build.h"

struct row_key {
	const struct stack *stack;
	uint64_t reason;
};

struct row_node {
	struct row_key key;
	uint32_t row;
	UT_hash_handle hh;
};

struct row_index {
	struct row_node *table;
};

static int index_row(struct row_index *index, const struct model_site *site, uint32_t row)
{
	struct row_node *node = calloc(1, sizeof(*node));

	if (!node)
		return -ENOMEM;
	node->key = (struct row_key){ .stack = site->stack, .reason = site->reason };
	node->row = row;
	HASH_ADD(hh, index->table, key, sizeof(node->key), node);
	return 0;
}

static int index_rows(const struct model *model, struct row_index *index)
{
	int status = 0;

	index->table = NULL;
	for (size_t i = 0; i < model->sites.len && !status; i++)
		status = index_row(index, &model->sites.data[i], i);
	return status;
}

static void index_free(struct row_index *index)
{
	struct row_node *node, *next;

	HASH_ITER(hh, index->table, node, next) {
		HASH_DEL(index->table, node);
		free(node);
	}
}

/* The row of tasks that the probes have not seen parking; made when new. */
static int row_by_stack(struct build *build, struct row_index *index, const struct model_task *task,
			uint32_t *row)
{
	struct model *model = build->model;
	struct stack *stack = build_probe_stack(build, task->stack);
	struct row_key key = { .stack = stack, .reason = task->reason };
	struct model_site *site;
	struct row_node *node;

	if (!stack)
		return -ENOMEM;
	HASH_FIND(hh, index->table, &key, sizeof(key), node);
	if (node) {
		*row = node->row;
		return 0;
	}
	site = vec_push(&model->sites);
	if (!site)
		return -ENOMEM;
	*row = model->sites.len - 1;
	site->stack = stack;
	site->reason = task->reason;
	site->system = task->system;
	return index_row(index, site, *row);
}

static int find_row(struct build *build, struct row_index *index, const struct model_task *task,
		    uint32_t *row)
{
	*row = NO_ROW;
	if (task->site != CT_NO_SITE && task->site < build->site_limit)
		*row = build->site_rows[task->site];
	if (*row != NO_ROW || !task->stack)
		return 0;
	return row_by_stack(build, index, task, row);
}

uint64_t build_waited_ns(const struct build *build, const struct model_task *task)
{
	uint64_t now = build->model->at_ns;

	return task->since_ns && now > task->since_ns ? now - task->since_ns : 0;
}

static void add_waiter(struct build *build, struct model_site *site, const struct model_task *task)
{
	uint64_t waited_ns = build_waited_ns(build, task);

	site->waiting_now++;
	site->ongoing_ns += waited_ns;
	site->system = site->system || task->system;
	if (waited_ns > site->oldest_ns) {
		site->oldest_ns = waited_ns;
		site->oldest_is_bound = task->since_is_bound;
	}
}

/* The application's frame may lie deeper than the probes looked. */
static void complete_site(struct build *build, struct stack *stack, const struct model_task *task)
{
	if (task->stack && task->stack != stack)
		stack_complete(stack, task->stack);
	stack_complete_by_creator(build->model->stacks, stack, task->gopc);
}

int build_waiting(struct build *build)
{
	struct model *model = build->model;
	struct row_index index;
	int status = index_rows(model, &index);

	for (size_t i = 0; i < model->tasks.len && !status; i++) {
		const struct model_task *task = &model->tasks.data[i];
		uint32_t row;

		if (task->state != G_WAITING)
			continue;
		status = find_row(build, &index, task, &row);
		if (status || row == NO_ROW)
			continue;
		add_waiter(build, &model->sites.data[row], task);
		complete_site(build, model->sites.data[row].stack, task);
	}
	index_free(&index);
	return status;
}
