/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who waits for whom: goroutine -> object -> goroutines. Made from a model whose snapshot looked ahead
 * (snapshot_options.ahead); pure.
 *
 * A wait for a lock ends when its holder lets go (all readers, for a writer); a WaitGroup's, when all who
 * owe a Done have called it; a channel's or select's, when any counterpart comes. A goroutine is
 * stuck when that cannot happen any more: nobody else can end the wait, and those who could are stuck. Where
 * anybody unknown might, as on every channel, it is not called stuck but may be; unless a walk of the heap has
 * proven that nothing alive leads to what it waits for (model_task.leaked).
 */
#ifndef MODEL_GRAPH_H
#define MODEL_GRAPH_H

#include "model/model.h"

#define WAITS_NOBODY SIZE_MAX

enum waits_nature {
	WAITS_FOR_ALL, /* one that is stuck is enough to be stuck */
	WAITS_FOR_ANY,
};

enum waits_fate {
	WAITS_GOES_ON,      /* it does not wait, or somebody may come */
	WAITS_MAY_BE_STUCK, /* everybody known who could end the wait is stuck, or may be */
	WAITS_STUCK,        /* a deadlock, or waits behind one */
};

struct waits_object {
	uint64_t addr;
	const char *kind;              /* as model_waiting_on has it: "sync.Mutex", "chan", ... */
	const struct model_lock *lock; /* one of the two */
	const struct model_chan *chan;
	uint8_t op; /* what the waiters do: enum ct_chan_op, or of a lock enum lock_kind; a channel or
			   RWMutex is an object for each */
	uint8_t nature;                    /* enum waits_nature */
	bool closed;                       /* nobody but its parties can end the wait */
	size_t first_to, to_count;         /* in `to`: who could end the waits */
	size_t first_waiter, waiter_count; /* in `waiters`: who waits */
};

struct waits_to {
	size_t task;
	uint8_t role; /* enum party_role */
	bool certain;
	const struct model_party *party; /* NULL: by what it waits for itself */
};

/* A goroutine that waits, or that others wait for. */
struct waits_node {
	size_t task;  /* in model->tasks */
	uint8_t fate; /* enum waits_fate */
	bool waits;   /* for an object of the graph */
	size_t cycle; /* in `cycles`; WAITS_NOBODY: none */
	size_t first_object,
		object_count; /* in `node_objects`: what it waits for; a select: several */
};

struct waits_cycle {
	size_t first, count; /* in `cycle_tasks`: each waits for the next, the last for the first */
	bool certain;        /* a deadlock; false: may be one, through a channel */
	bool proven; /* certain by a walk of the heap: the way goes through what others might use */
	uint64_t blocked; /* goroutines that wait behind it and are none of it */
};

/* Where chains of waiting end: a goroutine, or a cycle by one of its goroutines. */
struct waits_root {
	size_t task;
	size_t cycle;              /* WAITS_NOBODY: none */
	uint64_t direct, blocked;  /* wait for what it holds; and those behind these */
	uint64_t blocked_by_locks; /* of them, for locks and WaitGroups */
};

struct waits_graph {
	const struct model *model;
	VEC(struct waits_node) nodes; /* ascending by task */
	VEC(size_t) node_objects;
	VEC(struct waits_object) objects;
	VEC(struct waits_to) to;
	VEC(size_t) waiters;            /* nodes */
	VEC(struct waits_cycle) cycles; /* the certain ones first */
	VEC(size_t) cycle_tasks;
	VEC(struct waits_root) roots; /* who keeps most waiting first */
	const char *
		no_proof; /* why no walk of the heap has said more of the possible cycles; NULL: one has */
};

/* *graph is zero-initialised by the caller, who frees it; good until the model's next update. 0 or -ENOMEM. */
int waits_graph_build(const struct model *model, struct waits_graph *graph);
bool waits_has_possible_cycles(const struct waits_graph *graph);
void waits_graph_free(struct waits_graph *graph);

/* Any of so many or more could end the wait: nobody in particular is waited for. */
#define WAITS_ANY_OF_MANY 9
static inline bool waits_leads_on(const struct waits_object *object)
{
	return object->nature == WAITS_FOR_ALL || object->to_count < WAITS_ANY_OF_MANY;
}

/* Nodes that wait behind a root, nearest first, without those of its cycle; the caller's to free. 0 or -ENOMEM. */
typedef VEC(size_t) waits_nodes;
int waits_behind(const struct waits_graph *graph, const struct waits_root *root,
		 waits_nodes *nodes);

/* The node of a task; NULL: it neither waits nor is waited for. */
const struct waits_node *waits_node_of(const struct waits_graph *graph, size_t task);

/*
 * From a task along those it waits for, by way of the holders known best, down to its root or around a cycle
 * once. The tasks, the given one first, into tasks[0..max); returns how many.
 */
size_t waits_chain(const struct waits_graph *graph, size_t task, size_t *tasks, size_t max);

#endif
