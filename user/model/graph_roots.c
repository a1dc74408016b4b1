// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A root is somebody for whom others wait and who waits for nobody known, or a cycle. Behind it is
 * everybody from whom it can be reached; objects that any of many could free lead nowhere.
 */
#include <errno.h>
#include <stdlib.h>

#include "model/graph_parts.h"

#define ANY_OF_MANY 8

struct search {
	struct waits_graph *graph;
	struct graph_reverse reverse;
	size_t *seen, *queue; /* by node */
	size_t round;
};

static bool leads_on(const struct waits_object *object)
{
	return object->nature == WAITS_FOR_ALL || object->to_count <= ANY_OF_MANY;
}

static bool waits_for_somebody(const struct waits_graph *graph, const struct waits_node *node)
{
	for (size_t i = 0; i < node->object_count; i++) {
		const struct waits_object *object =
			&graph->objects.data[graph->node_objects.data[node->first_object + i]];

		for (size_t j = 0; leads_on(object) && j < object->to_count; j++)
			if (graph->to.data[object->first_to + j].task != node->task)
				return true;
	}
	return false;
}

static bool is_lock_wait(const struct waits_object *object)
{
	return object->lock && object->op != LOCK_COND;
}

/* Those who wait for what a node could free, put into the queue. */
static void take_waiters(struct search *search, size_t node, size_t *len, struct waits_root *root)
{
	struct waits_graph *graph = search->graph;

	for (size_t i = search->reverse.first[node]; i < search->reverse.first[node + 1]; i++) {
		const struct waits_object *object =
			&graph->objects.data[search->reverse.objects[i]];

		for (size_t j = 0; leads_on(object) && j < object->waiter_count; j++) {
			size_t waiter = graph->waiters.data[object->first_waiter + j];

			if (search->seen[waiter] == search->round)
				continue;
			search->seen[waiter] = search->round;
			search->queue[(*len)++] = waiter;
			root->blocked++;
			root->blocked_by_locks += is_lock_wait(object);
		}
	}
}

static void count_behind(struct search *search, const size_t *nodes, size_t count,
			 struct waits_root *root)
{
	size_t len = 0;

	search->round++;
	for (size_t i = 0; i < count; i++)
		search->seen[nodes[i]] = search->round;
	for (size_t i = 0; i < count; i++)
		take_waiters(search, nodes[i], &len, root);
	root->direct = root->blocked;
	for (size_t at = 0; at < len; at++)
		take_waiters(search, search->queue[at], &len, root);
}

static int add_root(struct search *search, const struct waits_root *root)
{
	struct waits_root *slot;

	if (!root->blocked && root->cycle == WAITS_NOBODY)
		return 0;
	slot = vec_push(&search->graph->roots);
	if (!slot)
		return -ENOMEM;
	*slot = *root;
	return 0;
}

static int add_cycle(struct search *search, size_t index)
{
	struct waits_graph *graph = search->graph;
	struct waits_cycle *cycle = &graph->cycles.data[index];
	const size_t *tasks = graph->cycle_tasks.data + cycle->first;
	struct waits_root root = { .task = tasks[0], .cycle = index };
	size_t *nodes = calloc(cycle->count, sizeof(*nodes));
	int status;

	if (!nodes)
		return -ENOMEM;
	for (size_t i = 0; i < cycle->count; i++)
		nodes[i] = graph_node_index(graph, tasks[i]);
	count_behind(search, nodes, cycle->count, &root);
	cycle->blocked = root.blocked;
	status = add_root(search, &root);
	free(nodes);
	return status;
}

static int by_blocked(const void *a, const void *b, void *ctx)
{
	const struct model *model = ctx;
	const struct waits_root *x = a, *y = b;

	if (x->blocked_by_locks != y->blocked_by_locks)
		return x->blocked_by_locks < y->blocked_by_locks ? 1 : -1;
	if (x->blocked != y->blocked)
		return x->blocked < y->blocked ? 1 : -1;
	return model->tasks.data[x->task].goid < model->tasks.data[y->task].goid ? -1 : 1;
}

static int find(struct search *search)
{
	struct waits_graph *graph = search->graph;
	int status = 0;

	for (size_t i = 0; i < graph->cycles.len && !status; i++)
		status = add_cycle(search, i);
	for (size_t i = 0; i < graph->nodes.len && !status; i++) {
		const struct waits_node *node = &graph->nodes.data[i];
		struct waits_root root = { .task = node->task, .cycle = WAITS_NOBODY };

		if (node->cycle != WAITS_NOBODY ||
		    search->reverse.first[i] == search->reverse.first[i + 1] ||
		    waits_for_somebody(graph, node))
			continue;
		count_behind(search, &i, 1, &root);
		status = add_root(search, &root);
	}
	vec_sort(&graph->roots, by_blocked, (void *)graph->model);
	return status;
}

int graph_find_roots(struct waits_graph *graph)
{
	struct search search = { .graph = graph };
	int status = graph_reverse_make(graph, &search.reverse);

	search.seen = calloc(graph->nodes.len + 1, sizeof(size_t));
	search.queue = calloc(graph->nodes.len + 1, sizeof(size_t));
	if (!search.seen || !search.queue)
		status = -ENOMEM;
	if (!status)
		status = find(&search);
	graph_reverse_free(&search.reverse);
	free(search.seen);
	free(search.queue);
	return status;
}
