// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A snapshot knows every goroutine but not since when; the probes know since when, but only of
 * goroutines that did something since the attach. Joined by g and goid; where they contradict each
 * other, the newer of the two is right. Probes that were on in windows only do not know what went on
 * between them: then a task's record may be of a wait that is long over, and is left aside.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "collect/wait_object.h"
#include "model/build.h"

struct by_g {
	const struct task_row *row;
	uint64_t g;
	UT_hash_handle hh;
};

struct event_index {
	struct by_g *table, *nodes;
};

static int index_events(const struct aggregates *aggregates, struct event_index *index)
{
	size_t count = aggregates ? aggregates->tasks.len : 0;

	index->table = NULL;
	index->nodes = calloc(count + 1, sizeof(*index->nodes));
	if (!index->nodes)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		struct by_g *node = &index->nodes[i];

		node->row = &aggregates->tasks.data[i];
		node->g = node->row->g;
		HASH_ADD(hh, index->table, g, sizeof(node->g), node);
	}
	return 0;
}

static void index_free(struct event_index *index)
{
	HASH_CLEAR(hh, index->table);
	free(index->nodes);
}

static const struct ct_task *event_of(struct event_index *index, uint64_t g, uint64_t goid)
{
	struct by_g *node;

	HASH_FIND(hh, index->table, &g, sizeof(g), node);
	return node && node->row->task.goid == goid ? &node->row->task : NULL;
}

struct stack *build_snapshot_stack(struct model *model, const struct snapshot *snapshot,
				   const struct goroutine *goroutine)
{
	const uint64_t *pcs = snapshot->pcs.data + goroutine->first_pc;
	const struct pclntab_frame *frames;
	size_t count = goroutine->pc_count;

	if (!count)
		return NULL;
	if (symbols_frames(model->symbols, pcs[0], &frames) == 1 &&
	    !strcmp(frames[0].function, "runtime.gopark")) {
		pcs++;
		count--;
	}
	return stack_intern(model->stacks, pcs, count);
}

static void take_event(struct model_task *task, const struct ct_task *event)
{
	task->site = event->site;
	task->since_ns = event->since_ns;
	task->since_is_bound = false;
	if (event->object_kind != CT_OBJ_SELECT && event->object)
		task->waiting_on = event->object;
}

/* The probes saw it change its state after the snapshot looked. */
static void follow_event(struct build *build, struct model_task *task, const struct ct_task *event)
{
	bool waits = event->state == CT_TASK_WAITING;

	task->state = waits ? G_WAITING : G_RUNNABLE;
	task->waiting_on = 0;
	task->wait_kind = WAIT_NONE;
	task->reason = 0;
	if (waits) {
		task->reason = event->reason;
		task->wait_kind =
			wait_kind_of(wait_reason_text(build->model->reasons_minor, event->reason));
		task->stack = build_site_stack(build, event->site);
	}
	take_event(task, event);
}

static void join(struct build *build, struct model_task *task, const struct ct_task *event)
{
	bool event_waits = event->state == CT_TASK_WAITING, waits = task->state == G_WAITING;

	task->spawned_ns = event->spawned_ns;
	if (event->state == CT_TASK_UNKNOWN || (event_waits == waits && !waits))
		return;
	if (event_waits == waits && event->reason == task->reason) {
		take_event(task, event);
		return;
	}
	if (event->since_ns > build->snapshot->at_ns)
		follow_event(build, task, event);
	else
		build->model->disagreements++;
}

/* Of two lower bounds of an age the better one; 0: unknown. */
static uint64_t earlier(uint64_t a, uint64_t b)
{
	if (!a || !b)
		return a ? a : b;
	return a < b ? a : b;
}

/* Equal stacks have the same first_pc: `known` is by that, and each is looked up once. */
static struct stack *stack_of(struct build *build, const struct goroutine *goroutine,
			      struct stack **known)
{
	struct stack **slot;

	if (!goroutine->pc_count)
		return NULL;
	slot = &known[goroutine->first_pc];
	if (!*slot)
		*slot = build_snapshot_stack(build->model, build->snapshot, goroutine);
	return *slot;
}

static int add_from_snapshot(struct build *build, struct event_index *events, struct stack **known)
{
	const struct snapshot *snapshot = build->snapshot;

	for (size_t i = 0; i < snapshot->goroutines.len; i++) {
		const struct goroutine *goroutine = &snapshot->goroutines.data[i];
		const struct ct_task *event = event_of(events, goroutine->g, goroutine->goid);
		struct model_task *task = vec_push(&build->model->tasks);
		uint64_t since = earlier(goroutine->since_ns, goroutine->waitsince_ns);

		if (!task)
			return -ENOMEM;
		*task = (struct model_task){
			.g = goroutine->g,
			.goid = goroutine->goid,
			.parent_goid = goroutine->parent_goid,
			.gopc = goroutine->gopc,
			.startpc = goroutine->startpc,
			.waiting_on = goroutine->wait_addr,
			.since_ns = since,
			.since_is_bound = since != 0,
			.state = goroutine->status,
			.reason = goroutine->wait_reason,
			.wait_kind = goroutine->wait_kind,
			.system = goroutine->system,
			.locked = goroutine->locked,
			.scan = goroutine->scan,
			.torn = goroutine->torn,
			.stack = stack_of(build, goroutine, known),
			.goroutine = goroutine,
		};
		if (event && !build->model->estimated)
			join(build, task, event);
	}
	return 0;
}

static int add_from_events(struct build *build)
{
	const struct aggregates *aggregates = build->aggregates;

	for (size_t i = 0; i < aggregates->tasks.len; i++) {
		const struct task_row *row = &aggregates->tasks.data[i];
		struct model_task *task = vec_push(&build->model->tasks);

		if (!task)
			return -ENOMEM;
		*task = (struct model_task){ .g = row->g,
					     .goid = row->task.goid,
					     .parent_goid = row->task.parent_goid,
					     .gopc = row->task.gopc };
		follow_event(build, task, &row->task);
	}
	return 0;
}

static void count_states(struct model *model)
{
	for (size_t i = 0; i < model->tasks.len; i++) {
		const struct model_task *task = &model->tasks.data[i];

		if (task->system)
			model->system_count++;
		else
			model->by_state[task->state & 15]++;
	}
}

int build_tasks(struct build *build)
{
	struct event_index events;
	struct stack **known;
	int status = index_events(build->aggregates, &events);

	known = calloc(build->snapshot ? build->snapshot->pcs.len + 1 : 1, sizeof(*known));
	if (!status && !known)
		status = -ENOMEM;
	if (!status && build->snapshot)
		status = add_from_snapshot(build, &events, known);
	else if (!status && build->aggregates)
		status = add_from_events(build);
	free(known);
	index_free(&events);
	count_states(build->model);
	return status;
}
