// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * wg.stuck: somebody waits for a WaitGroup whose counter is not zero, and nobody is left who would call
 * Done. Who would is told by the code ahead of each goroutine; one that calls it through an interface or
 * a stored function is not seen, so neither does a goroutine count that was made where the waiter is.
 */
#include <string.h>

#include "detect/detect.h"
#include "model/format.h"

/* Some goroutine was made by a function of the waiter's stack: it may be one of the group. */
static bool has_children(struct model *model, const struct stack *stack)
{
	for (size_t i = 0; i < model->groups.len; i++) {
		const struct model_group *group = &model->groups.data[i];
		const struct pclntab_frame *created =
			group->system ? NULL : model_created_by(model, group->gopc);

		if (!created)
			continue;
		for (size_t j = 0; stack && j < stack->frame_count; j++)
			if (!strcmp(stack->frames[j]->function, created->function) &&
			    group->stack != stack)
				return true;
	}
	return false;
}

static void report(const struct detect_input *input, struct findings *findings,
		   const struct waits_object *object, const struct model_task *first)
{
	const struct waits_graph *graph = input->graph;
	const struct model *model = input->model;
	bool proven = first->leaked;
	bool is_main = first->goid == 1 && !proven;
	struct finding *finding = finding_begin(findings,
						is_main ? SEVERITY_INFO : SEVERITY_WARNING,
						is_main ? CERTAINTY_POSSIBLE : CERTAINTY_LIKELY);

	for (size_t i = 0; i < object->waiter_count; i++) {
		size_t node = graph->waiters.data[object->first_waiter + i];
		const struct model_task *task = &model->tasks.data[graph->nodes.data[node].task];

		finding_add_goid(findings, finding, task->goid);
		detect_take_place(finding, task);
	}
	detect_object(finding, object->kind, object->addr, object->lock->symbol);
	finding->metric = (double)object->lock->state.counter;
	finding->metric_unit = "missing calls of Done";
	finding->weight = (double)object->waiter_count;
	finding_title(finding,
		      "WaitGroup.Wait at %s: %lld Done missing, and nobody is left to call it",
		      PLACE(finding->site), (long long)object->lock->state.counter);
	finding_say(findings, finding, "its counter is %lld with %zu waiting, for %s%s",
		    (long long)object->lock->state.counter, object->waiter_count,
		    first->since_is_bound ? "at least " : "",
		    DURATION(detect_waited_ns(input, first)));
	finding_say(
		findings, finding,
		"of the goroutines that are left none is on its way to Done, and none was started by "
		"the function that waits");
	if (proven) {
		finding->certainty = CERTAINTY_CERTAIN;
		finding_why(finding,
			    "nothing alive leads to the WaitGroup: proven by a walk of the heap");
	} else {
		finding_why(finding,
			    "the counter is read from the WaitGroup; that nobody can reach it was "
			    "not proven");
	}
	finding_advise(finding,
		       "defer wg.Done() as the goroutine's first statement, so that no return or "
		       "panic skips it");
	detect_look(input, finding, "leaks");
}

static int check(const struct detect_input *input, struct findings *findings)
{
	const struct waits_graph *graph = input->graph;
	struct model *model = input->model;

	for (size_t i = 0; i < graph->objects.len; i++) {
		const struct waits_object *object = &graph->objects.data[i];
		const struct model_task *first;

		if (!object->lock || object->op != LOCK_WAITGROUP || !object->waiter_count ||
		    !object->lock->state.known || object->lock->state.counter <= 0)
			continue;
		first = &model->tasks
				 .data[graph->nodes.data[graph->waiters.data[object->first_waiter]]
					       .task];
		if (first->leaked ||
		    ((double)detect_waited_ns(input, first) >= input->limits->blocked * 1e9 &&
		     !object->lock->party_count && !has_children(model, first->stack)))
			report(input, findings, object, first);
	}
	if ((double)input->observed_ns < input->limits->blocked * 1e9)
		findings_not_judged(findings,
				    "seen for %s only: waits of less than %g s may be no incident",
				    DURATION(input->observed_ns), input->limits->blocked);
	return 0;
}

const struct detector detector_wg_stuck = {
	.id = "wg.stuck",
	.looks_for = "WaitGroups that nobody will complete",
	.snapshots = 1,
	.check = check,
};
