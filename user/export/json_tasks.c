// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "export/json_parts.h"
#include "model/graph.h"

static json_t *wait_reason(const struct model *model, unsigned state, unsigned reason)
{
	return json_string(state == G_WAITING ? model_reason(model, reason) : "");
}

json_t *json_created_by(struct model *model, uint64_t gopc, uint64_t goid)
{
	const struct pclntab_frame *frame = model_created_by(model, gopc);

	if (!frame)
		return json_null();
	return json_pack("{s:o, s:o, s:s, s:i}", "goid",
			 goid ? json_integer((json_int_t)goid) : json_null(), "function",
			 json_function(frame->function), "file", frame->file, "line", frame->line);
}

static json_t *goids_of(const struct model *model, const struct model_group *group)
{
	json_t *goids = json_array();

	for (size_t i = 0; i < group->count; i++) {
		size_t task = model->group_tasks.data[group->first_task + i];

		json_array_append_new(goids,
				      json_integer((json_int_t)model->tasks.data[task].goid));
	}
	return goids;
}

static json_t *age(const struct model *model, uint64_t since_ns)
{
	if (!since_ns || since_ns > model->at_ns)
		return json_null();
	return json_integer((json_int_t)(model->at_ns - since_ns));
}

static json_t *group_row(struct model *model, const struct model_group *group)
{
	return json_pack("{s:I, s:s, s:o, s:o, s:b, s:o, s:o, s:o}", "count",
			 (json_int_t)group->count, "state", model_state_name(group->state),
			 "wait_reason", wait_reason(model, group->state, group->reason),
			 "oldest_ns", age(model, group->oldest_since_ns), "oldest_is_lower_bound",
			 group->oldest_is_bound, "created_by",
			 json_created_by(model, group->gopc, 0), "stack", json_stack(group->stack),
			 "goids", goids_of(model, group));
}

/* Each case of a select: its channel and direction. */
static json_t *cases(const struct model *model, const struct goroutine *goroutine)
{
	static const char *const directions[] = {
		[DIRECTION_UNKNOWN] = "unknown", [DIRECTION_RECV] = "receive", [DIRECTION_SEND] = "send"
	};
	json_t *rows = json_array();

	for (uint32_t i = 0; i < goroutine->case_count; i++) {
		const struct wait_case *wait_case =
			&model->snapshot->cases.data[goroutine->first_case + i];

		json_array_append_new(rows,
				      json_pack("{s:o, s:s}", "chan", json_address(wait_case->chan),
						"direction", directions[wait_case->direction]));
	}
	return rows;
}

static void add_weighted(json_t *row, const struct model *model, const struct model_task *task)
{
	struct model_lock_state state = model_weighted_state(model, task);

	json_object_set_new(row, "wants", json_integer((json_int_t)task->goroutine->wants));
	json_object_set_new(row, "size",
			    state.known ? json_integer((json_int_t)state.size) : json_null());
	json_object_set_new(row, "taken",
			    state.known ? json_integer((json_int_t)state.taken) : json_null());
}

json_t *json_waiting_on(const struct model *model, const struct model_task *task)
{
	struct model_object object = model_waiting_on(model, task);
	const struct goroutine *goroutine = task->goroutine;
	json_t *row;

	if (!object.kind)
		return json_null();
	row = json_pack("{s:s, s:o}", "kind", object.kind, "addr",
			object.addr ? json_address(object.addr) : json_null());
	if (goroutine && task->wait_kind == WAIT_SELECT)
		json_object_set_new(row, "cases", cases(model, goroutine));
	if (goroutine && task->wait_kind == WAIT_SELECT && object.addr)
		add_weighted(row, model, task);
	if (goroutine && task->wait_kind == WAIT_NETWORK && goroutine->fd >= 0)
		json_object_set_new(row, "fd", json_integer(goroutine->fd));
	if (goroutine && task->wait_kind == WAIT_NETWORK && goroutine->peer)
		json_object_set_new(row, "peer",
				    json_text(model->snapshot->strings.data + goroutine->peer));
	if (goroutine && task->wait_kind == WAIT_TIMER && goroutine->wake_ns > model->at_ns)
		json_object_set_new(row, "ends_in_ns",
				    json_integer((json_int_t)(goroutine->wake_ns - model->at_ns)));
	return row;
}

static json_t *labels(const struct model *model, const struct model_task *task)
{
	const struct goroutine *goroutine = task->goroutine;
	json_t *object = json_object();

	for (uint32_t i = 0; goroutine && i < goroutine->label_count; i++) {
		const struct goroutine_label *label =
			&model->snapshot->labels.data[goroutine->first_label + i];
		const char *strings = model->snapshot->strings.data;

		json_object_set_new(object, strings + label->key,
				    json_text(strings + label->value));
	}
	return object;
}

/* Who could end the wait, as far as known. */
static json_t *waits_for(const struct waits_graph *graph, const struct model_task *task)
{
	const struct waits_node *node =
		waits_node_of(graph, (size_t)(task - graph->model->tasks.data));
	json_t *rows = json_array();

	for (size_t i = 0; node && i < node->object_count; i++) {
		const struct waits_object *object =
			&graph->objects.data[graph->node_objects.data[node->first_object + i]];

		for (size_t j = 0; waits_leads_on(object) && j < object->to_count; j++) {
			const struct waits_to *to = &graph->to.data[object->first_to + j];

			json_array_append_new(
				rows, json_pack("{s:I, s:s, s:b}", "goid",
						(json_int_t)graph->model->tasks.data[to->task].goid,
						"role", model_role_name(to->role), "certain",
						to->certain));
		}
	}
	return rows;
}

static json_t *task_row(struct model *model, const struct waits_graph *graph,
			const struct model_task *task)
{
	json_t *row =
		json_pack("{s:I, s:s, s:o, s:o, s:o, s:b, s:o, s:o, s:o, s:o}", "goid",
			  (json_int_t)task->goid, "state", model_state_name(task->state),
			  "wait_reason", wait_reason(model, task->state, task->reason),
			  "waiting_on", json_waiting_on(model, task), "wait_ns",
			  age(model, task->since_ns), "wait_is_lower_bound", task->since_is_bound,
			  "created_by", json_created_by(model, task->gopc, task->parent_goid),
			  "start_function", json_function(model_function(model, task->startpc)),
			  "labels", labels(model, task), "stack", json_stack(task->stack));

	json_object_set_new(row, "waits_for", waits_for(graph, task));
	return row;
}

json_t *json_states(const struct model *model, uint64_t *total)
{
	json_t *states = json_object();

	*total = 0;
	for (unsigned i = 0; i < 16; i++) {
		*total += model->by_state[i];
		if (model->by_state[i])
			json_object_set_new(states, model_state_name(i),
					    json_integer((json_int_t)model->by_state[i]));
	}
	return states;
}

static json_t *rows_of(struct model *model, const struct task_selection *selection, bool system)
{
	struct selected_rows selected = { 0 };
	struct waits_graph graph = { 0 };
	json_t *rows = json_array();

	if (model_select(model, selection, system, &selected) ||
	    (selection->each && waits_graph_build(model, &graph))) {
		json_decref(rows);
		rows = NULL;
	}
	for (size_t i = 0; i < selected.len && rows; i++)
		json_array_append_new(
			rows,
			selection->each ?
				task_row(model, &graph, &model->tasks.data[selected.data[i]]) :
				group_row(model, &model->groups.data[selected.data[i]]));
	vec_free(&selected);
	waits_graph_free(&graph);
	return rows;
}

json_t *json_tasks(const struct json_source *source, const struct task_selection *selection)
{
	json_t *document = json_document(source, "tasks");
	struct task_selection of_groups = *selection;
	uint64_t total;

	of_groups.each = false;
	json_object_set_new(document, "by_state", json_states(source->model, &total));
	if (source->system)
		total += source->model->system_count;
	json_object_set_new(document, "total", json_integer((json_int_t)total));
	json_object_set_new(document, "groups", rows_of(source->model, &of_groups, source->system));
	if (selection->each)
		json_object_set_new(document, "tasks",
				    rows_of(source->model, selection, source->system));
	return document;
}
