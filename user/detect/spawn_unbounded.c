// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * spawn.unbounded: one go statement begins goroutines faster than they end, for as long as it was
 * looked at. The growth is that of the snapshots; how many begin and end, the probes say.
 */
#include "base/clock.h"
#include "detect/detect.h"
#include "model/format.h"
#include "probe/table.h"

/* A forecast nearer than this makes it critical. */
#define SOON_S 600.0
/* The biggest group of a go statement has at least one part in so many of its goroutines. */
#define GROUPS_OF_ONE 8

/* Goroutines of a go statement at a snapshot, wherever they are. */
static double count_at(const struct detect_input *input, uint64_t gopc, size_t point)
{
	const struct series_group *const *groups;
	size_t count = series_groups(input->series, &groups);
	double sum = 0;

	for (size_t i = 0; i < count; i++)
		if (groups[i]->gopc == gopc)
			sum += series_count(groups[i], point);
	return sum;
}

static bool grows_steadily(const struct detect_input *input, uint64_t gopc, size_t points)
{
	double before = count_at(input, gopc, 0);

	for (size_t third = 1; third <= 3; third++) {
		double now = count_at(input, gopc, (points - 1) * third / 3);

		if (now <= before)
			return false;
		before = now;
	}
	return true;
}

static void describe_rates(const struct detect_input *input, struct findings *findings,
			   struct finding *finding, uint64_t gopc)
{
	const struct model *model = input->model;
	double seconds = (double)model->counted_ns / 1e9;
	const char *mark = model->estimated ? "~" : "";

	for (size_t i = 0; i < model->spawns.len && seconds > 0; i++)
		if (model->spawns.data[i].gopc == gopc)
			finding_say(findings, finding, "%s%s begun and %s%s ended a second", mark,
				    RATE((double)model->spawns.data[i].spawned / seconds), mark,
				    RATE((double)model->spawns.data[i].exited / seconds));
}

static void report(const struct detect_input *input, struct findings *findings, uint64_t gopc,
		   double growth)
{
	struct model *model = input->model;
	const struct series_point *points;
	size_t count = series_points(input->series, &points);
	const struct pclntab_frame *created = model_created_by(model, gopc);
	const struct model_group *biggest = NULL;
	struct finding *finding = finding_begin(findings, SEVERITY_WARNING, CERTAINTY_LIKELY);
	double soon;

	finding->site = created;
	finding->weight = growth;
	finding->metric = growth;
	finding->limit = input->limits->spawn_growth;
	finding->metric_unit = "goroutines/s";
	for (size_t i = 0; i < model->groups.len; i++) {
		const struct model_group *group = &model->groups.data[i];

		if (group->gopc != gopc || group->system)
			continue;
		biggest = biggest ? biggest : group;
		detect_take_group(input, findings, finding, group);
	}
	finding->since_ns = 0; /* of the oldest goroutine, which is another matter */
	finding_title(finding,
		      "goroutines without a limit: %+.0f a second by the go statement at %s",
		      growth, PLACE(created));
	finding_say(findings, finding, "%.0f at first, %.0f after %s", count_at(input, gopc, 0),
		    count_at(input, gopc, count - 1), DURATION(input->observed_ns));
	describe_rates(input, findings, finding, gopc);
	if (biggest)
		finding_say(findings, finding, "most of them: %s in %s", COUNT(biggest->count),
			    ACTIVITY(model, biggest));
	soon = detect_forecast_memory(input, findings, finding);
	if (soon < SOON_S)
		finding->severity = SEVERITY_CRITICAL;
	finding_event(findings, finding, points[0].at_ns, true, "%.0f goroutines of %s",
		      count_at(input, gopc, 0), PLACE(created));
	finding_event(findings, finding, points[count - 1].at_ns, false, "%.0f goroutines of %s",
		      count_at(input, gopc, count - 1), PLACE(created));
	finding_why(finding,
		    "it grew in every part of %s; a rise of traffic looks the same at first",
		    DURATION(input->observed_ns));
	finding_advise(finding,
		       "bound it: a fixed pool of workers, a semaphore before the go statement, or "
		       "errgroup.SetLimit; and a deadline for what they do");
	detect_look(input, finding, "flame --of spawn -o spawn.svg");
}

static double growth_of(const struct detect_input *input, uint64_t gopc)
{
	const struct series_group *const *groups;
	size_t count = series_groups(input->series, &groups);
	double growth = 0;

	for (size_t i = 0; i < count; i++)
		if (groups[i]->gopc == gopc)
			growth += series_slope(input->series, groups[i], 0);
	return growth;
}

static int check(const struct detect_input *input, struct findings *findings)
{
	const struct model *model = input->model;
	const struct series_point *points;
	size_t count = series_points(input->series, &points);

	/* most numerous first, so that one group of a go statement stands for all */
	for (size_t i = 0; i < model->groups.len; i++) {
		const struct model_group *group = &model->groups.data[i];
		uint64_t gopc = group->gopc;
		double growth;

		if ((double)group->count * GROUPS_OF_ONE < input->limits->spawn_least)
			break;
		if (group->system || !gopc ||
		    detect_found_at(findings, model_created_by(input->model, gopc)) ||
		    count_at(input, gopc, count - 1) < input->limits->spawn_least)
			continue;
		growth = growth_of(input, gopc);
		if (growth >= input->limits->spawn_growth && grows_steadily(input, gopc, count))
			report(input, findings, gopc, growth);
	}
	return 0;
}

const struct detector detector_spawn_unbounded = {
	.id = "spawn.unbounded",
	.looks_for = "go statements without a limit",
	.wants = ROLE_BIT(ROLE_SPAWN) | ROLE_BIT(ROLE_EXIT),
	.snapshots = 4,
	.least_ns = 3 * NSEC_PER_SEC,
	.check = check,
};
