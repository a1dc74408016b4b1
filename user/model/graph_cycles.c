// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Everybody who waits is taken to be stuck at first; then those are let go who may be woken, then those who wait
 * for them, until nothing changes. Each of those left waits for another one left, so following them leads
 * round a cycle.
 */
#include <errno.h>
#include <stdlib.h>

#include "model/graph_parts.h"

size_t graph_node_index(const struct waits_graph *graph, size_t task)
{
	return waits_node_of(graph, task) - graph->nodes.data;
}

int graph_reverse_make(const struct waits_graph *graph, struct graph_reverse *reverse)
{
	size_t nodes = graph->nodes.len, *fill;

	reverse->first = calloc(nodes + 3, sizeof(size_t));
	reverse->objects = calloc(graph->to.len + 1, sizeof(size_t));
	if (!reverse->first || !reverse->objects) {
		graph_reverse_free(reverse);
		return -ENOMEM;
	}
	/* counted one place too far, so that filling in moves the starts to their places */
	fill = reverse->first + 1;
	for (size_t i = 0; i < graph->to.len; i++)
		fill[graph_node_index(graph, graph->to.data[i].task) + 1]++;
	for (size_t i = 1; i <= nodes; i++)
		fill[i] += fill[i - 1];
	for (size_t i = 0; i < graph->objects.len; i++) {
		const struct waits_object *object = &graph->objects.data[i];

		for (size_t j = 0; j < object->to_count; j++) {
			size_t node =
				graph_node_index(graph, graph->to.data[object->first_to + j].task);

			reverse->objects[fill[node]++] = i;
		}
	}
	return 0;
}

void graph_reverse_free(struct graph_reverse *reverse)
{
	free(reverse->first);
	free(reverse->objects);
	reverse->first = reverse->objects = NULL;
}

/* A channel's counterpart that is the waiting goroutine itself is of no use to it. */
static bool counts(const struct waits_graph *graph, const struct waits_object *object,
		   const struct waits_to *to, size_t node)
{
	return object->lock || graph->nodes.data[node].task != to->task;
}

static bool object_holds_up(const struct waits_graph *graph, const struct waits_object *object,
			    size_t node, enum waits_fate fate)
{
	bool any = false;

	if (fate == WAITS_STUCK && !object->closed)
		return false;
	for (size_t i = 0; i < object->to_count; i++) {
		const struct waits_to *to = &graph->to.data[object->first_to + i];
		bool stuck;

		if (!counts(graph, object, to, node))
			continue;
		stuck = waits_node_of(graph, to->task)->fate >= fate;
		if (object->nature == WAITS_FOR_ALL && stuck)
			return true;
		if (object->nature == WAITS_FOR_ANY && !stuck)
			return false;
		any = true;
	}
	return object->nature == WAITS_FOR_ANY && any;
}

static bool is_leaked(const struct waits_graph *graph, const struct waits_node *node)
{
	return graph->model->tasks.data[node->task].leaked;
}

static bool is_held_up(const struct waits_graph *graph, size_t index, enum waits_fate fate)
{
	const struct waits_node *node = &graph->nodes.data[index];

	if (is_leaked(graph, node))
		return node->waits;
	for (size_t i = 0; i < node->object_count; i++)
		if (!object_holds_up(
			    graph,
			    &graph->objects.data[graph->node_objects.data[node->first_object + i]],
			    index, fate))
			return false;
	return node->waits;
}

/* A select has other cases that nothing is known of: those of channels that are not in the graph. */
static bool has_unknown_cases(const struct waits_graph *graph, const struct waits_node *node)
{
	const struct goroutine *goroutine = graph->model->tasks.data[node->task].goroutine;

	return goroutine && goroutine->wait_kind == WAIT_SELECT &&
	       goroutine->case_count > node->object_count;
}

static int settle(struct waits_graph *graph, const struct graph_reverse *reverse,
		  enum waits_fate fate)
{
	size_t *work = calloc(graph->nodes.len + 1, sizeof(*work)), count = 0;

	if (!work)
		return -ENOMEM;
	for (size_t i = 0; i < graph->nodes.len; i++)
		if (graph->nodes.data[i].waits && graph->nodes.data[i].fate < fate &&
		    (is_leaked(graph, &graph->nodes.data[i]) ||
		     !has_unknown_cases(graph, &graph->nodes.data[i])))
			graph->nodes.data[i].fate = fate;
	for (size_t i = 0; i < graph->nodes.len; i++)
		if (graph->nodes.data[i].fate == fate && !is_held_up(graph, i, fate)) {
			graph->nodes.data[i].fate = WAITS_GOES_ON;
			work[count++] = i;
		}
	while (count) {
		size_t freed = work[--count];

		for (size_t i = reverse->first[freed]; i < reverse->first[freed + 1]; i++) {
			const struct waits_object *object =
				&graph->objects.data[reverse->objects[i]];

			for (size_t j = 0; j < object->waiter_count; j++) {
				size_t waiter = graph->waiters.data[object->first_waiter + j];

				if (graph->nodes.data[waiter].fate != fate ||
				    is_held_up(graph, waiter, fate))
					continue;
				graph->nodes.data[waiter].fate = WAITS_GOES_ON;
				work[count++] = waiter;
			}
		}
	}
	free(work);
	return 0;
}

/* How much it is worth to go on by this one. */
static int rank(const struct waits_graph *graph, const struct waits_object *object,
		const struct waits_to *to)
{
	const struct waits_node *node = waits_node_of(graph, to->task);

	return 4 * node->fate + 2 * to->certain + (object->to_count == 1);
}

size_t graph_next(const struct waits_graph *graph, const struct waits_node *node)
{
	size_t self = (size_t)(node - graph->nodes.data), best = WAITS_NOBODY;
	int best_rank = 0;

	for (size_t i = 0; i < node->object_count; i++) {
		const struct waits_object *object =
			&graph->objects.data[graph->node_objects.data[node->first_object + i]];

		for (size_t j = 0; j < object->to_count; j++) {
			const struct waits_to *to = &graph->to.data[object->first_to + j];
			int worth = counts(graph, object, to, self) ? rank(graph, object, to) : 0;

			if (worth > best_rank) {
				best_rank = worth;
				best = graph_node_index(graph, to->task);
			}
		}
	}
	return best;
}

/* Others than those known could end its wait, were they not proven to be dead. */
static bool needs_proof(const struct waits_graph *graph, const struct waits_node *node)
{
	for (size_t i = 0; i < node->object_count; i++)
		if (graph->objects.data[graph->node_objects.data[node->first_object + i]].closed)
			return false;
	return true;
}

static int keep_cycle(struct waits_graph *graph, size_t start, enum waits_fate fate)
{
	struct waits_cycle *cycle = vec_push(&graph->cycles);
	size_t node = start;

	if (!cycle)
		return -ENOMEM;
	*cycle = (struct waits_cycle){ .first = graph->cycle_tasks.len,
				       .certain = fate == WAITS_STUCK };
	do {
		size_t *slot = vec_push(&graph->cycle_tasks);

		if (!slot)
			return -ENOMEM;
		*slot = graph->nodes.data[node].task;
		graph->nodes.data[node].cycle = graph->cycles.len - 1;
		cycle->proven |= cycle->certain && needs_proof(graph, &graph->nodes.data[node]);
		cycle->count++;
		node = graph_next(graph, &graph->nodes.data[node]);
	} while (node != start);
	return 0;
}

/* mark[node]: 0 not seen, else the walk that came by. */
static int walk_from(struct waits_graph *graph, size_t node, enum waits_fate fate, size_t walk,
		     size_t *mark)
{
	while (node != WAITS_NOBODY && graph->nodes.data[node].fate == fate && !mark[node]) {
		mark[node] = walk;
		node = graph_next(graph, &graph->nodes.data[node]);
	}
	if (node == WAITS_NOBODY || mark[node] != walk ||
	    graph->nodes.data[node].cycle != WAITS_NOBODY)
		return 0;
	return keep_cycle(graph, node, fate);
}

bool waits_has_possible_cycles(const struct waits_graph *graph)
{
	for (size_t i = 0; i < graph->cycles.len; i++)
		if (!graph->cycles.data[i].certain)
			return true;
	return false;
}

static int list_cycles(struct waits_graph *graph, enum waits_fate fate)
{
	size_t *mark = calloc(graph->nodes.len + 1, sizeof(*mark));
	int status = mark ? 0 : -ENOMEM;

	for (size_t i = 0; i < graph->nodes.len && !status; i++)
		if (graph->nodes.data[i].fate == fate && !mark[i])
			status = walk_from(graph, i, fate, i + 1, mark);
	free(mark);
	return status;
}

int graph_find_cycles(struct waits_graph *graph)
{
	struct graph_reverse reverse = { 0 };
	int status = graph_reverse_make(graph, &reverse);

	if (!status)
		status = settle(graph, &reverse, WAITS_STUCK);
	if (!status)
		status = settle(graph, &reverse, WAITS_MAY_BE_STUCK);
	if (!status)
		status = list_cycles(graph, WAITS_STUCK);
	if (!status)
		status = list_cycles(graph, WAITS_MAY_BE_STUCK);
	graph_reverse_free(&reverse);
	return status;
}
