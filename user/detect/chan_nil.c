// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * chan.nil: a send or receive on a nil channel, or a select without cases, blocks for ever
 * (runtime/chan.go, chansend and chanrecv). `select {}` is also how a main function is kept alive, and
 * then it is meant.
 */
#include <string.h>

#include "detect/detect.h"
#include "model/format.h"

static bool is_nil_wait(const char *reason)
{
	return !strcmp(reason, "chan receive (nil chan)") ||
	       !strcmp(reason, "chan send (nil chan)");
}

static void report(const struct detect_input *input, struct findings *findings,
		   const struct model_group *group, bool nil)
{
	struct model *model = input->model;
	const char *reason = model_reason(model, group->reason);
	struct finding *finding =
		finding_begin(findings, nil ? SEVERITY_WARNING : SEVERITY_INFO, CERTAINTY_CERTAIN);
	const struct pclntab_frame *created = model_created_by(model, group->gopc);
	const char *operation = !nil                   ? "select without cases" :
				strstr(reason, "send") ? "send on a nil channel" :
							 "receive from a nil channel";

	finding->stack = group->stack;
	finding->site = group->stack ? group->stack->site : NULL;
	finding->weight = (double)group->count;
	detect_take_group(input, findings, finding, group);
	finding_title(finding, "%s goroutine%s can never wake: %s at %s", COUNT(group->count),
		      group->count == 1 ? "" : "s", operation, PLACE(finding->site));
	finding_say(findings, finding,
		    "wait reason \"%s\": the runtime parks it without a way back", reason);
	if (created)
		finding_say(findings, finding, "created by %s", PLACE(created));
	finding_why(finding, "the Go runtime itself says so");
	if (nil)
		finding_advise(
			finding,
			"make the channel before it is used; a nil channel is of use in a select only, to "
			"switch a case off");
	else
		finding_advise(finding, "fine when it is meant; else wait for ctx.Done()");
	detect_look(input, finding, "tasks --all --filter \"%s\"", nil ? "nil chan" : "no cases");
}

static int check(const struct detect_input *input, struct findings *findings)
{
	const struct model *model = input->model;

	for (size_t i = 0; i < model->groups.len; i++) {
		const struct model_group *group = &model->groups.data[i];
		const char *reason = model_reason(model, group->reason);

		if (group->state != G_WAITING || group->system)
			continue;
		if (is_nil_wait(reason))
			report(input, findings, group, true);
		else if (!strcmp(reason, "select (no cases)") &&
			 detect_task(model, group, 0)->goid != 1)
			report(input, findings, group, false);
	}
	return 0;
}

const struct detector detector_chan_nil = {
	.id = "chan.nil",
	.looks_for = "sends and receives on nil channels",
	.snapshots = 1,
	.check = check,
};
