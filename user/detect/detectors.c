// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "detect/detect.h"
#include "model/format.h"
#include "probe/table.h"

/* Causes before effects: what stands earlier explains what stands later. */
#define DETECTORS(X)                                                                               \
	X(panic)                                                                                   \
	X(chan_nil)                                                                                \
	X(lock_deadlock)                                                                           \
	X(http_stuck)                                                                              \
	X(lock_held_blocked)                                                                       \
	X(chan_blocked_chain)                                                                      \
	X(wg_stuck)                                                                                \
	X(wg_misuse)                                                                               \
	X(sem_saturated)                                                                           \
	X(spin)                                                                                    \
	X(lock_hot)                                                                                \
	X(lock_starving)                                                                           \
	X(sched)                                                                                   \
	X(gc)                                                                                      \
	X(map)                                                                                     \
	X(pool)                                                                                    \
	X(value)                                                                                   \
	X(ticker)                                                                                  \
	X(spawn_unbounded)                                                                         \
	X(ctx)                                                                                     \
	X(leak_proven)                                                                             \
	X(leak_growth)                                                                             \
	X(leak_threshold)                                                                          \
	X(race_suspect)

#define X(name) extern const struct detector detector_##name;
DETECTORS(X)
#undef X

static const struct detector *const detectors[] = {
#define X(name) &detector_##name,
	DETECTORS(X)
#undef X
};

#define COUNT_OF_DETECTORS (sizeof(detectors) / sizeof(detectors[0]))

const struct detector *const *detect_detectors(size_t *count)
{
	*count = COUNT_OF_DETECTORS;
	return detectors;
}

uint32_t detect_roles(void)
{
	uint32_t roles = 0;

	for (size_t i = 0; i < COUNT_OF_DETECTORS; i++)
		roles |= detectors[i]->roles | detectors[i]->wants;
	return roles;
}

static bool can_judge(const struct detector *detector, const struct detect_input *input,
		      struct findings *findings)
{
	uint32_t missing = detector->roles & ~input->roles;
	uint64_t snapshots = series_snapshots(input->series);

	if (missing) {
		if (input->recording && missing & ~ROLES_RECORD)
			findings_not_judged(findings,
					    "a recording keeps nothing of the probes it needs");
		else if (!input->roles)
			findings_not_judged(findings, "it needs probes, and none are on");
		else
			findings_not_judged(
				findings, "it needs probes that are not on: %s",
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

	for (size_t i = 0; i < COUNT_OF_DETECTORS && !status; i++) {
		findings->running = detectors[i]->id;
		findings->rank = (uint32_t)i;
		if (can_judge(detectors[i], input, findings))
			status = detectors[i]->check(input, findings);
	}
	return status ? status : findings_finish(findings);
}
