// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * lock.held_blocked: whoever holds the lock sleeps, does I/O or waits on a channel, and others queue
 * behind it. Seen once it may be a moment; at most snapshots it is how the code works, or it is stuck.
 */
#include "detect/detect.h"
#include "model/format.h"

#define CRITICAL_BEHIND 10

static const struct waits_root *root_of(const struct waits_graph *graph, size_t task)
{
	for (size_t i = 0; i < graph->roots.len; i++)
		if (graph->roots.data[i].task == task && graph->roots.data[i].cycle == WAITS_NOBODY)
			return &graph->roots.data[i];
	return NULL;
}

/* Everybody behind the holder; without a root of its own, those at the lock. */
static int take_behind(const struct detect_input *input, struct findings *findings,
		       struct finding *finding, const struct model_lock *lock, size_t holder)
{
	const struct waits_graph *graph = input->graph;
	const struct waits_root *root = root_of(graph, holder);
	waits_nodes nodes = { 0 };
	int status = root ? waits_behind(graph, root, &nodes) : 0;

	for (size_t i = 0; i < nodes.len; i++)
		finding_add_affected(
			findings, finding,
			input->model->tasks.data[graph->nodes.data[nodes.data[i]].task].goid);
	vec_free(&nodes);
	for (size_t i = 0; i < input->model->tasks.len && !root; i++) {
		const struct model_task *task = &input->model->tasks.data[i];

		if (task->wait_kind == WAIT_SEMA &&
		    model_waiting_on(input->model, task).addr == lock->addr)
			finding_add_affected(findings, finding, task->goid);
	}
	return status;
}

static int report(const struct detect_input *input, struct findings *findings,
		  const struct model_lock *lock, const struct series_object *object,
		  const struct model_party *holder)
{
	struct model *model = input->model;
	const struct model_task *task = &model->tasks.data[holder->task];
	uint64_t blocked_ns = detect_waited_ns(input, task);
	bool stuck = (double)blocked_ns >= input->limits->blocked * 1e9;
	struct finding *finding = finding_begin(findings, SEVERITY_WARNING, CERTAINTY_CERTAIN);
	char stack[FINDING_TEXT];
	int status = take_behind(input, findings, finding, lock, holder->task);

	finding_add_goid(findings, finding, task->goid);
	detect_object(finding, model_lock_kind_name(lock->kind), lock->addr, lock->symbol);
	detect_take_place(finding, task);
	finding->weight = (double)finding->affected.len;
	if (stuck && finding->affected.len >= CRITICAL_BEHIND)
		finding->severity = SEVERITY_CRITICAL;
	finding_title(finding,
		      "goroutine %llu holds a %s and is in %s, %zu goroutines queue behind it",
		      (unsigned long long)task->goid, model_lock_kind_name(lock->kind),
		      ACTIVITY(model, task), finding->affected.len);
	finding_say(findings, finding, "its stack: %s",
		    detect_stack_line(stack, sizeof(stack), task->stack));
	if (blocked_ns)
		finding_say(findings, finding, "it is so for %s%s",
			    task->since_is_bound ? "at least " : "", DURATION(blocked_ns));
	finding_say(findings, finding,
		    "the holder was blocked in %u of %u looks at it, with %llu to %llu waiting",
		    object->held_blocked, object->looked, (unsigned long long)object->least_waiters,
		    (unsigned long long)object->most_waiters);
	finding_why(finding, "that it holds the lock is %s", model_evidence_name(holder->evidence));
	finding_advise(finding,
		       "do the waiting before taking the lock, copy what is needed under it; give "
		       "what it waits for a deadline");
	detect_look(input, finding, "waits");
	return status;
}

static int check(const struct detect_input *input, struct findings *findings)
{
	const struct model *model = input->model;
	int status = 0;

	for (size_t i = 0; i < model->locks.len && !status; i++) {
		const struct model_lock *lock = &model->locks.data[i];
		const struct series_object *object = series_object(input->series, lock->addr);
		const struct model_party *holder = model_holder(model, lock);
		const struct model_task *task = holder ? &model->tasks.data[holder->task] : NULL;

		if (!object || !task || !lock->waiters || object->held_blocked < 2 ||
		    object->held_blocked * 2 < object->looked ||
		    object->seen * 2 < series_snapshots(input->series))
			continue;
		/* one that waits for another lock is an effect of that one */
		if ((task->state == G_WAITING && task->wait_kind != WAIT_SEMA) ||
		    task->state == G_SYSCALL)
			status = report(input, findings, lock, object, holder);
	}
	return status;
}

const struct detector detector_lock_held_blocked = {
	.id = "lock.held_blocked",
	.looks_for = "locks held while waiting for something else",
	.snapshots = 3,
	.least_ns = 1000000000,
	.check = check,
};
