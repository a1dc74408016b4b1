// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * race.suspect: what Go's race detector reported, joined with the goroutines that are there now. The
 * places are those of the report; goroutine ids are those of the program that wrote it, so they fit
 * only when that is this process.
 */
#include <stdio.h>
#include <string.h>

#include "detect/detect.h"
#include "detect/race_log.h"
#include "model/format.h"

static const struct model_task *find_task(const struct model *model, uint64_t goid)
{
	for (size_t i = 0; i < model->tasks.len; i++)
		if (model->tasks.data[i].goid == goid)
			return &model->tasks.data[i];
	return NULL;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void say_access(const struct detect_input *input, struct findings *findings,
		       struct finding *finding, const struct race_access *access)
{
	struct model *model = input->model;
	const struct pclntab_frame *site = &access->site;
	const struct model_task *task = find_task(model, access->goid);
	const char *what = access->write ? "writes" : "reads";

	finding_say(findings, finding, "goroutine %llu %s it%s at %s",
		    (unsigned long long)access->goid, what, access->atomic ? " (atomic)" : "",
		    PLACE(site));
	if (!task) {
		finding_say(findings, finding, "goroutine %llu is not there any more%s",
			    (unsigned long long)access->goid,
			    access->finished ? ": it had finished at the report" : "");
		return;
	}
	finding_add_goid(findings, finding, access->goid);
	finding_say(findings, finding, "goroutine %llu now: %s%s%s at %s",
		    (unsigned long long)access->goid, model_state_name(task->state),
		    task->state == G_WAITING ? " in " : "",
		    task->state == G_WAITING ? model_reason(model, task->reason) : "",
		    PLACE(task->stack ? task->stack->site : NULL));
	if (!finding->stack)
		finding->stack = task->stack;
}

static void report(const struct detect_input *input, struct findings *findings,
		   const struct race *race)
{
	const struct pclntab_frame *first = &race->accesses[0].site,
				   *second = &race->accesses[1].site;
	struct finding *finding = finding_begin(findings, SEVERITY_WARNING, CERTAINTY_CERTAIN);

	finding->site = first;
	finding_title(finding, "data race: %.60s %s:%d against %.60s %s:%d", first->function,
		      base_name(first->file), first->line, second->function,
		      base_name(second->file), second->line);
	detect_object(finding, "memory", race->addr, "");
	finding_say(findings, finding, "the race detector reported it %llu time%s, at 0x%llx",
		    (unsigned long long)race->times, race->times == 1 ? "" : "s",
		    (unsigned long long)race->addr);
	say_access(input, findings, finding, &race->accesses[0]);
	say_access(input, findings, finding, &race->accesses[1]);
	finding->weight = (double)race->times;
	finding_why(finding, "the race detector has no false alarms; the goroutine ids are this "
			     "process's only if it wrote the log");
	finding_advise(finding,
		       "guard what both touch with one lock, or make it atomic; or give each its "
		       "own and hand over by a channel");
	finding_next(finding, "conctrace tasks -p %d --all --filter %s", (int)input->pid,
		     base_name(first->file));
}

static int check(const struct detect_input *input, struct findings *findings)
{
	const struct race_log *races = input->races;

	if (!races) {
		findings_not_judged(findings,
				    "it needs what the race detector wrote: --race-log FILE");
		return 0;
	}
	for (size_t i = 0; i < races->races.len; i++)
		report(input, findings, &races->races.data[i]);
	if (races->unreadable)
		findings_not_judged(findings, "%llu of %llu reports of the log could not be read",
				    (unsigned long long)races->unreadable,
				    (unsigned long long)races->reports);
	return 0;
}

const struct detector detector_race_suspect = {
	.id = "race.suspect",
	.looks_for = "data races that the race detector reported",
	.check = check,
};
