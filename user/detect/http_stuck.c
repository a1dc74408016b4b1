// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * http.stuck: outgoing requests that wait for an answer and have no time by which they give up.
 *
 * Two things can end the wait: the request's context, which is on the goroutine's stack, and the
 * transport's ResponseHeaderTimeout, a case of the select in (*persistConn).roundTrip (net/http/
 * transport.go). That has three channels of the connection, and one more each for the timeout, for the
 * context's Done, and up to Go 1.22 for Request.Cancel; cases of a nil channel do not count. From 1.23 on
 * the context is always one that can be cancelled.
 */
#include <errno.h>

#include "base/clock.h"
#include "detect/detect.h"
#include "model/format.h"

#define CASES_OF_CONNECTION 3
#define FIRST_MINOR_ALWAYS_CANCELLABLE 23

static const char persistent_round_trip[] = "net/http.(*persistConn).roundTrip";

static bool is_request(const struct stack *stack)
{
	return detect_stack_has(stack, persistent_round_trip) ||
	       detect_stack_has(stack, "net/http.(*Transport).roundTrip") ||
	       detect_stack_has(stack, "net/http.(*http2ClientConn).RoundTrip") ||
	       detect_stack_has(stack, "golang.org/x/net/http2.(*ClientConn).RoundTrip");
}

static bool is_connection(const struct stack *stack)
{
	return detect_stack_has(stack, "net/http.(*persistConn).readLoop") ||
	       detect_stack_has(stack, "net/http.(*persistConn).writeLoop");
}

/* What its context says; of several that it holds, the one that ends first. */
static enum context_deadline context_of(const struct detect_input *input, uint64_t goid,
					uint64_t *deadline_ns)
{
	const held_contexts *contexts = input->contexts;
	enum context_deadline found = CONTEXT_DEADLINE_UNKNOWN;
	bool unknown = false;

	for (size_t i = detect_contexts_of(input, goid);
	     contexts && i < contexts->len && contexts->data[i].goid == goid; i++) {
		const struct held_context *held = &contexts->data[i];

		unknown |= held->deadline == CONTEXT_DEADLINE_UNKNOWN;
		if (held->deadline > found)
			found = held->deadline;
		if (held->deadline == CONTEXT_DEADLINE_SET &&
		    (!*deadline_ns || held->deadline_ns < *deadline_ns))
			*deadline_ns = held->deadline_ns;
	}
	return found == CONTEXT_DEADLINE_NONE && unknown ? CONTEXT_DEADLINE_UNKNOWN : found;
}

static enum context_deadline deadline_of(const struct detect_input *input,
					 const struct model_task *task, uint64_t *deadline_ns)
{
	enum context_deadline context = context_of(input, task->goid, deadline_ns);

	if (context == CONTEXT_DEADLINE_SET)
		return context;
	if (!task->goroutine || task->wait_kind != WAIT_SELECT ||
	    !detect_stack_has(task->stack, persistent_round_trip))
		return CONTEXT_DEADLINE_UNKNOWN;
	/* a context that cannot be cancelled is not among those that are held */
	if (task->goroutine->case_count == CASES_OF_CONNECTION &&
	    input->model->layout->minor < FIRST_MINOR_ALWAYS_CANCELLABLE)
		return CONTEXT_DEADLINE_NONE;
	return task->goroutine->case_count == CASES_OF_CONNECTION + 1 ? context :
									CONTEXT_DEADLINE_UNKNOWN;
}

/* Of one finding. */
struct deadlines {
	uint64_t none, set;
	uint64_t nearest_ns; /* 0: none is set */
};

typedef VEC(struct deadlines) deadlines_of_findings;

static void count_deadline(const struct detect_input *input, const struct model_task *task,
			   struct deadlines *deadlines)
{
	uint64_t at_ns = 0;
	enum context_deadline deadline = deadline_of(input, task, &at_ns);

	deadlines->none += deadline == CONTEXT_DEADLINE_NONE;
	deadlines->set += deadline == CONTEXT_DEADLINE_SET;
	if (at_ns && (!deadlines->nearest_ns || at_ns < deadlines->nearest_ns))
		deadlines->nearest_ns = at_ns;
}

/* `deadlines` are of the findings from `first` on. 0 or -ENOMEM. */
static int take_stuck(const struct detect_input *input, struct findings *findings, size_t first,
		      deadlines_of_findings *deadlines, const struct model_group *group)
{
	const uint64_t limit_ns = (uint64_t)(input->limits->http_stuck * 1e9);
	struct finding *finding = NULL;

	for (uint64_t i = 0; i < group->count; i++) {
		const struct model_task *task = detect_task(input->model, group, i);

		if (detect_waited_ns(input, task) < limit_ns)
			continue;
		if (!finding)
			finding = detect_found_at(findings, group->stack->site);
		if (!finding) {
			finding = finding_begin(findings, SEVERITY_INFO, CERTAINTY_LIKELY);
			finding->site = group->stack->site;
			finding->stack = group->stack;
		}
		while (first + deadlines->len < findings->rows.len)
			if (!vec_push(deadlines))
				return -ENOMEM;
		if (findings->no_memory)
			return -ENOMEM;
		count_deadline(input, task,
			       &deadlines->data[finding - findings->rows.data - first]);
		finding_add_goid(findings, finding, task->goid);
		finding->weight++;
		if (!finding->since_ns || task->since_ns < finding->since_ns) {
			finding->since_ns = task->since_ns;
			finding->since_is_bound = task->since_is_bound;
		}
	}
	return 0;
}

/* The goroutines that serve the connections wait with the requests. */
static void take_connections(const struct detect_input *input, struct findings *findings,
			     struct finding *finding)
{
	const struct model *model = input->model;

	for (size_t i = 0; i < model->groups.len; i++) {
		const struct model_group *group = &model->groups.data[i];

		if (!is_connection(group->stack))
			continue;
		for (uint64_t j = 0; j < group->count; j++)
			finding_add_affected(findings, finding, detect_task(model, group, j)->goid);
	}
}

static uint64_t requests_at(const struct model *model, const struct pclntab_frame *site)
{
	uint64_t count = 0;

	for (size_t i = 0; i < model->groups.len; i++) {
		const struct model_group *group = &model->groups.data[i];

		if (group->stack && detect_same_place(group->stack->site, site) &&
		    is_request(group->stack))
			count += group->count;
	}
	return count;
}

static void say_deadlines(const struct detect_input *input, struct findings *findings,
			  struct finding *finding, const struct deadlines *deadlines)
{
	uint64_t stuck = finding->goids.len, now_ns = input->model->at_ns;

	if (deadlines->none)
		finding_say(findings, finding,
			    "no deadline on the request context of %s of them, and no "
			    "ResponseHeaderTimeout of the transport",
			    COUNT(deadlines->none));
	if (deadlines->set)
		finding_say(findings, finding, "%s of them have a deadline, the nearest %s%s",
			    COUNT(deadlines->set),
			    deadlines->nearest_ns > now_ns ? "in " : "is over",
			    deadlines->nearest_ns > now_ns ?
				    DURATION(deadlines->nearest_ns - now_ns) :
				    "");
	if (deadlines->none + deadlines->set < stuck)
		finding_say(findings, finding, "whether %s of them %s a deadline is unknown",
			    COUNT(stuck - deadlines->none - deadlines->set),
			    stuck - deadlines->none - deadlines->set == 1 ? "has" : "have");
	if (deadlines->none == stuck) {
		finding->certainty = CERTAINTY_CERTAIN;
		finding_why(finding,
			    "nothing but the other end, or a caller that cancels, can end them");
	} else {
		finding_why(finding,
			    "their age is certain; a slow answer that is expected looks the same");
	}
}

static void describe(const struct detect_input *input, struct findings *findings,
		     struct finding *finding, const struct deadlines *deadlines)
{
	const struct limits *limits = input->limits;
	uint64_t stuck = finding->goids.len;
	uint64_t oldest_ns = input->model->at_ns - finding->since_ns;

	/* those that have a deadline end by themselves */
	if ((double)stuck >= limits->http_stuck_count)
		finding->severity = deadlines->set == stuck ? SEVERITY_WARNING : SEVERITY_CRITICAL;
	finding->metric = (double)stuck;
	finding->limit = limits->http_stuck_count;
	finding->metric_unit = "requests";
	finding_title(finding, "%s outgoing request%s stuck in roundTrip, called at %s",
		      COUNT(stuck), stuck == 1 ? "" : "s", PLACE(finding->site));
	finding_say(
		findings, finding,
		"%s of the %s requests under way there wait for more than %g s, the oldest for %s%s",
		COUNT(stuck), COUNT(requests_at(input->model, finding->site)), limits->http_stuck,
		finding->since_is_bound ? "at least " : "", DURATION(oldest_ns));
	say_deadlines(input, findings, finding, deadlines);
	take_connections(input, findings, finding);
	finding_advise(finding,
		       "pass a context with a deadline (http.NewRequestWithContext) or set "
		       "http.Client.Timeout; limit how many requests are under way");
	detect_look(input, finding, "tasks --filter roundTrip --sort age");
}

static int check(const struct detect_input *input, struct findings *findings)
{
	const struct model *model = input->model;
	size_t first = findings->rows.len;
	deadlines_of_findings deadlines = { 0 };
	int status = 0;

	for (size_t i = 0; i < model->groups.len && !status; i++) {
		const struct model_group *group = &model->groups.data[i];

		if (!group->system && group->state == G_WAITING && is_request(group->stack))
			status = take_stuck(input, findings, first, &deadlines, group);
	}
	for (size_t i = first; i < findings->rows.len && !status; i++)
		describe(input, findings, &findings->rows.data[i], &deadlines.data[i - first]);
	vec_free(&deadlines);
	if (first == findings->rows.len &&
	    (double)input->observed_ns < input->limits->http_stuck * 1e9)
		findings_not_judged(findings,
				    "seen for %s only: whether requests last longer than %g s "
				    "can't be judged",
				    DURATION(input->observed_ns), input->limits->http_stuck);
	return status;
}

const struct detector detector_http_stuck = {
	.id = "http.stuck",
	.looks_for = "outgoing HTTP requests that nobody ends",
	.snapshots = 1,
	.check = check,
};
