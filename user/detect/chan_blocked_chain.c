// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * chan.blocked_chain: senders wait on a channel because its receiver is gone, or waits for somebody else
 * who is. The incident is the goroutine at the root of the chain; everybody upstream is its effect.
 * Receivers that wait for work are no chain: they idle.
 */
#include "detect/detect.h"
#include "model/format.h"

#define CRITICAL_BEHIND 100
#define CHAIN_MAX 16

static bool is_old(const struct detect_input *input, const struct model_task *task)
{
	return (double)detect_waited_ns(input, task) >= input->limits->blocked * 1e9;
}

/* Goroutines that have waited to send for too long on a channel without room. */
static bool is_held_up(const struct detect_input *input, const struct waits_object *object)
{
	const struct waits_graph *graph = input->graph;

	if (!object->chan || object->op != CT_OP_SEND || object->chan->len < object->chan->cap)
		return false;
	for (size_t i = 0; i < object->waiter_count; i++) {
		size_t node = graph->waiters.data[object->first_waiter + i];

		if (is_old(input, &input->model->tasks.data[graph->nodes.data[node].task]))
			return true;
	}
	return false;
}

static const struct waits_root *root_of(const struct waits_graph *graph, size_t task)
{
	for (size_t i = 0; i < graph->roots.len; i++)
		if (graph->roots.data[i].task == task && graph->roots.data[i].cycle == WAITS_NOBODY)
			return &graph->roots.data[i];
	return NULL;
}

static bool has_goid(const struct findings *findings, uint64_t goid)
{
	for (size_t i = 0; i < findings->rows.len; i++) {
		const struct finding *finding = &findings->rows.data[i];

		for (size_t j = 0; finding->rank == findings->rank && j < finding->goids.len; j++)
			if (finding->goids.data[j] == goid)
				return true;
	}
	return false;
}

static void say_chain(const struct detect_input *input, struct findings *findings,
		      struct finding *finding, const size_t *tasks, size_t count)
{
	const struct model *model = input->model;

	for (size_t i = 0; i + 1 < count; i++)
		finding_say(findings, finding, "goroutine %llu in %s waits for goroutine %llu",
			    (unsigned long long)model->tasks.data[tasks[i]].goid,
			    ACTIVITY(model, &model->tasks.data[tasks[i]]),
			    (unsigned long long)model->tasks.data[tasks[i + 1]].goid);
}

static void say_root(const struct detect_input *input, struct findings *findings,
		     struct finding *finding, const struct model_task *root)
{
	const struct waits_node *node =
		waits_node_of(input->graph, (size_t)(root - input->model->tasks.data));
	uint64_t ns = detect_waited_ns(input, root);
	char stack[FINDING_TEXT];

	finding_say(findings, finding, "the root, goroutine %llu, is in %s%s%s%s",
		    (unsigned long long)root->goid, ACTIVITY(input->model, root), ns ? " for " : "",
		    ns && root->since_is_bound ? "at least " : "", ns ? DURATION(ns) : "");
	finding_say(findings, finding, "its stack: %s",
		    detect_stack_line(stack, sizeof(stack), root->stack));
	if (node && node->object_count == 1) {
		const struct waits_object *object =
			&input->graph->objects
				 .data[input->graph->node_objects.data[node->first_object]];

		if (object->chan && !object->to_count)
			finding_say(findings, finding,
				    "no goroutine is known that will %s channel 0x%llx",
				    object->op == CT_OP_SEND ? "receive from" : "send to or close",
				    (unsigned long long)object->addr);
	}
}

static void finish(const struct detect_input *input, struct finding *finding, size_t blocked)
{
	finding->metric = (double)blocked;
	finding->limit = input->limits->blocked_count;
	finding->metric_unit = "goroutines";
	finding->weight = (double)blocked;
	if (blocked >= CRITICAL_BEHIND)
		finding->severity = SEVERITY_CRITICAL;
	finding_why(finding,
		    "the channel's queue is certain; who receives is told by the goroutines' code, "
		    "and another may be unknown");
	finding_advise(finding,
		       "give the send a way out (select with ctx.Done()), or room (a buffer) and a "
		       "limit; see why the root does not come back");
	detect_look(input, finding, "waits");
}

/* Senders with somebody known downstream: the chain's end is the incident. */
static int report_root(const struct detect_input *input, struct findings *findings,
		       const size_t *tasks, size_t count)
{
	const struct waits_graph *graph = input->graph;
	const struct model *model = input->model;
	const struct model_task *task = &model->tasks.data[tasks[count - 1]];
	const struct waits_root *root = root_of(graph, tasks[count - 1]);
	waits_nodes nodes = { 0 };
	struct finding *finding;
	int status;

	if (!root || (double)root->blocked < input->limits->blocked_count ||
	    has_goid(findings, task->goid))
		return 0;
	status = waits_behind(graph, root, &nodes);
	finding = finding_begin(findings, SEVERITY_WARNING, CERTAINTY_LIKELY);
	for (size_t i = 0; i < nodes.len; i++)
		finding_add_affected(findings, finding,
				     model->tasks.data[graph->nodes.data[nodes.data[i]].task].goid);
	vec_free(&nodes);
	finding_add_goid(findings, finding, task->goid);
	detect_take_place(finding, task);
	finding_title(finding, "%llu goroutines wait behind goroutine %llu, which is in %s",
		      (unsigned long long)root->blocked, (unsigned long long)task->goid,
		      ACTIVITY(model, task));
	finding_say(findings, finding, "%llu wait for it directly, %llu in all",
		    (unsigned long long)root->direct, (unsigned long long)root->blocked);
	say_root(input, findings, finding, task);
	say_chain(input, findings, finding, tasks, count);
	finish(input, finding, root->blocked);
	return status;
}

/* Senders for whom nobody is known who would receive. */
static void report_nobody(const struct detect_input *input, struct findings *findings,
			  const struct waits_object *object)
{
	const struct waits_graph *graph = input->graph;
	const struct model *model = input->model;
	struct finding *finding;

	if ((double)object->waiter_count < input->limits->blocked_count)
		return;
	finding = finding_begin(findings, SEVERITY_WARNING, CERTAINTY_LIKELY);
	for (size_t i = 0; i < object->waiter_count; i++) {
		size_t node = graph->waiters.data[object->first_waiter + i];
		const struct model_task *task = &model->tasks.data[graph->nodes.data[node].task];

		finding_add_goid(findings, finding, task->goid);
		detect_take_place(finding, task);
	}
	detect_object(finding, "chan", object->addr, object->chan->symbol);
	finding_title(finding, "%zu goroutines wait to send at %s, and nobody is there to receive",
		      object->waiter_count, PLACE(finding->site));
	finding_say(findings, finding, "channel 0x%llx has %llu of %llu elements and no receiver%s",
		    (unsigned long long)object->addr, (unsigned long long)object->chan->len,
		    (unsigned long long)object->chan->cap,
		    object->chan->receivers_waiting ? " that runs" : "");
	finish(input, finding, object->waiter_count);
}

static int check_object(const struct detect_input *input, struct findings *findings,
			const struct waits_object *object)
{
	const struct waits_graph *graph = input->graph;
	size_t tasks[CHAIN_MAX], count;

	if (!is_held_up(input, object))
		return 0;
	if (!object->to_count) {
		report_nobody(input, findings, object);
		return 0;
	}
	count = waits_chain(graph,
			    graph->nodes.data[graph->waiters.data[object->first_waiter]].task,
			    tasks, CHAIN_MAX);
	return count > 1 ? report_root(input, findings, tasks, count) : 0;
}

static int check(const struct detect_input *input, struct findings *findings)
{
	const struct waits_graph *graph = input->graph;
	int status = 0;

	for (size_t i = 0; i < graph->objects.len && !status; i++)
		status = check_object(input, findings, &graph->objects.data[i]);
	if ((double)input->observed_ns < input->limits->blocked * 1e9)
		findings_not_judged(findings,
				    "seen for %s only: waits of less than %g s may be no incident",
				    DURATION(input->observed_ns), input->limits->blocked);
	return status;
}

const struct detector detector_chan_blocked_chain = {
	.id = "chan.blocked_chain",
	.looks_for = "senders whose receiver is gone or stuck",
	.snapshots = 1,
	.check = check,
};
