// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * http.stuck: outgoing requests that wait for an answer and have no time by which they give up.
 *
 * What is known of the deadline comes from the select in (*persistConn).roundTrip: cases with a nil
 * channel are not in it. Up to Go 1.22 (net/http/transport.go) it has the three channels of the
 * connection, and one more each for ResponseHeaderTimeout, Request.Cancel and the context's Done. From
 * 1.23 on the request's context is always one that can be cancelled, so that its Done tells nothing.
 */
#include "base/clock.h"
#include "detect/detect.h"
#include "model/format.h"

#define CASES_WITHOUT_DEADLINE 3
#define LAST_MINOR_TOLD_BY_CASES 22

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

enum deadline { DEADLINE_UNKNOWN, DEADLINE_NONE };

static enum deadline deadline_of(const struct detect_input *input, const struct model_task *task)
{
	if (input->model->layout->minor > LAST_MINOR_TOLD_BY_CASES || !task->goroutine ||
	    task->wait_kind != WAIT_SELECT || !detect_stack_has(task->stack, persistent_round_trip))
		return DEADLINE_UNKNOWN;
	return task->goroutine->case_count == CASES_WITHOUT_DEADLINE ? DEADLINE_NONE :
								       DEADLINE_UNKNOWN;
}

struct requests {
	uint64_t all, stuck, without_deadline;
};

static void take_stuck(const struct detect_input *input, struct findings *findings,
		       const struct model_group *group)
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
		finding_add_goid(findings, finding, task->goid);
		finding->weight++;
		/* until the finding is whole: how many are known to have no deadline */
		finding->metric += deadline_of(input, task) == DEADLINE_NONE;
		if (!finding->since_ns || task->since_ns < finding->since_ns) {
			finding->since_ns = task->since_ns;
			finding->since_is_bound = task->since_is_bound;
		}
	}
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

static void describe(const struct detect_input *input, struct findings *findings,
		     struct finding *finding)
{
	const struct limits *limits = input->limits;
	uint64_t stuck = finding->goids.len, without = (uint64_t)finding->metric;
	uint64_t oldest_ns = input->model->at_ns - finding->since_ns;

	if ((double)stuck >= limits->http_stuck_count)
		finding->severity = SEVERITY_CRITICAL;
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
	if (without)
		finding_say(
			findings, finding,
			"no deadline on the request context of %s of them: it cannot be cancelled, "
			"and the transport has no ResponseHeaderTimeout",
			COUNT(without));
	else
		finding_say(
			findings, finding,
			"no deadline seen: whether the request contexts have one is unknown; none has "
			"ended them in %s",
			DURATION(oldest_ns));
	if (without == stuck) {
		finding->certainty = CERTAINTY_CERTAIN;
		finding_why(finding, "nothing but the other end can wake them");
	} else {
		finding_why(finding,
			    "their age is certain; a slow answer that is expected looks the same");
	}
	take_connections(input, findings, finding);
	finding_advise(finding,
		       "pass a context with a deadline (http.NewRequestWithContext) or set "
		       "http.Client.Timeout; limit how many requests are under way");
	finding_next(finding, "conctrace tasks -p %d --filter roundTrip --sort age",
		     (int)input->pid);
}

static int check(const struct detect_input *input, struct findings *findings)
{
	const struct model *model = input->model;
	size_t first = findings->rows.len;

	for (size_t i = 0; i < model->groups.len; i++) {
		const struct model_group *group = &model->groups.data[i];

		if (!group->system && group->state == G_WAITING && is_request(group->stack))
			take_stuck(input, findings, group);
	}
	for (size_t i = first; i < findings->rows.len; i++)
		describe(input, findings, &findings->rows.data[i]);
	if (first == findings->rows.len &&
	    (double)input->observed_ns < input->limits->http_stuck * 1e9)
		findings_not_judged(findings,
				    "seen for %s only: whether requests last longer than %g s "
				    "can't be judged",
				    DURATION(input->observed_ns), input->limits->http_stuck);
	return 0;
}

const struct detector detector_http_stuck = {
	.id = "http.stuck",
	.looks_for = "outgoing HTTP requests that nobody ends",
	.snapshots = 1,
	.check = check,
};
