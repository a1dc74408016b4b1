// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * gc.pressure: the garbage collector takes more than its share. A cycle is begun by the goroutine whose
 * allocation reaches the goal, so where cycles begin most is, by and large, where most is allocated.
 * An assist is the marking that a goroutine must do itself while a cycle runs, on a request's path.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "detect/detect.h"
#include "model/format.h"

#define CYCLES_TO_JUDGE 5
#define STOPS_TO_JUDGE 10
#define STOPS_SHARE 100 /* stops that take less than one part in so many of the time are few */
#define SITES_SHOWN 3
#define CPU_SHORTAGE 0.2

struct pressure {
	struct model_tally cycles, active, stops, assists;
	double active_pct, assist_pct;
	uint64_t assist_wait_ns; /* parked until somebody else had marked */
	uint64_t stop_p99_ns;
	double cpus;                      /* used by the process */
	const struct model_tally *forced; /* the place that calls runtime.GC most; NULL */
};

/* Waits of goroutines that owed marking; of the probes' windows as well. */
static uint64_t assist_waits(const struct model *model)
{
	uint64_t ns = 0;

	for (size_t i = 0; i < model->sites.len; i++)
		if (!strcmp(model_reason(model, model->sites.data[i].reason), "GC assist wait"))
			ns += wait_stats_total_ns(&model->sites.data[i].stats);
	return ns;
}

static const struct model_tally *top_of(const struct model *model, enum ct_tally_kind kind)
{
	for (size_t i = 0; i < model->tallies.len; i++)
		if (model->tallies.data[i].kind == kind && model->tallies.data[i].stack)
			return &model->tallies.data[i];
	return NULL;
}

static const struct model_tally *forced(const struct model *model)
{
	for (size_t i = 0; i < model->tallies.len; i++) {
		const struct model_tally *tally = &model->tallies.data[i];

		if (tally->kind == CT_TALLY_GC_CYCLE &&
		    (detect_stack_has(tally->stack, "runtime.GC") ||
		     detect_stack_has(tally->stack, "runtime/debug.FreeOSMemory")))
			return tally;
	}
	return NULL;
}

static struct pressure measure(const struct detect_input *input)
{
	const struct model *model = input->model;
	struct pressure pressure = { .cycles = model_tally_total(model, CT_TALLY_GC_CYCLE),
				     .active = model_tally_total(model, CT_TALLY_GC_ACTIVE),
				     .stops = model_tally_total(model, CT_TALLY_WORLD_STOP),
				     .assists = model_tally_total(model, CT_TALLY_ASSIST),
				     .assist_wait_ns = assist_waits(model),
				     .forced = forced(model) };
	uint64_t used = input->now->cpu_ns - input->before->cpu_ns;

	if (input->observed_ns && input->now->cpu_ns > input->before->cpu_ns)
		pressure.cpus = (double)used / (double)input->observed_ns;
	if (pressure.active.over_ns)
		pressure.active_pct =
			100 * (double)pressure.active.sum / (double)pressure.active.over_ns;
	if (pressure.assists.over_ns && pressure.cpus > 0)
		pressure.assist_pct = 100 * (double)pressure.assists.sum /
				      (double)pressure.assists.over_ns / pressure.cpus;
	pressure.stop_p99_ns = model_hist_quantile(pressure.stops.hist, 0.99);
	if (pressure.stop_p99_ns > pressure.stops.max)
		pressure.stop_p99_ns = pressure.stops.max;
	return pressure;
}

static void say_assists(const struct detect_input *input, struct findings *findings,
			struct finding *finding, const struct pressure *pressure)
{
	const struct model *model = input->model;
	uint64_t p99 = model_hist_quantile(pressure->assists.hist, 0.99);
	int shown = 0;

	if (!pressure->assists.count)
		return;
	finding_say(
		findings, finding,
		"assists: %s a second, p99 %s; %.0f %% of the process's CPU time is goroutines that mark",
		RATE(pressure->assists.per_second),
		DURATION(p99 < pressure->assists.max ? p99 : pressure->assists.max),
		pressure->assist_pct > 100 ? 100 : pressure->assist_pct);
	if (pressure->assist_wait_ns)
		finding_say(findings, finding, "and they waited %s for others to mark",
			    DURATION(pressure->assist_wait_ns));
	for (size_t i = 0; i < model->tallies.len && shown < SITES_SHOWN; i++) {
		const struct model_tally *tally = &model->tallies.data[i];

		if (tally->kind != CT_TALLY_ASSIST || !tally->stack || !tally->stack->site)
			continue;
		finding_say(findings, finding, "paid at %s: %.0f %% of all assists",
			    PLACE(tally->stack->site),
			    100 * (double)tally->sum / (double)pressure->assists.sum);
		shown++;
	}
}

static void say_cycles(const struct detect_input *input, struct findings *findings,
		       struct finding *finding, const struct pressure *pressure)
{
	const struct model_tally *top = top_of(input->model, CT_TALLY_GC_CYCLE);

	finding_say(findings, finding, "%s cycles a second; one is under way %.0f %% of the time",
		    RATE(pressure->cycles.per_second),
		    pressure->active_pct > 100 ? 100 : pressure->active_pct);
	if (pressure->stops.count)
		finding_say(
			findings, finding,
			"the world was stopped %s times: p99 %s, longest %s, %.1f %% of the time",
			COUNT(pressure->stops.count), DURATION(pressure->stop_p99_ns),
			DURATION(pressure->stops.max),
			100 * (double)pressure->stops.sum / (double)pressure->stops.over_ns);
	if (top && top->stack->site && !pressure->forced)
		finding_say(findings, finding,
			    "%.0f %% of the cycles begin at %s: most is allocated there",
			    100 * (double)top->count / (double)pressure->cycles.count,
			    PLACE(top->stack->site));
}

static void report(const struct detect_input *input, struct findings *findings,
		   const struct pressure *pressure, const char *why)
{
	const struct model_tally *place = pressure->forced;
	struct finding *finding = finding_begin(findings, SEVERITY_WARNING, CERTAINTY_LIKELY);

	finding->id = "gc.pressure";
	if (!place)
		place = top_of(input->model, CT_TALLY_GC_CYCLE);
	if (!place)
		place = top_of(input->model, CT_TALLY_ASSIST);
	finding->stack = place ? place->stack : NULL;
	finding->site = finding->stack ? finding->stack->site : NULL;
	finding->since_ns = pressure->cycles.first_ns;
	finding->since_is_bound = true;
	finding->weight = pressure->assist_pct + pressure->active_pct;
	finding->metric = pressure->cycles.per_second;
	finding->limit = input->limits->gc_cycles;
	finding->metric_unit = "cycles/s";
	finding_title(finding, "garbage collection: %s%s%s", why,
		      pressure->forced ? ", called at " :
		      finding->site    ? ", most allocated at " :
					 "",
		      finding->site ? PLACE(finding->site) : "");
	say_cycles(input, findings, finding, pressure);
	say_assists(input, findings, finding, pressure);
	finding_why(finding, "counted and timed in the runtime's collector");
	if (pressure->forced)
		finding_advise(finding,
			       "leave out the call of runtime.GC: the collector knows when to run");
	else
		finding_advise(
			finding,
			"allocate less there: reuse buffers (sync.Pool), size slices and maps "
			"beforehand; or raise GOGC, with GOMEMLIMIT as a bound");
	finding_next(finding,
		     "go tool pprof -sample_index=alloc_space http://HOST/debug/pprof/heap");
}

static int check(const struct detect_input *input, struct findings *findings)
{
	const struct limits *limits = input->limits;
	struct pressure pressure = measure(input);
	double forced_rate = pressure.forced ? pressure.forced->per_second : 0;
	double shortage = detect_cpu_shortage(input);
	/* cycles and stops that are long for want of CPUs are not so of the collector's making */
	double active_pct = pressure.active_pct * (1 - shortage);
	char why[120];

	if (pressure.cycles.count < CYCLES_TO_JUDGE)
		return 0;
	if (forced_rate < 1 || 2 * pressure.forced->count < pressure.cycles.count)
		pressure.forced = NULL;
	if (pressure.forced)
		snprintf(why, sizeof(why), "runtime.GC is called %s times a second",
			 RATE(forced_rate));
	else if (pressure.assist_pct >= limits->gc_assist)
		snprintf(why, sizeof(why), "goroutines spend %.0f %% of the CPU time on it",
			 pressure.assist_pct > 100 ? 100 : pressure.assist_pct);
	else if (pressure.stops.count >= STOPS_TO_JUDGE && shortage < CPU_SHORTAGE &&
		 pressure.stops.sum * STOPS_SHARE >= pressure.stops.over_ns &&
		 (double)pressure.stop_p99_ns >= limits->gc_pause * 1e9)
		snprintf(why, sizeof(why), "the world is stopped for up to %s",
			 DURATION(pressure.stops.max));
	else if (pressure.cycles.per_second >= limits->gc_cycles &&
		 active_pct >= limits->gc_active / 4)
		snprintf(why, sizeof(why), "%s cycles a second", RATE(pressure.cycles.per_second));
	else if (active_pct >= limits->gc_active)
		snprintf(why, sizeof(why), "a cycle is under way %.0f %% of the time",
			 pressure.active_pct);
	else
		return 0;
	report(input, findings, &pressure, why);
	return 0;
}

const struct detector detector_gc = {
	.id = "gc.pressure",
	.looks_for = "a garbage collector that runs too often or on the requests' path",
	.roles = ROLE_BIT(ROLE_GC),
	.wants = ROLE_BIT(ROLE_ASSIST) | ROLE_BIT(ROLE_PARK) | ROLE_BIT(ROLE_READY),
	.least_ns = 2 * NSEC_PER_SEC,
	.check = check,
};
