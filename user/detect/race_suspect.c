// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * race.suspect: what Go's race detector reported, joined with the goroutines that are there now. The
 * numbers of goroutines in a report are the race runtime's own, and not the ids that the scheduler
 * knows (measured with Go 1.24: 8 and 9 in the report of goroutines 20 and 21). So the two are joined by
 * the go statement that the report names.
 */
#include <stdio.h>
#include <string.h>

#include "detect/detect.h"
#include "detect/race_log.h"
#include "model/format.h"

#define TOLD 4 /* of the goroutines of one go statement, in the timeline */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/*
 * What is known of when a goroutine did what, into the timeline. The race itself is not in it: reports of the
 * race detector have no time.
 */
static void tell(const struct detect_input *input, struct findings *findings,
		 struct finding *finding, const struct model_task *task)
{
	if (task->spawned_ns)
		finding_event(findings, finding, task->spawned_ns, false,
			      "goroutine %llu is made by goroutine %llu",
			      (unsigned long long)task->goid,
			      (unsigned long long)task->parent_goid);
	finding_event(findings, finding, task->since_ns ? task->since_ns : input->model->at_ns,
		      !task->since_ns || task->since_is_bound, "goroutine %llu: %.120s",
		      (unsigned long long)task->goid, ACTIVITY(input->model, task));
}

/* Goroutines of the go statement: the accessing one is among them, if it is there still. */
static uint64_t candidates(const struct detect_input *input, struct findings *findings,
			   struct finding *finding, const struct race_frame *created,
			   const struct model_task **first)
{
	struct model *model = input->model;
	uint64_t count = 0;

	for (size_t i = 0; i < model->tasks.len; i++) {
		const struct model_task *task = &model->tasks.data[i];
		const struct pclntab_frame *frame = model_created_by(model, task->gopc);

		if (task->system || !frame || frame->line != created->line ||
		    strcmp(frame->function, created->function) != 0)
			continue;
		finding_add_goid(findings, finding, task->goid);
		if (!count++)
			*first = task;
		if (count <= TOLD)
			tell(input, findings, finding, task);
	}
	return count;
}

static void say_access(const struct detect_input *input, struct findings *findings,
		       struct finding *finding, const struct race_access *access)
{
	const struct race_frame *created = access->created.len ? access->created.data : NULL;
	const struct model_task *task = NULL;
	uint64_t count = created ? candidates(input, findings, finding, created, &task) : 0;

	finding_say(findings, finding, "%s%s at %s by %s%llu of the report%s",
		    access->atomic ? "atomic " : "", access->write ? "write" : "read",
		    PLACE(&access->site), access->goid == 1 ? "main goroutine, " : "goroutine ",
		    (unsigned long long)access->goid,
		    access->finished ? ", which had finished" : "");
	if (!created)
		return;
	if (count)
		finding_say(findings, finding,
			    "it was made at %.80s:%d, as %llu goroutine%s now there: %llu is in %s",
			    base_name(created->file), created->line, (unsigned long long)count,
			    count == 1 ? " is" : "s are", (unsigned long long)task->goid,
			    ACTIVITY(input->model, task));
	else
		finding_say(findings, finding, "it was made at %.80s:%d; none made there is left",
			    base_name(created->file), created->line);
	if (task && !finding->stack)
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
	finding_why(finding, "the race detector has no false alarms; which goroutines these are is "
			     "told by their go statements");
	finding_advise(finding,
		       "guard what both touch with one lock, or make it atomic; or give each its "
		       "own and hand over by a channel");
	detect_look(input, finding, "tasks --all --filter %s", base_name(first->file));
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
