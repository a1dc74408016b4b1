// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * leak.proven: goroutines blocked for ever, for nothing alive leads to what they wait for (model/leaks.h).
 * `select {}` in the main function is a way to stay, and no leak.
 */
#include <string.h>

#include "detect/detect.h"
#include "model/format.h"

static bool is_meant(const struct model *model, const struct model_task *task)
{
	return task->goid == 1 && !strcmp(model_reason(model, task->reason), "select (no cases)");
}

/* The walk of the heap knows no ages; the snapshots before it do. */
static void take_age(const struct detect_input *input, struct finding *finding,
		     const struct leak_group *leaked)
{
	const struct model *model = input->model;

	for (size_t i = 0; i < model->groups.len; i++) {
		const struct model_group *group = &model->groups.data[i];

		if (group->gopc != leaked->gopc || !group->stack || !group->oldest_since_ns ||
		    group->reason != leaked->reason ||
		    !detect_same_place(group->stack->site, finding->site))
			continue;
		if (!finding->since_ns || group->oldest_since_ns < finding->since_ns) {
			finding->since_ns = group->oldest_since_ns;
			finding->since_is_bound = group->oldest_is_bound;
		}
	}
}

static void report(const struct detect_input *input, struct findings *findings,
		   const struct leak_group *group)
{
	const struct leaks *leaks = input->leaks;
	struct model *model = input->leaks_model;
	const struct leak_row *first = &leaks->rows.data[group->first];
	const struct pclntab_frame *created = model_created_by(model, group->gopc);
	const struct pclntab_frame *site = group->stack ? group->stack->site : NULL;
	struct finding *finding = detect_found_at(findings, site);
	char proof[FINDING_TEXT];

	/* the same place by several ways is one incident */
	if (!finding) {
		finding = finding_begin(findings, SEVERITY_WARNING, CERTAINTY_CERTAIN);
		finding->site = site;
		finding->stack = group->stack;
		leaks_proof(model, leaks, first, proof, sizeof(proof));
		finding_say(findings, finding, "goroutine %llu %s",
			    (unsigned long long)model->tasks.data[first->task].goid, proof);
		if (created)
			finding_say(findings, finding, "made by the go statement at %s",
				    PLACE(created));
	}
	for (size_t i = 0; i < group->count; i++)
		finding_add_goid(findings, finding,
				 model->tasks.data[leaks->rows.data[group->first + i].task].goid);
	take_age(input, finding, group);
	finding->weight = (double)finding->goids.len;
	finding_title(finding, "%zu goroutine%s leaked in %s at %s: nothing alive can wake %s",
		      finding->goids.len, finding->goids.len == 1 ? " is" : "s are",
		      model_reason(model, group->reason), PLACE(site),
		      finding->goids.len == 1 ? "it" : "them");
	finding_why(finding,
		    "at two looks at the whole heap nothing that lives led to what they wait for");
	finding_advise(finding,
		       "give the goroutine a way to end: select on ctx.Done() as well, a buffer of "
		       "one for an answer that nobody may fetch, close the channel when done");
	detect_look(input, finding, "leaks");
}

static int check(const struct detect_input *input, struct findings *findings)
{
	const struct leaks *leaks = input->leaks;

	if (!leaks) {
		findings_not_judged(findings, "%s", input->no_leaks);
		return 0;
	}
	for (size_t i = 0; i < leaks->leaked_groups; i++) {
		const struct leak_group *group = &leaks->groups.data[i];
		const struct model_task *first =
			&input->leaks_model->tasks.data[leaks->rows.data[group->first].task];

		if (!first->system && !is_meant(input->leaks_model, first))
			report(input, findings, group);
	}
	return 0;
}

const struct detector detector_leak_proven = {
	.id = "leak.proven",
	.looks_for = "goroutines that nothing alive can wake",
	.snapshots = 1,
	.check = check,
};
