// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * lock.deadlock: a cycle in the waits-for graph. Through locks alone it is certain; where it goes through
 * a channel as well, somebody unknown might still come and end the wait, unless a walk of the heap has proven
 * that nobody can.
 */
#include "detect/detect.h"
#include "model/format.h"

static const struct waits_object *object_between(const struct waits_graph *graph, size_t task,
						 size_t next, const struct waits_to **to)
{
	const struct waits_node *node = waits_node_of(graph, task);

	for (size_t i = 0; node && i < node->object_count; i++) {
		const struct waits_object *object =
			&graph->objects.data[graph->node_objects.data[node->first_object + i]];

		for (size_t j = 0; j < object->to_count; j++)
			if (graph->to.data[object->first_to + j].task == next) {
				*to = &graph->to.data[object->first_to + j];
				return object;
			}
	}
	return NULL;
}

static size_t task_of_cycle(const struct waits_graph *graph, const struct waits_cycle *cycle,
			    size_t i)
{
	return graph->cycle_tasks.data[cycle->first + i % cycle->count];
}

static bool has_lock(const struct waits_graph *graph, const struct waits_cycle *cycle)
{
	for (size_t i = 0; i < cycle->count; i++) {
		const struct waits_to *to;
		const struct waits_object *object =
			object_between(graph, task_of_cycle(graph, cycle, i),
				       task_of_cycle(graph, cycle, i + 1), &to);

		if (object && object->lock)
			return true;
	}
	return false;
}

static bool is_old(const struct detect_input *input, const struct waits_cycle *cycle)
{
	for (size_t i = 0; i < cycle->count; i++)
		if ((double)detect_waited_ns(
			    input,
			    &input->model->tasks.data[task_of_cycle(input->graph, cycle, i)]) <
		    input->limits->blocked * 1e9)
			return false;
	return true;
}

static void say_edge(const struct detect_input *input, struct findings *findings,
		     struct finding *finding, const struct waits_cycle *cycle, size_t i)
{
	const struct waits_graph *graph = input->graph;
	const struct model *model = input->model;
	size_t task = task_of_cycle(graph, cycle, i), next = task_of_cycle(graph, cycle, i + 1);
	const struct waits_to *to = NULL;
	const struct waits_object *object = object_between(graph, task, next, &to);
	const struct model_task *waiter = &model->tasks.data[task];
	char stack[FINDING_TEXT];

	if (!object)
		return;
	if (!i)
		detect_object(finding, object->kind, object->addr,
			      object->lock ? object->lock->symbol : object->chan->symbol);
	finding_say(findings, finding,
		    "goroutine %llu waits for %s 0x%llx%s%s, which goroutine %llu%s %s%s%s",
		    (unsigned long long)waiter->goid, object->kind,
		    (unsigned long long)object->addr,
		    object->lock && object->lock->symbol[0] ? " " : "",
		    object->lock ? object->lock->symbol : "",
		    (unsigned long long)model->tasks.data[next].goid, task == next ? " itself" : "",
		    model_role_name(to->role), to->party ? ", " : "",
		    to->party ? model_evidence_name(to->party->evidence) : "");
	finding_say(findings, finding, "  stack of %llu: %s", (unsigned long long)waiter->goid,
		    detect_stack_line(stack, sizeof(stack), waiter->stack));
}

static int take_behind(const struct detect_input *input, struct findings *findings,
		       struct finding *finding, size_t cycle)
{
	const struct waits_graph *graph = input->graph;
	waits_nodes nodes = { 0 };
	int status = 0;

	for (size_t i = 0; i < graph->roots.len && !status; i++)
		if (graph->roots.data[i].cycle == cycle)
			status = waits_behind(graph, &graph->roots.data[i], &nodes);
	for (size_t i = 0; i < nodes.len; i++)
		finding_add_affected(
			findings, finding,
			input->model->tasks.data[graph->nodes.data[nodes.data[i]].task].goid);
	vec_free(&nodes);
	return status;
}

/* A walk of the heap has found something alive that leads to what each of them waits for. */
static bool may_be_woken(const struct detect_input *input, const struct waits_cycle *cycle)
{
	const struct leaks *leaks = input->leaks;

	for (size_t i = 0; leaks && i < cycle->count; i++) {
		uint64_t goid =
			input->model->tasks.data[task_of_cycle(input->graph, cycle, i)].goid;

		for (size_t j = 0; j < leaks->rows.len; j++)
			if (input->leaks_model->tasks.data[leaks->rows.data[j].task].goid == goid)
				return false;
	}
	return leaks != NULL;
}

static int report(const struct detect_input *input, struct findings *findings, size_t index)
{
	const struct waits_graph *graph = input->graph;
	const struct waits_cycle *cycle = &graph->cycles.data[index];
	struct finding *finding =
		finding_begin(findings, cycle->certain ? SEVERITY_CRITICAL : SEVERITY_WARNING,
			      cycle->certain ? CERTAINTY_CERTAIN : CERTAINTY_POSSIBLE);
	int status = take_behind(input, findings, finding, index);

	for (size_t i = 0; i < cycle->count; i++) {
		const struct model_task *task =
			&input->model->tasks.data[task_of_cycle(graph, cycle, i)];

		finding_add_goid(findings, finding, task->goid);
		detect_take_place(finding, task);
		say_edge(input, findings, finding, cycle, i);
	}
	if (!cycle->certain && may_be_woken(input, cycle))
		finding_say(
			findings, finding,
			"leak.proven disagrees: something alive still leads to what they wait for, and "
			"may come to end it");
	finding->weight = (double)(cycle->count + finding->affected.len);
	if (cycle->count == 1)
		finding_title(finding,
			      "deadlock: a goroutine waits for a lock that it holds itself, at %s",
			      PLACE(finding->site));
	else
		finding_title(finding, "deadlock: %zu goroutines wait for each other, one at %s",
			      cycle->count, PLACE(finding->site));
	if (cycle->proven)
		finding_why(finding,
			    "each waits for one of the others, and at two looks at the whole heap "
			    "nothing else that lives led to what they wait for");
	else if (cycle->certain)
		finding_why(finding,
			    "each of them holds what the one before waits for, found in their "
			    "code and stacks");
	else
		finding_why(finding,
			    "it goes through a channel, and another sender or receiver may be "
			    "unknown");
	if (!has_lock(graph, cycle))
		finding_advise(
			finding,
			"break the circle: let one side select on ctx.Done() as well, or give its "
			"channel a buffer; restart the process to get it going");
	else if (cycle->count == 1)
		finding_advise(
			finding,
			"a Go mutex cannot be taken twice, nor an RWMutex read again while a "
			"writer waits: split off a function that expects the lock to be held");
	else
		finding_advise(finding,
			       "take these locks in one order everywhere; hold none while sending, "
			       "receiving or calling out; restart the process to get it going");
	detect_look(input, finding, "waits");
	return status;
}

static int check(const struct detect_input *input, struct findings *findings)
{
	const struct waits_graph *graph = input->graph;
	int status = 0;

	for (size_t i = 0; i < graph->cycles.len && !status; i++) {
		const struct waits_cycle *cycle = &graph->cycles.data[i];

		if (cycle->certain || (has_lock(graph, cycle) && is_old(input, cycle)))
			status = report(input, findings, i);
	}
	return status;
}

const struct detector detector_lock_deadlock = {
	.id = "lock.deadlock",
	.looks_for = "goroutines that wait for each other",
	.snapshots = 1,
	.check = check,
};
