// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * atomic.value: an atomic.Value stored to in a loop. It is for what is written seldom and read often, like
 * a configuration: each Store makes a new interface value. That of another type panics: panic.c has it.
 */
#include "base/clock.h"
#include "detect/detect.h"
#include "model/format.h"

/* context stores its Done channel in one, once for each context: not the application's doing. */
static bool is_own(const struct model *model, const struct stack *stack)
{
	return stack && stack->frame_count && stack->site &&
	       !symbols_is_standard(model->symbols, stack->frames[0]);
}

static void report(const struct detect_input *input, struct findings *findings,
		   const struct model_tally *tally)
{
	struct finding *finding = finding_begin(findings, SEVERITY_WARNING, CERTAINTY_LIKELY);

	finding->id = "atomic.value";
	finding->site = tally->stack->site;
	finding->stack = tally->stack;
	finding->weight = finding->metric = tally->per_second;
	finding->limit = input->limits->value_stores;
	finding->metric_unit = "stores/s";
	detect_object(finding, "atomic.Value", tally->value, "");
	finding_title(finding, "atomic.Value stored to in a loop at %s: %s times a second",
		      PLACE(finding->site), RATE(tally->per_second));
	finding_say(findings, finding, "the latest at 0x%llx, by goroutine %llu",
		    (unsigned long long)tally->value, (unsigned long long)tally->goid);
	if (tally->estimated)
		finding_say(findings, finding,
			    "that is a lower bound: while it is looked at, the loop is slower");
	finding_add_goid(findings, finding, tally->goid);
	finding_why(finding, "counted in atomic.Value's own functions");
	finding_advise(finding,
		       "for counters and flags use atomic.Int64, atomic.Bool or atomic.Pointer[T]; "
		       "store a configuration when it has changed only");
	finding_next(finding, "go tool pprof http://HOST/debug/pprof/profile");
}

static int check(const struct detect_input *input, struct findings *findings)
{
	const struct model *model = input->model;

	for (size_t i = 0; i < model->tallies.len; i++) {
		const struct model_tally *tally = &model->tallies.data[i];

		if (tally->kind == CT_TALLY_VALUE_STORE && is_own(model, tally->stack) &&
		    tally->per_second >= input->limits->value_stores)
			report(input, findings, tally);
	}
	return 0;
}

const struct detector detector_value = {
	.id = "atomic.value",
	.looks_for = "an atomic.Value that is stored to in a loop",
	.roles = ROLE_BIT(ROLE_VALUE),
	.least_ns = NSEC_PER_SEC,
	.check = check,
};
