// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "model/leaks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "collect/addr_map.h"
#include "model/graph.h"

static const struct model_task *task_of(const struct model *model, const struct leak_row *row)
{
	return &model->tasks.data[row->task];
}

/* The tasks of a model are the goroutines of its snapshot, but not in their order. */
static uint32_t *tasks_by_goroutine(const struct model *model, const struct snapshot *snapshot)
{
	uint32_t *tasks = calloc(snapshot->goroutines.len + 1, sizeof(*tasks));

	for (size_t i = 0; tasks && i < model->tasks.len; i++) {
		const struct goroutine *goroutine = model->tasks.data[i].goroutine;

		if (goroutine)
			tasks[goroutine - snapshot->goroutines.data] = i + 1;
	}
	return tasks;
}

static int add_rows(const struct model *model, struct leaks *leaks)
{
	const struct leak_scan *scan = leaks->scan;
	uint32_t *tasks = tasks_by_goroutine(model, &scan->snapshot);

	if (!tasks)
		return -ENOMEM;
	for (size_t i = 0; i < scan->found.len; i++) {
		const struct leak_found *found = &scan->found.data[i];
		struct leak_row *row;

		if (!tasks[found->goroutine])
			continue;
		row = vec_push(&leaks->rows);
		if (!row) {
			free(tasks);
			return -ENOMEM;
		}
		*row = (struct leak_row){ .task = tasks[found->goroutine] - 1,
					  .found = i,
					  .doubt = found->doubt };
		if (found->doubt == LEAK_NO_DOUBT)
			leaks->leaked++;
		else
			leaks->suspects++;
	}
	free(tasks);
	return 0;
}

/* How many of the found wait for each object. */
static int count_together(const struct model *model, struct leaks *leaks)
{
	struct addr_map counts = { 0 };
	int status = 0;

	for (size_t i = 0; i < leaks->rows.len && !status; i++) {
		uint64_t addr = task_of(model, &leaks->rows.data[i])->waiting_on;
		uint32_t *count = addr ? addr_map_put(&counts, addr) : NULL;

		if (count)
			(*count)++;
		else if (addr)
			status = -ENOMEM;
	}
	for (size_t i = 0; i < leaks->rows.len && !status; i++) {
		uint64_t addr = task_of(model, &leaks->rows.data[i])->waiting_on;
		const uint32_t *count = addr ? addr_map_get(&counts, addr) : NULL;

		leaks->rows.data[i].also = count ? *count - 1 : 0;
	}
	addr_map_free(&counts);
	return status;
}

static int compare_numbers(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

/* By what is in them, so that the same process and a recording of it have the same order. */
static int compare_stacks(const struct stack *x, const struct stack *y)
{
	int order;

	if (x == y)
		return 0;
	if (!x || !y)
		return x ? 1 : -1;
	order = compare_numbers(x->pc_count, y->pc_count);
	for (size_t i = 0; i < x->pc_count && !order; i++)
		order = compare_numbers(x->pcs[i], y->pcs[i]);
	return order;
}

/* Zero: of one group. */
static int compare_kind(const struct model_task *x, const struct model_task *y)
{
	int order = compare_stacks(x->stack, y->stack);

	if (!order)
		order = compare_numbers(x->gopc, y->gopc);
	return order ? order : compare_numbers(x->reason, y->reason);
}

static int by_group(const void *a, const void *b, void *ctx)
{
	const struct leak_row *x = a, *y = b;
	const struct model *model = ctx;
	int order = compare_numbers(x->doubt, y->doubt);

	if (!order)
		order = compare_kind(task_of(model, x), task_of(model, y));
	return order ? order : compare_numbers(task_of(model, x)->goid, task_of(model, y)->goid);
}

static int by_count(const void *a, const void *b, void *ctx)
{
	const struct leak_group *x = a, *y = b;
	int order = compare_numbers(x->doubt != LEAK_NO_DOUBT, y->doubt != LEAK_NO_DOUBT);

	(void)ctx;
	if (!order)
		order = compare_numbers(y->count, x->count);
	return order ? order : compare_numbers(x->first, y->first);
}

static int add_groups(struct model *model, struct leaks *leaks)
{
	for (size_t i = 0; i < leaks->rows.len; i++) {
		const struct leak_row *row = &leaks->rows.data[i];
		const struct model_task *task = task_of(model, row);
		struct leak_group *group =
			leaks->groups.len ? &leaks->groups.data[leaks->groups.len - 1] : NULL;

		if (!group || row->doubt != row[-1].doubt ||
		    compare_kind(task, task_of(model, row - 1))) {
			group = vec_push(&leaks->groups);
			if (!group)
				return -ENOMEM;
			*group = (struct leak_group){ .stack = task->stack,
						      .gopc = task->gopc,
						      .first = i,
						      .reason = task->reason,
						      .doubt = row->doubt };
			leaks->leaked_groups += row->doubt == LEAK_NO_DOUBT;
		}
		group->count++;
	}
	return 0;
}

static int add_cycle(const struct waits_graph *graph, const struct waits_cycle *from,
		     struct leaks *leaks)
{
	struct leak_cycle *cycle = vec_push(&leaks->cycles);

	if (!cycle)
		return -ENOMEM;
	*cycle = (struct leak_cycle){ leaks->cycle_tasks.len, from->count };
	for (size_t i = 0; i < from->count; i++) {
		size_t *task = vec_push(&leaks->cycle_tasks);

		if (!task)
			return -ENOMEM;
		*task = graph->cycle_tasks.data[from->first + i];
	}
	return 0;
}

static int add_cycles(struct model *model, struct leaks *leaks)
{
	struct waits_graph graph = { 0 };
	int status = leaks_mark(leaks, model, model);

	if (!status)
		status = waits_graph_build(model, &graph);
	for (size_t i = 0; i < graph.cycles.len && !status; i++) {
		const struct waits_cycle *cycle = &graph.cycles.data[i];
		bool all = true;

		for (size_t j = 0; j < cycle->count; j++)
			all = all &&
			      model->tasks.data[graph.cycle_tasks.data[cycle->first + j]].leaked;
		if (all)
			status = add_cycle(&graph, cycle, leaks);
	}
	waits_graph_free(&graph);
	return status;
}

/* A row's place among those that wait for each other. */
struct cycle_place {
	uint32_t cycle, place;
	size_t task;
};

static int by_place(const void *a, const void *b, void *ctx)
{
	const struct cycle_place *x = a, *y = b;
	int order = compare_numbers(x->cycle, y->cycle);

	(void)ctx;
	return order ? order : compare_numbers(x->place, y->place);
}

/* As a recording has them. */
static int recall_cycles(struct leaks *leaks)
{
	VEC(struct cycle_place) places = { 0 };
	int status = 0;

	for (size_t i = 0; i < leaks->rows.len && !status; i++) {
		const struct leak_found *found =
			&leaks->scan->found.data[leaks->rows.data[i].found];
		struct cycle_place *place = found->cycle ? vec_push(&places) : NULL;

		if (place)
			*place = (struct cycle_place){ found->cycle, found->place,
						       leaks->rows.data[i].task };
		else if (found->cycle)
			status = -ENOMEM;
	}
	vec_sort(&places, by_place, NULL);
	for (size_t i = 0; i < places.len && !status; i++) {
		bool is_new = !i || places.data[i].cycle != places.data[i - 1].cycle;
		struct leak_cycle *cycle = is_new ? vec_push(&leaks->cycles) : NULL;
		size_t *task = vec_push(&leaks->cycle_tasks);

		if (!task || (is_new && !cycle)) {
			status = -ENOMEM;
			break;
		}
		if (is_new)
			cycle->first = i;
		leaks->cycles.data[leaks->cycles.len - 1].count++;
		*task = places.data[i].task;
	}
	vec_free(&places);
	return status;
}

int leaks_build(struct model *model, const struct leak_scan *scan, struct leaks *leaks)
{
	int status;

	leaks->scan = scan;
	status = add_rows(model, leaks);
	if (!status)
		status = count_together(model, leaks);
	if (status)
		return status;
	vec_sort(&leaks->rows, by_group, model);
	status = add_groups(model, leaks);
	vec_sort(&leaks->groups, by_count, NULL);
	if (status)
		return status;
	return scan->snapshot.next_ops.len ? add_cycles(model, leaks) : recall_cycles(leaks);
}

void leaks_free(struct leaks *leaks)
{
	vec_free(&leaks->rows);
	vec_free(&leaks->groups);
	vec_free(&leaks->cycles);
	vec_free(&leaks->cycle_tasks);
}

static void describe_chan(const struct snapshot *snapshot, uint64_t addr, char *text, size_t size)
{
	const struct chan_state *chan = snapshot_chan(snapshot, addr);
	unsigned long long at = addr;

	if (!chan || !chan->read_ok)
		snprintf(text, size, "channel 0x%llx", at);
	else if (!chan->cap)
		snprintf(text, size, "unbuffered channel 0x%llx", at);
	else
		snprintf(text, size, "channel 0x%llx (%llu of %llu)", at,
			 (unsigned long long)chan->len, (unsigned long long)chan->cap);
}

/* How it waits, and what nobody can do any more. */
struct wording {
	const char *waits, *help;
};

static struct wording wording_of_lock(enum lock_kind kind)
{
	switch (kind) {
	case LOCK_MUTEX:
		return (struct wording){ "waits to lock sync.Mutex", "unlock it" };
	case LOCK_ONCE:
		return (struct wording){ "waits for sync.Once", "return from its function" };
	case LOCK_RWMUTEX_MUTEX:
	case LOCK_RWMUTEX_WRITER:
		return (struct wording){ "waits to lock sync.RWMutex", "unlock it" };
	case LOCK_RWMUTEX_READER:
		return (struct wording){ "waits to read-lock sync.RWMutex", "unlock it" };
	case LOCK_WAITGROUP:
		return (struct wording){ "waits for sync.WaitGroup", "call its Done" };
	case LOCK_COND:
		return (struct wording){ "waits for sync.Cond", "call its Signal or Broadcast" };
	default:
		return (struct wording){ "waits for a semaphore at", "release it" };
	}
}

static void prove_channel(const struct model *model, const struct model_task *task, char *text,
			  size_t size)
{
	const struct snapshot *snapshot = model->snapshot;
	bool sends = task->wait_kind == WAIT_CHAN_SEND;
	char chan[80];

	describe_chan(snapshot, task->waiting_on, chan, sizeof(chan));
	snprintf(text, size,
		 "waits to %s %s: nothing alive refers to it, so nobody can %s any more",
		 sends ? "send on" : "receive from", chan,
		 sends ? "receive from it" : "send on it or close it");
}

static void prove_select(const struct model *model, const struct model_task *task, char *text,
			 size_t size)
{
	const struct goroutine *goroutine = task->goroutine;
	char chan[80];

	if (!goroutine->case_count) {
		snprintf(text, size,
			 "waits in a select whose channels are all nil, which blocks for ever");
		return;
	}
	describe_chan(model->snapshot, model->snapshot->cases.data[goroutine->first_case].chan,
		      chan, sizeof(chan));
	if (goroutine->case_count == 1)
		snprintf(text, size, "waits in a select for %s alone: nothing alive refers to it",
			 chan);
	else
		snprintf(text, size,
			 "waits in a select for %u channels: nothing alive refers to any of them",
			 goroutine->case_count);
}

static void prove_lock(const struct model *model, const struct model_task *task, char *text,
		       size_t size)
{
	struct wording wording = wording_of_lock(model_lock_kind(task));
	struct model_object object = model_waiting_on(model, task);

	snprintf(text, size, "%s 0x%llx: nothing alive refers to it, so nobody can %s any more",
		 wording.waits, (unsigned long long)(object.addr ? object.addr : task->waiting_on),
		 wording.help);
}

void leaks_proof(const struct model *model, const struct leaks *leaks, const struct leak_row *row,
		 char *text, size_t size)
{
	const struct model_task *task = task_of(model, row);
	const char *reason = model_reason(model, task->reason);

	(void)leaks;
	switch (task->wait_kind) {
	case WAIT_CHAN_SEND:
	case WAIT_CHAN_RECV:
		prove_channel(model, task, text, size);
		break;
	case WAIT_SELECT:
		prove_select(model, task, text, size);
		break;
	case WAIT_SEMA:
	case WAIT_COND:
		prove_lock(model, task, text, size);
		break;
	case WAIT_COROUTINE:
		snprintf(
			text, size,
			"is an iterator of iter.Pull that was not stopped: nothing alive refers to "
			"it, so nobody can call its next or stop any more");
		break;
	default:
		snprintf(text, size, "blocks for ever: %s", reason);
		break;
	}
}

void leaks_doubt(enum leak_doubt doubt, char *text, size_t size)
{
	switch (doubt) {
	case LEAK_NO_DOUBT:
		*text = '\0';
		break;
	case LEAK_RAN:
		snprintf(text, size, "it ran between the two looks");
		break;
	case LEAK_HEAP_CHANGED:
		snprintf(text, size, "the heap changed too fast to be read as a whole");
		break;
	case LEAK_FOREIGN:
		snprintf(
			text, size,
			"the program's C code has more memory than was looked at, and may refer to "
			"what it waits for");
		break;
	case LEAK_RESTLESS:
		snprintf(
			text, size,
			"the program could not be watched often enough to see all references that it "
			"moves");
		break;
	case LEAK_FINALIZERS:
		snprintf(text, size, "finalizers are held up, and may refer to what it waits for");
		break;
	}
}
