// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * ctx.ignored: a context was cancelled, and goroutines that hold it are still there, blocked where they
 * do not listen to it. One that listens would have been woken.
 *
 * Whoever cancels holds the context as well, and so may the main goroutine, for as long as it likes.
 */
#include <errno.h>

#include "base/clock.h"
#include "detect/detect.h"
#include "model/format.h"

#define ALONE 3 /* that many at one place, when nobody saw the context being cancelled */

struct deaf {
	const struct model_task *task;
	const struct model_cancel *cancel; /* NULL: it was cancelled before the observation */
	uint64_t deadline_ns;              /* that is over; 0: none */
};

typedef VEC(struct deaf) deaf_tasks;

static const struct model_cancel *cancel_of(const struct model *model, uint64_t context)
{
	for (size_t i = 0; i < model->cancels.len; i++)
		if (model->cancels.data[i].context == context)
			return &model->cancels.data[i];
	return NULL;
}

static const struct model_task *task_of(const struct model *model, uint64_t goid)
{
	for (size_t i = 0; i < model->tasks.len; i++)
		if (model->tasks.data[i].goid == goid)
			return &model->tasks.data[i];
	return NULL;
}

/* The place is the application's: the standard library's own goroutines keep contexts on purpose. */
static bool counts(const struct detect_input *input, const struct model_task *task,
		   const struct model_cancel *cancel)
{
	uint64_t waited = detect_waited_ns(input, task);

	if (task->goid == 1 || task->system || task->state != G_WAITING || !task->stack ||
	    !task->stack->site || task->stack->site_is_guess || task->wait_kind == WAIT_NETWORK)
		return false;
	/* younger ones may have it on their stack from the goroutine that had that before */
	if ((double)waited < input->limits->ctx_grace * 1e9)
		return false;
	if (!cancel)
		return true;
	return cancel->goid != task->goid && input->model->at_ns > cancel->at_ns &&
	       (double)(input->model->at_ns - cancel->at_ns) >= input->limits->ctx_grace * 1e9;
}

static uint64_t passed_deadline(const struct detect_input *input, const struct held_context *held)
{
	return held->deadline == CONTEXT_DEADLINE_SET && held->deadline_ns < input->model->at_ns ?
		       held->deadline_ns :
		       0;
}

static int collect(const struct detect_input *input, deaf_tasks *deaf)
{
	for (size_t i = 0; i < input->contexts->len; i++) {
		const struct held_context *held = &input->contexts->data[i];
		const struct model_cancel *cancel;
		const struct model_task *task;
		struct deaf *row;

		if (!held->cancelled)
			continue;
		task = task_of(input->model, held->goid);
		cancel = cancel_of(input->model, held->context);
		if (!task || !counts(input, task, cancel))
			continue;
		/* of several contexts that one goroutine holds, one that was seen being cancelled */
		if (deaf->len && deaf->data[deaf->len - 1].task == task) {
			struct deaf *known = &deaf->data[deaf->len - 1];

			if (!known->cancel)
				known->cancel = cancel;
			if (!known->deadline_ns)
				known->deadline_ns = passed_deadline(input, held);
			continue;
		}
		row = vec_push(deaf);
		if (!row)
			return -1;
		*row = (struct deaf){ .task = task,
				      .cancel = cancel,
				      .deadline_ns = passed_deadline(input, held) };
	}
	return 0;
}

static void report(const struct detect_input *input, struct findings *findings,
		   const deaf_tasks *deaf, size_t first)
{
	const struct pclntab_frame *site = deaf->data[first].task->stack->site;
	const struct model_cancel *cancel = NULL;
	uint64_t now = input->model->at_ns, deadline_ns = 0;
	struct finding *finding;
	size_t count = 0, seen = 0;

	for (size_t i = first; i < deaf->len; i++) {
		const struct deaf *row = &deaf->data[i];

		if (!detect_same_place(row->task->stack->site, site))
			continue;
		count++;
		seen += row->cancel != NULL;
		if (row->deadline_ns && (!deadline_ns || row->deadline_ns < deadline_ns))
			deadline_ns = row->deadline_ns;
		/* the one that waits longest, to say how long it has been ignored */
		if (row->cancel && (!cancel || row->cancel->at_ns < cancel->at_ns))
			cancel = row->cancel;
	}
	finding = finding_begin(findings,
				cancel || count >= ALONE ? SEVERITY_WARNING : SEVERITY_INFO,
				cancel ? CERTAINTY_LIKELY : CERTAINTY_POSSIBLE);
	finding->site = site;
	finding->stack = deaf->data[first].task->stack;
	finding->weight = (double)count;
	for (size_t i = first; i < deaf->len; i++)
		if (detect_same_place(deaf->data[i].task->stack->site, site))
			finding_add_goid(findings, finding, deaf->data[i].task->goid);
	finding->since_ns = cancel ? cancel->at_ns : deaf->data[first].task->since_ns;
	finding->since_is_bound = !cancel;
	finding_title(finding, "%s goroutine%s %s a cancelled context: %s", COUNT(count),
		      count == 1 ? "" : "s",
		      !cancel && count < ALONE ? "may ignore" :
		      count == 1               ? "ignores" :
						 "ignore",
		      ACTIVITY(input->model, deaf->data[first].task));
	if (cancel)
		finding_say(findings, finding,
			    "the first was cancelled %s before the last look, by %s at %s",
			    DURATION(now - cancel->at_ns), cancel->goid ? "a goroutine" : "a timer",
			    PLACE(cancel->stack ? cancel->stack->site : NULL));
	else
		finding_say(findings, finding,
			    "cancelled before the observation began, so who did it is not known");
	if (deadline_ns)
		finding_say(findings, finding,
			    "the deadline of the first was over %s before the last look",
			    DURATION(now - deadline_ns));
	if (cancel && seen > 1)
		finding_say(findings, finding,
			    "the contexts of %s of them were cancelled while it was watched",
			    COUNT(seen));
	finding_say(findings, finding, "a goroutine that listens to ctx.Done() would have woken");
	finding_why(finding,
		    "the context lies on the goroutine's stack; it may be left over there");
	finding_advise(finding, "pass ctx on, and wait in a select with case <-ctx.Done() there");
	detect_look(input, finding, "tasks --filter \"%.80s\" --sort age", site->function);
	if (cancel)
		finding_event(findings, finding, cancel->at_ns, false, "context cancelled at %s",
			      PLACE(cancel->stack ? cancel->stack->site : NULL));
}

static bool is_first(const deaf_tasks *deaf, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (detect_same_place(deaf->data[i].task->stack->site,
				      deaf->data[index].task->stack->site))
			return false;
	return true;
}

static int check(const struct detect_input *input, struct findings *findings)
{
	deaf_tasks deaf = { 0 };
	int status;

	if (!input->contexts) {
		findings_not_judged(findings, input->recording ?
						      "a recording keeps no contexts" :
						      "the stacks could not be read for contexts");
		return 0;
	}
	status = collect(input, &deaf);
	for (size_t i = 0; i < deaf.len && !status; i++)
		if (is_first(&deaf, i))
			report(input, findings, &deaf, i);
	vec_free(&deaf);
	return status ? -ENOMEM : 0;
}

const struct detector detector_ctx = {
	.id = "ctx.ignored",
	.looks_for = "goroutines that stay though their context was cancelled",
	.wants = ROLE_BIT(ROLE_CANCEL),
	.snapshots = 1,
	.least_ns = 2 * NSEC_PER_SEC,
	.check = check,
};
