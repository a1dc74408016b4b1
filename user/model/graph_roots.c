// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A root is somebody for whom others wait and who waits for nobody known, or a cycle. Behind it is
 * everybody from whom it can be reached; objects that any of many could free lead nowhere.
 */
#include <errno.h>
#include <stdlib.h>

#include "model/graph_parts.h"

struct search {
	const struct waits_graph *graph;
	struct graph_reverse reverse;
	size_t *seen, *queue; /* by node */
	size_t round;
};

static bool waits_for_somebody(const struct waits_graph *graph, const struct waits_node *node)
{
	for (size_t i = 0; i < node->object_count; i++) {
		const struct waits_object *object =
			&graph->objects.data[graph->node_objects.data[node->first_object + i]];

		for (size_t j = 0; waits_leads_on(object) && j < object->to_count; j++)
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
	const struct waits_graph *graph = search->graph;

	for (size_t i = search->reverse.first[node]; i < search->reverse.first[node + 1]; i++) {
		const struct waits_object *object =
			&graph->objects.data[search->reverse.objects[i]];

		for (size_t j = 0; waits_leads_on(object) && j < object->waiter_count; j++) {
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

/* They are then in search->queue, as many as are blocked. */
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

static int add_root(struct waits_graph *graph, const struct waits_root *root)
{
	struct waits_root *slot;

	if (!root->blocked && root->cycle == WAITS_NOBODY)
		return 0;
	slot = vec_push(&graph->roots);
	if (!slot)
		return -ENOMEM;
	*slot = *root;
	return 0;
}

static int count_behind_cycle(struct search *search, struct waits_root *root)
{
	const struct waits_graph *graph = search->graph;
	const struct waits_cycle *cycle = &graph->cycles.data[root->cycle];
	const size_t *tasks = graph->cycle_tasks.data + cycle->first;
	size_t *nodes = calloc(cycle->count, sizeof(*nodes));

	if (!nodes)
		return -ENOMEM;
	for (size_t i = 0; i < cycle->count; i++)
		nodes[i] = graph_node_index(graph, tasks[i]);
	count_behind(search, nodes, cycle->count, root);
	free(nodes);
	return 0;
}

static int add_cycle(struct search *search, struct waits_graph *graph, size_t index)
{
	struct waits_cycle *cycle = &graph->cycles.data[index];
	struct waits_root root = { .task = graph->cycle_tasks.data[cycle->first], .cycle = index };
	int status = count_behind_cycle(search, &root);

	cycle->blocked = root.blocked;
	return status ? status : add_root(graph, &root);
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

static int find(struct search *search, struct waits_graph *graph)
{
	int status = 0;

	for (size_t i = 0; i < graph->cycles.len && !status; i++)
		status = add_cycle(search, graph, i);
	for (size_t i = 0; i < graph->nodes.len && !status; i++) {
		const struct waits_node *node = &graph->nodes.data[i];
		struct waits_root root = { .task = node->task, .cycle = WAITS_NOBODY };

		if (node->cycle != WAITS_NOBODY ||
		    search->reverse.first[i] == search->reverse.first[i + 1] ||
		    waits_for_somebody(graph, node))
			continue;
		count_behind(search, &i, 1, &root);
		status = add_root(graph, &root);
	}
	vec_sort(&graph->roots, by_blocked, (void *)graph->model);
	return status;
}

static int open_search(struct search *search, const struct waits_graph *graph)
{
	*search = (struct search){ .graph = graph };
	search->seen = calloc(graph->nodes.len + 1, sizeof(size_t));
	search->queue = calloc(graph->nodes.len + 1, sizeof(size_t));
	if (!search->seen || !search->queue)
		return -ENOMEM;
	return graph_reverse_make(graph, &search->reverse);
}

static void close_search(struct search *search)
{
	graph_reverse_free(&search->reverse);
	free(search->seen);
	free(search->queue);
}

int graph_find_roots(struct waits_graph *graph)
{
	struct search search;
	int status = open_search(&search, graph);

	if (!status)
		status = find(&search, graph);
	close_search(&search);
	return status;
}

int waits_behind(const struct waits_graph *graph, const struct waits_root *root, waits_nodes *nodes)
{
	struct waits_root count = { .task = root->task, .cycle = root->cycle };
	size_t node = graph_node_index(graph, root->task);
	struct search search;
	int status = open_search(&search, graph);

	if (!status && root->cycle != WAITS_NOBODY)
		status = count_behind_cycle(&search, &count);
	else if (!status)
		count_behind(&search, &node, 1, &count);
	for (size_t i = 0; i < count.blocked && !status; i++) {
		size_t *slot = vec_push(nodes);

		if (slot)
			*slot = search.queue[i];
		else
			status = -ENOMEM;
	}
	close_search(&search);
	return status;
}
