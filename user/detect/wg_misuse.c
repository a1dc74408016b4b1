// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * wg.misuse: WaitGroup.Add inside the goroutine that Wait is for, seen to come too late (bpf/waitgroup.bpf.c).
 * What panics of it is panic.c's.
 */
#include "detect/detect.h"
#include "model/format.h"

static const struct model_tally *wait_of(const struct model *model, uint64_t group)
{
	const struct model_tally *any = NULL;

	for (size_t i = 0; i < model->tallies.len; i++) {
		const struct model_tally *tally = &model->tallies.data[i];

		if (tally->kind != CT_TALLY_PASSED_WAIT)
			continue;
		if (tally->value == group)
			return tally;
		any = tally;
	}
	return any;
}

static void report(const struct detect_input *input, struct findings *findings,
		   const struct model_tally *add)
{
	const struct model_tally *wait = wait_of(input->model, add->value);
	struct finding *finding = finding_begin(findings, SEVERITY_WARNING, CERTAINTY_CERTAIN);
	const char *about = add->estimated ? "~" : "";

	finding->site = add->stack->site;
	finding->stack = add->stack;
	finding->weight = finding->metric = (double)add->count;
	finding->metric_unit = "late calls of Add";
	finding->since_ns = add->first_ns;
	finding->since_is_bound = true;
	detect_object(finding, "sync.WaitGroup", add->value, "");
	finding_add_goid(findings, finding, add->goid);
	finding_title(
		finding,
		"WaitGroup.Add inside the goroutine at %s: Wait did not wait for it %s%llu times",
		PLACE(finding->site), about, (unsigned long long)add->count);
	if (wait && wait->stack) {
		finding_say(
			findings, finding,
			"goroutine %llu called Wait at %s, found the counter at zero and went on",
			(unsigned long long)wait->goid, PLACE(wait->stack->site));
		finding_say(findings, finding,
			    "goroutine %llu, which it had started before, called Add only then",
			    (unsigned long long)add->goid);
	}
	finding_why(finding, "go statement, Wait and Add were seen in this order");
	finding_advise(finding,
		       "call Add before the go statement, or use WaitGroup.Go (Go 1.25 on)");
	detect_look(input, finding, "stacks");
}

static int check(const struct detect_input *input, struct findings *findings)
{
	const struct model *model = input->model;

	for (size_t i = 0; i < model->tallies.len; i++)
		if (model->tallies.data[i].kind == CT_TALLY_LATE_ADD &&
		    model->tallies.data[i].stack)
			report(input, findings, &model->tallies.data[i]);
	return 0;
}

const struct detector detector_wg_misuse = {
	.id = "wg.misuse",
	.looks_for = "WaitGroup.Add that comes after Wait",
	.roles = ROLE_BIT(ROLE_WAITGROUP) | ROLE_BIT(ROLE_SPAWN),
	.check = check,
};
