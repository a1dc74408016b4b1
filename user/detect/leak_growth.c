// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * leak.growth: goroutines of one go statement pile up at one place. Traffic that grows looks alike but
 * for one thing: its goroutines come and go. So besides growing in every third of the observation, a
 * group must keep those that it had at the beginning.
 */
#include <math.h>

#include "base/clock.h"
#include "detect/detect.h"
#include "model/format.h"

/* A share of those there at first that may leave: some end as they were meant to. */
#define LEAVERS_MAX 0.05
/* Of a loop that sleeps: part of them is in what the loop does between. */
#define LEAVERS_OF_LOOP 0.25
/* Who sleeps wakes by itself; a loop is told from it by so many that sleep again. */
#define LOOP_LEAST 0.9
/* Of what came, so much must have been made meanwhile: goroutines may only have moved to the place. */
#define MADE_LEAST 0.5
/* Sockets that are opened one by one grow in number when traffic does, and stay. */
#define NETWORK_LEAST_NS (60 * NSEC_PER_SEC)

/* It grew in each third. */
static bool grows_steadily(const struct series_group *group, size_t points)
{
	uint32_t before = series_count(group, 0);

	for (size_t third = 1; third <= 3; third++) {
		uint32_t now = series_count(group, (points - 1) * third / 3);

		if (now <= before)
			return false;
		before = now;
	}
	return true;
}

static bool is_loop(const struct series_group *group)
{
	return group->state == G_WAITING && group->wait_kind == WAIT_TIMER;
}

/* In a state that a goroutine can be in for ever, and those there at first are. */
static bool can_leak(const struct model *model, const struct series_group *group)
{
	struct series_survivors survivors = series_survivors(group);
	double left = (double)survivors.left, followed = (double)survivors.followed;

	if (is_loop(group))
		return left >= (1 - LEAVERS_OF_LOOP) * followed &&
		       (double)survivors.anew >= LOOP_LEAST * left;
	return left >= (1 - LEAVERS_MAX) * followed &&
	       (group->state == G_SYSCALL || group->state == G_LEAKED ||
		(group->state == G_WAITING && *model_reason(model, group->reason)));
}

static bool is_of(const struct model_group *group, const struct series_group *wanted)
{
	const struct pclntab_frame *site = group->stack ? group->stack->site : NULL;

	return !group->system && group->gopc == wanted->gopc && group->state == wanted->state &&
	       group->reason == wanted->reason && detect_same_place(site, wanted->site);
}

static uint64_t made_since(const struct detect_input *input, const struct series_group *wanted)
{
	const struct model *model = input->model;
	uint64_t count = 0;

	for (size_t i = 0; i < model->groups.len; i++) {
		const struct model_group *group = &model->groups.data[i];
		const size_t *tasks = model->group_tasks.data + group->first_task;

		if (!is_of(group, wanted))
			continue;
		for (uint64_t j = 0; j < group->count; j++)
			count += series_was_made_since(input->series,
						       model->tasks.data[tasks[j]].goid);
	}
	return count;
}

/* In a pool that finds less to do, or less CPU, ever more of the same ones wait. */
static bool is_made_of_new_ones(const struct detect_input *input, const struct series_group *group,
				size_t points)
{
	uint32_t first = series_count(group, 0), last = series_count(group, points - 1);

	return last > first &&
	       (double)made_since(input, group) >= MADE_LEAST * (double)(last - first);
}

static void take_goroutines(const struct detect_input *input, struct findings *findings,
			    struct finding *finding, const struct series_group *wanted)
{
	const struct model *model = input->model;

	for (size_t i = 0; i < model->groups.len; i++)
		if (is_of(&model->groups.data[i], wanted))
			detect_take_group(input, findings, finding, &model->groups.data[i]);
}

/* When the limit of goroutines is hit, at this pace. */
static void forecast(const struct detect_input *input, struct findings *findings,
		     struct finding *finding, double per_second)
{
	const struct series_point *points;
	size_t count = series_points(input->series, &points);
	char source[FINDING_TEXT / 2];
	double limit = limits_goroutines(input->limits, source, sizeof(source));
	double now = (double)points[count - 1].goroutines, seconds = (limit - now) / per_second;

	if (now >= limit) {
		finding_say(findings, finding,
			    "%.0f goroutines in all, above the limit of %.0f (%s)", now, limit,
			    source);
		return;
	}
	if (seconds > 30 * 86400.0)
		return;
	finding_say(findings, finding,
		    "%.0f goroutines in all: the limit of %.0f (%s) is reached in %s", now, limit,
		    source, DURATION((uint64_t)(seconds * 1e9)));
	finding_event(findings, finding, points[count - 1].at_ns + (uint64_t)(seconds * 1e9), false,
		      "forecast: %.0f goroutines, the limit", limit);
}

static void report(const struct detect_input *input, struct findings *findings,
		   const struct series_group *group, double per_second)
{
	struct model *model = input->model;
	const struct series_point *points;
	size_t count = series_points(input->series, &points);
	uint32_t first = series_count(group, 0), last = series_count(group, count - 1);
	struct series_survivors survivors = series_survivors(group);
	const struct pclntab_frame *created = model_created_by(model, group->gopc);
	bool network = group->wait_kind == WAIT_NETWORK;
	struct finding *finding = finding_begin(
		findings,
		network && input->observed_ns < NETWORK_LEAST_NS ? SEVERITY_INFO : SEVERITY_WARNING,
		network ? CERTAINTY_POSSIBLE : CERTAINTY_LIKELY);

	finding->site = group->site;
	finding->stack = group->stack;
	finding->weight = per_second;
	finding->metric = per_second * 60;
	finding->limit = input->limits->growth_per_minute;
	finding->metric_unit = "goroutines/min";
	take_goroutines(input, findings, finding, group);
	/* who wakes now and then has no age but that it was there */
	if (!finding->since_ns && survivors.left) {
		finding->since_ns = points[0].at_ns;
		finding->since_is_bound = true;
	}
	finding_title(finding, "goroutines pile up in %s at %s: %u now, %+.0f a minute",
		      model_reason(model, group->reason), PLACE(group->site), last,
		      per_second * 60);
	if (created)
		finding_say(findings, finding, "all made by the go statement at %s",
			    PLACE(created));
	finding_say(findings, finding,
		    "%u at first, %u after %s, %llu of them made meanwhile; of %llu there at first "
		    "%llu are still there",
		    first, last, DURATION(input->observed_ns),
		    (unsigned long long)made_since(input, group),
		    (unsigned long long)survivors.followed, (unsigned long long)survivors.left);
	if (is_loop(group))
		finding_say(
			findings, finding,
			"%llu of these have slept there more than once: a loop that tries again and "
			"has no end",
			(unsigned long long)survivors.anew);
	forecast(input, findings, finding, per_second);
	detect_forecast_memory(input, findings, finding);
	finding_why(finding,
		    "they came and did not leave for %s; that they never will was not proven",
		    DURATION(input->observed_ns));
	if (is_loop(group))
		finding_advise(
			finding,
			"give the loop an end: so many attempts and no more, and a select on "
			"ctx.Done() and a timer instead of the sleep; pass the caller's ctx on");
	else
		finding_advise(
			finding,
			"give the goroutine a way to end: select on ctx.Done() beside the %s, and see that "
			"whoever should wake it still exists",
			network ? "I/O, set a deadline" : "channel operation");
	if (is_loop(group)) /* which wakes by itself, so that nothing can be proven */
		detect_look(input, finding, "tasks --filter \"%.80s\" --sort age",
			    group->site ? group->site->function : "sleep");
	else
		detect_look(input, finding, "leaks");
	finding_event(findings, finding, points[0].at_ns, true, "%u goroutines at %s", first,
		      PLACE(group->site));
	finding_event(findings, finding, points[count - 1].at_ns, false, "%u goroutines at %s",
		      last, PLACE(group->site));
}

static int check(const struct detect_input *input, struct findings *findings)
{
	const struct limits *limits = input->limits;
	const struct series_group *const *groups;
	const struct series_point *points;
	size_t group_count = series_groups(input->series, &groups);
	size_t point_count = series_points(input->series, &points);

	for (size_t i = 0; i < group_count; i++) {
		const struct series_group *group = groups[i];
		uint32_t now = series_count(group, point_count - 1);
		double slope;

		if (now < limits->growth_least || !can_leak(input->model, group) ||
		    !grows_steadily(group, point_count) ||
		    !is_made_of_new_ones(input, group, point_count))
			continue;
		slope = series_slope(input->series, group, 0);
		if (slope * 60 >= limits->growth_per_minute)
			report(input, findings, group, slope);
	}
	return 0;
}

const struct detector detector_leak_growth = {
	.id = "leak.growth",
	.looks_for = "goroutines that pile up at one place",
	.snapshots = 4,
	.least_ns = 5 * NSEC_PER_SEC,
	.check = check,
};
