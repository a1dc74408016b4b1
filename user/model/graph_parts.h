/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The steps of waits_graph_build, in the order they run; 0 or -ENOMEM. */
#ifndef MODEL_GRAPH_PARTS_H
#define MODEL_GRAPH_PARTS_H

#include "model/graph.h"

/* Everybody's fate, and the cycles. */
int graph_find_cycles(struct waits_graph *graph);
int graph_find_roots(struct waits_graph *graph);

/*
 * The node that this one waits for first of all: a stuck one when it is stuck itself, else the holder, else the
 * only one known. WAITS_NOBODY: none, or one of many.
 */
size_t graph_next(const struct waits_graph *graph, const struct waits_node *node);

/* Index of a task's node. The task is that of a node. */
size_t graph_node_index(const struct waits_graph *graph, size_t task);

/* Objects that each node could end the waits for: objects[first[node] .. first[node + 1]). */
struct graph_reverse {
	size_t *first, *objects;
};
int graph_reverse_make(const struct waits_graph *graph, struct graph_reverse *reverse);
void graph_reverse_free(struct graph_reverse *reverse);

#endif
