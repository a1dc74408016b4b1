// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The waits-for graph. */
#include "export/json_parts.h"
#include "model/graph.h"

static json_t *goid_of(const struct waits_graph *graph, size_t task)
{
	return json_integer((json_int_t)graph->model->tasks.data[task].goid);
}

static json_t *via(const struct waits_graph *graph, const struct waits_object *object)
{
	json_t *row =
		json_pack("{s:s, s:o}", "kind", object->kind, "addr", json_address(object->addr));

	if (object->lock)
		json_add_lock_name(row, graph->model, object->lock);
	else
		json_object_set_new(row, "symbol",
				    object->chan->symbol[0] ? json_string(object->chan->symbol) :
							      json_null());
	return row;
}

static void add_edges(json_t *rows, const struct waits_graph *graph, const struct waits_node *node,
		      const struct waits_object *object)
{
	for (size_t i = 0; waits_leads_on(object) && i < object->to_count; i++) {
		const struct waits_to *to = &graph->to.data[object->first_to + i];

		json_array_append_new(
			rows,
			json_pack("{s:o, s:o, s:o, s:s, s:b, s:o}", "from",
				  goid_of(graph, node->task), "to", goid_of(graph, to->task), "via",
				  via(graph, object), "role", model_role_name(to->role), "certain",
				  to->certain, "evidence",
				  to->party ?
					  json_string(model_evidence_name(to->party->evidence)) :
					  json_null()));
	}
}

static json_t *edges(const struct waits_graph *graph)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < graph->nodes.len; i++) {
		const struct waits_node *node = &graph->nodes.data[i];

		for (size_t j = 0; j < node->object_count; j++)
			add_edges(rows, graph, node,
				  &graph->objects
					   .data[graph->node_objects.data[node->first_object + j]]);
	}
	return rows;
}

enum which_cycles { CYCLES_CERTAIN, CYCLES_PROVEN, CYCLES_POSSIBLE };

static bool is_wanted(const struct waits_cycle *cycle, enum which_cycles which)
{
	if (which == CYCLES_PROVEN)
		return cycle->proven;
	return cycle->certain == (which == CYCLES_CERTAIN);
}

static json_t *cycles(const struct waits_graph *graph, enum which_cycles which)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < graph->cycles.len; i++) {
		const struct waits_cycle *cycle = &graph->cycles.data[i];
		json_t *goids = json_array();

		for (size_t j = 0; j < cycle->count; j++)
			json_array_append_new(
				goids, goid_of(graph, graph->cycle_tasks.data[cycle->first + j]));
		if (is_wanted(cycle, which))
			json_array_append_new(rows, goids);
		else
			json_decref(goids);
	}
	return rows;
}

static json_t *age(const struct model *model, uint64_t since_ns)
{
	if (!since_ns || since_ns > model->at_ns)
		return json_null();
	return json_integer((json_int_t)(model->at_ns - since_ns));
}

/* What others wait for of a goroutine. */
static json_t *held_by(const struct waits_graph *graph, size_t task)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < graph->objects.len; i++) {
		const struct waits_object *object = &graph->objects.data[i];

		for (size_t j = 0; waits_leads_on(object) && j < object->to_count; j++) {
			const struct waits_to *to = &graph->to.data[object->first_to + j];
			json_t *row;

			if (to->task != task)
				continue;
			row = via(graph, object);
			json_object_set_new(row, "role", json_string(model_role_name(to->role)));
			json_object_set_new(row, "waiters",
					    json_integer((json_int_t)object->waiter_count));
			json_object_set_new(row, "held_ns",
					    to->party ? age(graph->model, to->party->since_ns) :
							json_null());
			json_object_set_new(row, "held_is_lower_bound",
					    json_boolean(!to->party || to->party->since_is_bound));
			json_array_append_new(rows, row);
		}
	}
	return rows;
}

static json_t *root_row(const struct waits_graph *graph, const struct waits_root *root)
{
	const struct model *model = graph->model;
	const struct model_task *task = &model->tasks.data[root->task];
	bool cycle = root->cycle != WAITS_NOBODY;

	return json_pack("{s:I, s:I, s:I, s:I, s:s, s:b, s:s, s:s, s:o, s:b, s:o, s:o, s:o}",
			 "goid", (json_int_t)task->goid, "blocked", (json_int_t)root->blocked,
			 "direct", (json_int_t)root->direct, "blocked_by_locks",
			 (json_int_t)root->blocked_by_locks, "state", model_state_name(task->state),
			 "deadlock", cycle && graph->cycles.data[root->cycle].certain,
			 "wait_reason",
			 task->state == G_WAITING ? model_reason(model, task->reason) : "", "kind",
			 cycle ? "cycle" : "goroutine", "wait_ns", age(model, task->since_ns),
			 "wait_is_lower_bound", task->since_is_bound, "frame",
			 json_frame(task->stack ? task->stack->site : NULL), "holds",
			 held_by(graph, root->task), "stack", json_stack(task->stack));
}

static json_t *roots(const struct waits_graph *graph)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < graph->roots.len; i++)
		json_array_append_new(rows, root_row(graph, &graph->roots.data[i]));
	return rows;
}

/* What goroutines wait for of which nobody is known who could end it, or many are. */
static json_t *unknown(const struct waits_graph *graph)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < graph->objects.len; i++) {
		const struct waits_object *object = &graph->objects.data[i];
		json_t *row;

		if (object->to_count && waits_leads_on(object))
			continue;
		row = via(graph, object);
		json_object_set_new(row, "waiters", json_integer((json_int_t)object->waiter_count));
		json_object_set_new(row, "any_of", json_integer((json_int_t)object->to_count));
		json_array_append_new(rows, row);
	}
	return rows;
}

json_t *json_waits(const struct json_source *source, const struct waits_graph *graph)
{
	json_t *document = json_document(source, "waits");

	json_object_set_new(document, "edges", edges(graph));
	json_object_set_new(document, "cycles", cycles(graph, CYCLES_CERTAIN));
	json_object_set_new(document, "proven_cycles", cycles(graph, CYCLES_PROVEN));
	json_object_set_new(document, "possible_cycles", cycles(graph, CYCLES_POSSIBLE));
	json_object_set_new(document, "no_proof",
			    graph->no_proof && waits_has_possible_cycles(graph) ?
				    json_string(graph->no_proof) :
				    json_null());
	json_object_set_new(document, "roots", roots(graph));
	json_object_set_new(document, "unknown", unknown(graph));
	json_object_set_new(
		document, "not_looked_at",
		json_integer((json_int_t)(graph->model->snapshot ?
						  graph->model->snapshot->ahead_left_out :
						  0)));
	return document;
}
