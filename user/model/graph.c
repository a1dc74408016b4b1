// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "model/graph.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "collect/addr_map.h"
#include "model/graph_parts.h"

#define SELECT_CASES_MAX 64 /* of one goroutine */

struct object_key {
	uint64_t addr;
	uint64_t op;
};

struct object_entry {
	struct object_key key;
	size_t object;
	UT_hash_handle hh;
};

/* One goroutine that waits for one object. */
struct pair {
	size_t task, object;
};

struct builder {
	struct waits_graph *graph;
	const struct model *model;
	struct addr_map locks, chans; /* rows of the model */
	struct object_entry *entries;
	VEC(struct pair) pairs;
	VEC(size_t) tasks; /* of all nodes, unsorted and repeated */
};

static int note_task(struct builder *builder, size_t task)
{
	size_t *slot = vec_push(&builder->tasks);

	if (!slot)
		return -ENOMEM;
	*slot = task;
	return 0;
}

static int add_to(struct builder *builder, struct waits_object *object,
		  const struct model_party *party, bool certain)
{
	struct waits_to *to = vec_push(&builder->graph->to);

	if (!to)
		return -ENOMEM;
	*to = (struct waits_to){
		.task = party->task, .role = party->role, .certain = certain, .party = party
	};
	object->to_count++;
	return note_task(builder, party->task);
}

/* Whether a party can end the waits of those who wait in this way. */
static bool ends_lock_wait(enum lock_kind how, enum party_role role)
{
	switch (how) {
	case LOCK_MUTEX:
	case LOCK_ONCE:
		return role == PARTY_HOLDS;
	case LOCK_RWMUTEX_WRITER:
		return role == PARTY_READS;
	case LOCK_RWMUTEX_READER:
	case LOCK_RWMUTEX_MUTEX:
		return role == PARTY_WRITES || role == PARTY_WRITES_NEXT;
	case LOCK_WAITGROUP:
		return role == PARTY_CALLS_DONE;
	case LOCK_COND:
		return role == PARTY_WAKES;
	case LOCK_WEIGHTED:
		return role == PARTY_HOLDS_PART;
	default:
		return false;
	}
}

/*
 * Somebody is known to owe a Done, on every way that it can go on: the counter stays above zero until then, whoever
 * else there is.
 */
static bool is_done_owed(const struct model *model, const struct model_lock *lock)
{
	int64_t owed = 0;

	for (size_t i = 0; i < lock->party_count; i++) {
		const struct model_party *party = &model->parties.data[lock->first_party + i];

		owed += party->role == PARTY_CALLS_DONE && party->certain;
	}
	return lock->state.known && owed > 0 && owed <= lock->state.counter;
}

static int add_lock_parties(struct builder *builder, struct waits_object *object)
{
	const struct model *model = builder->model;
	const struct model_lock *lock = object->lock;
	bool is_group = object->op == LOCK_WAITGROUP;
	bool owed = is_group && is_done_owed(model, lock);
	int status = 0;

	/* what another one releases may do, too */
	object->nature = object->op == LOCK_COND || object->op == LOCK_WEIGHTED ||
					 (is_group && !owed) ?
				 WAITS_FOR_ANY :
				 WAITS_FOR_ALL;
	for (size_t i = 0; i < lock->party_count && !status; i++) {
		const struct model_party *party = &model->parties.data[lock->first_party + i];

		if (!ends_lock_wait(object->op, party->role) ||
		    (model_party_holds(party) && !party->certain) || (owed && !party->certain))
			continue;
		status = add_to(builder, object, party, object->nature == WAITS_FOR_ALL);
	}
	object->closed = object->nature == WAITS_FOR_ALL && object->to_count;
	return status;
}

static bool ends_chan_wait(unsigned op, enum party_role role)
{
	if (op == CT_OP_SEND)
		return role == PARTY_RECEIVES;
	return role == PARTY_SENDS || role == PARTY_CLOSES;
}

/* Nearly always the same goroutine sends and closes: it is named once. */
static bool is_named(const struct waits_graph *graph, const struct waits_object *object,
		     size_t task)
{
	return object->to_count && graph->to.data[graph->to.len - 1].task == task;
}

static int add_chan_parties(struct builder *builder, struct waits_object *object)
{
	const struct model *model = builder->model;
	int status = 0;

	object->nature = WAITS_FOR_ANY;
	for (size_t i = 0; i < object->chan->party_count && !status; i++) {
		const struct model_party *party =
			&model->parties.data[object->chan->first_party + i];

		if (ends_chan_wait(object->op, party->role) &&
		    !is_named(builder->graph, object, party->task))
			status = add_to(builder, object, party, false);
	}
	return status;
}

static int make_object(struct builder *builder, const struct object_key *key, const char *kind,
		       const struct model_lock *lock, const struct model_chan *chan, size_t *index)
{
	struct object_entry *entry = calloc(1, sizeof(*entry));
	struct waits_object *object = entry ? vec_push(&builder->graph->objects) : NULL;

	if (!object) {
		free(entry);
		return -ENOMEM;
	}
	*index = entry->object = builder->graph->objects.len - 1;
	entry->key = *key;
	HASH_ADD(hh, builder->entries, key, sizeof(entry->key), entry);
	*object = (struct waits_object){ .addr = key->addr,
					 .kind = kind,
					 .lock = lock,
					 .chan = chan,
					 .op = key->op,
					 .first_to = builder->graph->to.len };
	return lock ? add_lock_parties(builder, object) : add_chan_parties(builder, object);
}

static int add_wait(struct builder *builder, size_t task, uint64_t addr, unsigned op,
		    const char *kind, const struct model_lock *lock, const struct model_chan *chan)
{
	struct object_key key = { .addr = addr, .op = op | (lock ? 0x100 : 0) };
	struct object_entry *entry;
	struct pair *pair;
	size_t object;
	int status = 0;

	HASH_FIND(hh, builder->entries, &key, sizeof(key), entry);
	if (entry)
		object = entry->object;
	else
		status = make_object(builder, &key, kind, lock, chan, &object);
	pair = status ? NULL : vec_push(&builder->pairs);
	if (!pair)
		return -ENOMEM;
	*pair = (struct pair){ .task = task, .object = object };
	return 0;
}

static const struct model_chan *chan_of(const struct builder *builder, uint64_t addr)
{
	const uint32_t *row = addr_map_get(&builder->chans, addr);

	return row ? &builder->model->chans.data[*row] : NULL;
}

static int add_chan_wait(struct builder *builder, size_t task, uint64_t addr, unsigned op)
{
	const struct model_chan *chan = addr ? chan_of(builder, addr) : NULL;

	return chan ? add_wait(builder, task, addr, op, "chan", NULL, chan) : 0;
}

static int add_lock_wait(struct builder *builder, size_t index)
{
	const struct model *model = builder->model;
	const struct model_task *task = &model->tasks.data[index];
	struct model_object object = model_waiting_on(model, task);
	const uint32_t *row = addr_map_get(&builder->locks, object.addr);

	return row ? add_wait(builder, index, object.addr, model_lock_kind(task), object.kind,
			      &model->locks.data[*row], NULL) :
		     0;
}

static int add_select(struct builder *builder, size_t task)
{
	const struct goroutine *goroutine = builder->model->tasks.data[task].goroutine;
	const struct snapshot *snapshot = builder->model->snapshot;
	uint64_t weighted = builder->model->tasks.data[task].waiting_on;
	int status = weighted ? add_lock_wait(builder, task) : 0;

	for (uint32_t i = 0;
	     goroutine && i < goroutine->case_count && i < SELECT_CASES_MAX && !status; i++) {
		const struct wait_case *wait_case =
			&snapshot->cases.data[goroutine->first_case + i];

		/* it is the semaphore that is waited for by it */
		if (weighted && wait_case->chan == goroutine->ready)
			continue;
		status = add_chan_wait(builder, task, wait_case->chan,
				       wait_case->direction == DIRECTION_SEND ? CT_OP_SEND :
										CT_OP_RECV);
	}
	return status;
}

static int add_task(struct builder *builder, size_t index)
{
	const struct model_task *task = &builder->model->tasks.data[index];

	if (task->state != G_WAITING)
		return 0;
	switch (task->wait_kind) {
	case WAIT_SEMA:
	case WAIT_COND:
		return add_lock_wait(builder, index);
	case WAIT_CHAN_SEND:
		return add_chan_wait(builder, index, task->waiting_on, CT_OP_SEND);
	case WAIT_CHAN_RECV:
		return add_chan_wait(builder, index, task->waiting_on, CT_OP_RECV);
	case WAIT_SELECT:
		return add_select(builder, index);
	default:
		return 0;
	}
}

static int by_task(const void *a, const void *b)
{
	const size_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static int make_nodes(struct builder *builder)
{
	struct waits_graph *graph = builder->graph;
	size_t at = 0;

	for (size_t i = 0; i < builder->pairs.len; i++)
		if (note_task(builder, builder->pairs.data[i].task))
			return -ENOMEM;
	if (builder->tasks.len)
		qsort(builder->tasks.data, builder->tasks.len, sizeof(size_t), by_task);
	for (size_t i = 0; i < builder->tasks.len; i++) {
		size_t task = builder->tasks.data[i];
		struct waits_node *node;

		if (i && task == builder->tasks.data[i - 1])
			continue;
		node = vec_push(&graph->nodes);
		if (!node)
			return -ENOMEM;
		*node = (struct waits_node){ .task = task,
					     .cycle = WAITS_NOBODY,
					     .first_object = graph->node_objects.len };
		/* the pairs are in the order of the tasks */
		while (at < builder->pairs.len && builder->pairs.data[at].task < task)
			at++;
		for (; at < builder->pairs.len && builder->pairs.data[at].task == task; at++) {
			size_t *slot = vec_push(&graph->node_objects);

			if (!slot)
				return -ENOMEM;
			*slot = builder->pairs.data[at].object;
			node->object_count++;
			node->waits = true;
		}
	}
	return 0;
}

static int list_waiters(struct waits_graph *graph)
{
	size_t total = 0;

	for (size_t i = 0; i < graph->node_objects.len; i++)
		graph->objects.data[graph->node_objects.data[i]].waiter_count++;
	for (size_t i = 0; i < graph->objects.len; i++) {
		graph->objects.data[i].first_waiter = total;
		total += graph->objects.data[i].waiter_count;
		graph->objects.data[i].waiter_count = 0;
	}
	for (size_t i = 0; i < total; i++)
		if (!vec_push(&graph->waiters))
			return -ENOMEM;
	for (size_t i = 0; i < graph->nodes.len; i++) {
		const struct waits_node *node = &graph->nodes.data[i];

		for (size_t j = 0; j < node->object_count; j++) {
			struct waits_object *object =
				&graph->objects
					 .data[graph->node_objects.data[node->first_object + j]];

			graph->waiters.data[object->first_waiter + object->waiter_count++] = i;
		}
	}
	return 0;
}

static int index_rows(struct builder *builder)
{
	const struct model *model = builder->model;
	int status = 0;

	for (size_t i = 0; i < model->locks.len && !status; i++)
		status = addr_map_set(&builder->locks, model->locks.data[i].addr, i);
	for (size_t i = 0; i < model->chans.len && !status; i++)
		status = addr_map_set(&builder->chans, model->chans.data[i].addr, i);
	return status;
}

static void builder_free(struct builder *builder)
{
	struct object_entry *entry, *next;

	HASH_ITER(hh, builder->entries, entry, next) {
		HASH_DEL(builder->entries, entry);
		free(entry);
	}
	addr_map_free(&builder->locks);
	addr_map_free(&builder->chans);
	vec_free(&builder->pairs);
	vec_free(&builder->tasks);
}

int waits_graph_build(const struct model *model, struct waits_graph *graph)
{
	struct builder builder = { .graph = graph, .model = model };
	int status = index_rows(&builder);

	waits_graph_free(graph);
	graph->model = model;
	for (size_t i = 0; i < model->tasks.len && !status; i++)
		status = add_task(&builder, i);
	if (!status)
		status = make_nodes(&builder);
	if (!status)
		status = list_waiters(graph);
	if (!status)
		status = graph_find_cycles(graph);
	if (!status)
		status = graph_find_roots(graph);
	builder_free(&builder);
	return status;
}

void waits_graph_free(struct waits_graph *graph)
{
	vec_free(&graph->nodes);
	vec_free(&graph->node_objects);
	vec_free(&graph->objects);
	vec_free(&graph->to);
	vec_free(&graph->waiters);
	vec_free(&graph->cycles);
	vec_free(&graph->cycle_tasks);
	vec_free(&graph->roots);
	memset(graph, 0, sizeof(*graph));
}

const struct waits_node *waits_node_of(const struct waits_graph *graph, size_t task)
{
	size_t low = 0, high = graph->nodes.len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (graph->nodes.data[middle].task < task)
			low = middle + 1;
		else
			high = middle;
	}
	return low < graph->nodes.len && graph->nodes.data[low].task == task ?
		       &graph->nodes.data[low] :
		       NULL;
}

size_t waits_chain(const struct waits_graph *graph, size_t task, size_t *tasks, size_t max)
{
	size_t count = 0;

	while (task != WAITS_NOBODY && count < max) {
		const struct waits_node *node = waits_node_of(graph, task);
		size_t next;

		for (size_t i = 0; i < count; i++)
			if (tasks[i] == task)
				return count;
		tasks[count++] = task;
		next = node ? graph_next(graph, node) : WAITS_NOBODY;
		task = next == WAITS_NOBODY ? WAITS_NOBODY : graph->nodes.data[next].task;
	}
	return count;
}
