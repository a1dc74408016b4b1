// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "detect/detect.h"
#include "model/format.h"
#include "probe/table.h"

extern const struct detector detector_chan_nil;
extern const struct detector detector_http_stuck;
extern const struct detector detector_leak_growth;
extern const struct detector detector_leak_threshold;
extern const struct detector detector_lock_hot;
extern const struct detector detector_lock_starving;
extern const struct detector detector_sem_saturated;
extern const struct detector detector_spawn_unbounded;

/* Causes before effects: what stands earlier explains what stands later. */
static const struct detector *const detectors[] = {
	&detector_chan_nil,    &detector_http_stuck,     &detector_sem_saturated,
	&detector_lock_hot,    &detector_lock_starving,  &detector_spawn_unbounded,
	&detector_leak_growth, &detector_leak_threshold,
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
