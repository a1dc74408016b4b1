// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * leak.threshold: more goroutines than a service of its kind should have. Where nobody said what kind
 * it is, the number may well be right, and only a multiple of the limit is worth a warning.
 */
#include "detect/detect.h"
#include "model/format.h"

#define GROUPS_SHOWN 3
/* Nobody said what kind of service: so many times the limit may be well. */
#define PRESUMED_FACTOR 4

static bool limit_is_given(const struct limits *limits)
{
	return limits->service != SERVICE_UNKNOWN || limits->max_goroutines > 0 ||
	       (limits->qps > 0 && limits->latency > 0) || limits->consumers > 0 ||
	       limits->peak > 0;
}

/* When the number went over the limit for good, between two looks; or before the first. */
static void note_crossing(const struct detect_input *input, struct findings *findings,
			  struct finding *finding, double limit)
{
	const struct series_point *points;
	size_t i = series_points(input->series, &points) - 1;
	double from, to;
	uint64_t at_ns;

	while (i && (double)points[i - 1].goroutines > limit)
		i--;
	at_ns = points[i].at_ns;
	if (i) {
		from = (double)points[i - 1].goroutines;
		to = (double)points[i].goroutines;
		at_ns = points[i - 1].at_ns + (uint64_t)((limit - from) / (to - from) *
							 (double)(at_ns - points[i - 1].at_ns));
	}
	finding_event(findings, finding, at_ns, !i, "more than %.0f goroutines, the limit", limit);
}

static int check(const struct detect_input *input, struct findings *findings)
{
	struct model *model = input->model;
	const struct series_point *points;
	size_t count = series_points(input->series, &points), shown = 0;
	char source[FINDING_TEXT / 2];
	double limit = limits_goroutines(input->limits, source, sizeof(source));
	double now = (double)points[count - 1].goroutines;
	bool given = limit_is_given(input->limits), far = now > PRESUMED_FACTOR * limit;
	struct finding *finding;

	if (now <= limit)
		return 0;
	finding = finding_begin(findings, given || far ? SEVERITY_WARNING : SEVERITY_INFO,
				given ? CERTAINTY_CERTAIN : CERTAINTY_POSSIBLE);
	finding->of_process = true;
	finding->metric = now;
	finding->limit = limit;
	finding->metric_unit = "goroutines";
	finding->weight = now / limit;
	finding_title(finding, "%.0f goroutines, the limit is %.0f", now, limit);
	finding_say(findings, finding, "limit: %s", source);
	for (size_t i = 0; i < model->groups.len && shown < GROUPS_SHOWN; i++) {
		const struct model_group *group = &model->groups.data[i];

		if (group->system)
			continue;
		shown++;
		finding_say(findings, finding, "%s in %s", COUNT(group->count),
			    ACTIVITY(model, group));
		if (shown > 1)
			continue;
		finding->site = group->stack ? group->stack->site : NULL;
		finding->stack = group->stack;
		detect_take_group(input, findings, finding, group);
		finding->since_ns = 0; /* of the goroutines, not of their number */
	}
	note_crossing(input, findings, finding, limit);
	finding_why(finding, given ? "counted in a snapshot" :
				     "the count is certain, the limit presumed: --service or "
				     "--max-goroutines says what is right");
	finding_advise(finding, "see what the biggest group waits for; bound what makes them");
	detect_look(input, finding, "tasks --top 5");
	return 0;
}

const struct detector detector_leak_threshold = {
	.id = "leak.threshold",
	.looks_for = "more goroutines than the service should have",
	.snapshots = 1,
	.check = check,
};
