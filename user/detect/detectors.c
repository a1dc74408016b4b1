// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "detect/detect.h"
#include "model/format.h"
#include "probe/table.h"

extern const struct detector detector_chan_nil;
extern const struct detector detector_leak_growth;
extern const struct detector detector_leak_threshold;

/* Causes before effects: what stands earlier explains what stands later. */
static const struct detector *const detectors[] = {
	&detector_chan_nil,
	&detector_leak_growth,
	&detector_leak_threshold,
};

#define DETECTORS (sizeof(detectors) / sizeof(detectors[0]))

const struct detector *const *detect_detectors(size_t *count)
{
	*count = DETECTORS;
	return detectors;
}

uint32_t detect_roles(void)
{
	uint32_t roles = 0;

	for (size_t i = 0; i < DETECTORS; i++)
		roles |= detectors[i]->roles | detectors[i]->wants;
	return roles;
}

static bool can_judge(const struct detector *detector, const struct detect_input *input,
		      struct findings *findings)
{
	uint32_t missing = detector->roles & ~input->roles;
	uint64_t snapshots = series_snapshots(input->series);

	if (missing) {
		findings_not_judged(findings, "it needs probes that are not on: %s",
				    probe_role_name((enum probe_role)__builtin_ctz(missing)));
		return false;
	}
	if (input->observed_ns < detector->least_ns) {
		findings_not_judged(findings, "seen for %s only, it takes %s",
				    DURATION(input->observed_ns), DURATION(detector->least_ns));
		return false;
	}
	if (snapshots < detector->snapshots) {
		findings_not_judged(findings, "%llu snapshots only, it takes %u",
				    (unsigned long long)snapshots, detector->snapshots);
		return false;
	}
	return true;
}

int detect_run(const struct detect_input *input, struct findings *findings)
{
	int status = 0;

	for (size_t i = 0; i < DETECTORS && !status; i++) {
		findings->running = detectors[i]->id;
		findings->rank = (uint32_t)i;
		if (can_judge(detectors[i], input, findings))
			status = detectors[i]->check(input, findings);
	}
	return status ? status : findings_finish(findings);
}

uint64_t detect_waited_ns(const struct detect_input *input, const struct model_task *task)
{
	uint64_t now = input->model->at_ns;

	return task->since_ns && now > task->since_ns ? now - task->since_ns : 0;
}

bool detect_stack_has(const struct stack *stack, const char *function)
{
	for (size_t i = 0; stack && i < stack->frame_count; i++)
		if (!strcmp(stack->frames[i]->function, function))
			return true;
	return false;
}

void detect_object(struct finding *finding, const char *kind, uint64_t addr, const char *symbol)
{
	finding->object_kind = kind;
	finding->object_addr = addr;
	snprintf(finding->object_name, sizeof(finding->object_name), "%s", symbol ? symbol : "");
}

const char *detect_goids(char *text, size_t size, const uint64_t *goids, size_t count)
{
	size_t shown = count <= 6 ? count : 5, used;

	used = (size_t)snprintf(text, size, "goroutine%s", count == 1 ? "" : "s");
	for (size_t i = 0; i < shown && used < size; i++)
		used += (size_t)snprintf(text + used, size - used, "%s %llu",
					 !i             ? "" :
					 i + 1 == count ? " and" :
							  ",",
					 (unsigned long long)goids[i]);
	if (shown < count && used < size)
		snprintf(text + used, size - used, " and %zu more", count - shown);
	return text;
}
