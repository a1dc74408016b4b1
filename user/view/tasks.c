// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/graph.h"
#include "model/select.h"
#include "model/format.h"
#include "view/parts.h"
#include "view/waiting_on.h"

static const struct table_column group_columns[] = {
	{ .title = "COUNT" },
	{ .title = "STATE", .left = true },
	{ .title = "WAIT REASON", .left = true },
	{ .title = "OLDEST" },
	{ .title = "CREATED BY", .left = true, .optional = true },
	{ .title = "SITE", .left = true, .elastic = true },
};

static const struct table_column task_columns[] = {
	{ .title = "GOID" },
	{ .title = "STATE", .left = true },
	{ .title = "WAIT REASON", .left = true },
	{ .title = "SINCE" },
	{ .title = "WAITING ON", .left = true },
	{ .title = "FOR GOROUTINE", .optional = true },
	{ .title = "LABELS", .left = true, .optional = true },
	{ .title = "CREATED BY", .left = true, .optional = true },
	{ .title = "SITE", .left = true, .elastic = true },
};

static void age_cell(struct table *table, const struct model *model, uint64_t since_ns,
		     bool is_bound)
{
	if (since_ns && since_ns < model->at_ns)
		table_cell(table, "%s%s", is_bound ? ">" : "", DURATION(model->at_ns - since_ns));
	else
		table_cell(table, "?");
}

static const struct pclntab_frame *site_of(const struct stack *stack)
{
	return stack ? stack->site : NULL;
}

static void creator_cell(struct table *table, struct model *model, uint64_t gopc)
{
	const struct pclntab_frame *frame = model_created_by(model, gopc);

	table_cell(table, "%s", frame ? PLACE(frame) : "-");
}

static void group_row(struct table *table, struct model *model, const struct model_group *group)
{
	table_cell(table, "%s", COUNT(group->count));
	table_cell(table, "%s", model_state_name(group->state));
	table_cell(table, "%s",
		   group->state == G_WAITING ? model_reason(model, group->reason) : "");
	age_cell(table, model, group->oldest_since_ns, group->oldest_is_bound);
	creator_cell(table, model, group->gopc);
	table_cell(table, "%s",
		   group->stack ? PLACE(site_of(group->stack)) : "(no stack: it runs)");
}

/* Who could end the wait: a goroutine, or how many. */
static void counterpart_cell(struct table *table, const struct waits_graph *graph,
			     const struct waits_node *node)
{
	const struct waits_to *first = NULL;
	size_t count = 0;

	for (size_t i = 0; node && i < node->object_count; i++) {
		const struct waits_object *object =
			&graph->objects.data[graph->node_objects.data[node->first_object + i]];

		if (object->to_count && !count)
			first = &graph->to.data[object->first_to];
		count += object->to_count;
	}
	if (!count)
		table_cell(table, "%s", "");
	else if (count == 1)
		table_cell(table, "%llu",
			   (unsigned long long)graph->model->tasks.data[first->task].goid);
	else
		table_cell(table, "%zu goroutines", count);
}

static void task_row(struct table *table, struct model *model, const struct waits_graph *graph,
		     const struct model_task *task)
{
	size_t index = (size_t)(task - model->tasks.data);
	char text[1024];

	table_cell(table, "%llu", (unsigned long long)task->goid);
	table_cell(table, "%s%s%s", model_state_name(task->state), task->scan ? " (scan)" : "",
		   task->locked ? ", locked to thread" : "");
	table_cell(table, "%s", task->state == G_WAITING ? model_reason(model, task->reason) : "");
	age_cell(table, model, task->since_ns, task->since_is_bound);
	table_cell(table, "%s", format_waiting_on(text, sizeof(text), model, task));
	counterpart_cell(table, graph, waits_node_of(graph, index));
	table_cell(table, "%s", format_labels(text, sizeof(text), model, task));
	creator_cell(table, model, task->gopc);
	table_cell(table, "%s", task->stack ? PLACE(site_of(task->stack)) : "(no stack: it runs)");
}

int view_tasks(const struct view *view, const struct task_selection *selection)
{
	struct model *model = view->model;
	struct selected_rows rows = { 0 };
	struct table *table =
		selection->each ?
			table_new(task_columns, sizeof(task_columns) / sizeof(task_columns[0])) :
			table_new(group_columns, sizeof(group_columns) / sizeof(group_columns[0]));
	struct waits_graph graph = { 0 };
	int status = table ? model_select(model, selection, view->style.system, &rows) : -ENOMEM;

	if (!status && selection->each)
		status = waits_graph_build(model, &graph);

	if (!status) {
		view_header(view);
		fputc('\n', view->out);
		for (size_t i = 0; i < rows.len; i++) {
			if (selection->each)
				task_row(table, model, &graph, &model->tasks.data[rows.data[i]]);
			else
				group_row(table, model, &model->groups.data[rows.data[i]]);
		}
		status = table_print(table, view->out, view->style.width, view->style.color);
	}
	if (!status && !rows.len && selection->filter)
		fprintf(view->out, "(nothing matches \"%s\")\n", selection->filter);
	if (!status && rows.left_out)
		fprintf(view->out, "(%zu more)\n", rows.left_out);
	vec_free(&rows);
	waits_graph_free(&graph);
	table_free(table);
	return status;
}
