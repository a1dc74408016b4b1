// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * ticker.drift: a loop that is paced by Sleep has a period of the sleep and its work together, so it falls
 * behind what was meant; and tickers that nobody stops.
 *
 * Many loops mean just that, to rest between two rounds. So a little drift is a remark only.
 */
#include "base/clock.h"
#include "detect/detect.h"
#include "model/format.h"

#define PERIODS_TO_JUDGE 5
#define DRIFT_LEAST_NS (20 * NSEC_PER_SEC / 1000) /* timers and the scheduler are late by less */
#define PACED_MOST 3 /* of the sleep: in a longer round it is something else that sets the pace */
#define SHORTAGE_MOST 0.9
#define TICKERS_LEAST 10
#define STOPPED_MOST 0.1
#define COLLECTED_MINOR 23 /* from here on a ticker that nobody refers to is collected */

static void report_drift(const struct detect_input *input, struct findings *findings,
			 const struct model_tally *tally, double wanted, double got)
{
	double late = 100 * (got - wanted) / wanted;
	struct finding *finding = finding_begin(findings, SEVERITY_WARNING, CERTAINTY_LIKELY);

	finding->id = "ticker.drift";
	finding->site = tally->stack->site;
	finding->stack = tally->stack;
	finding->weight = finding->metric = late;
	finding->limit = input->limits->ticker_drift;
	finding->metric_unit = "%";
	finding_title(finding, "loop paced by Sleep at %s: wanted every %s, comes every %s",
		      PLACE(finding->site), DURATION((uint64_t)wanted), DURATION((uint64_t)got));
	finding_say(
		findings, finding,
		"%s periods: %s asked for, %s taken, the longest %s; it runs at %.0f %% of the pace",
		COUNT(tally->hits), DURATION((uint64_t)wanted), DURATION((uint64_t)got),
		DURATION(tally->max), 100 * wanted / got);
	finding_say(findings, finding, "the rest, %s a round, is the loop's own work and waiting",
		    DURATION((uint64_t)(got - wanted)));
	finding_add_goid(findings, finding, tally->goid);
	finding_why(
		finding,
		"timed between two calls of time.Sleep by one goroutine; it may be meant as a rest");
	finding_advise(finding,
		       "use a time.Ticker: its period does not depend on how long the work takes; "
		       "for a limit of the rate use golang.org/x/time/rate");
	detect_look(input, finding, "tasks --filter sleep");
}

static void report_tickers(const struct detect_input *input, struct findings *findings,
			   const struct model_tally *tally)
{
	bool collected = input->model->layout->minor >= COLLECTED_MINOR;
	struct finding *finding = finding_begin(
		findings, collected ? SEVERITY_INFO : SEVERITY_WARNING, CERTAINTY_LIKELY);

	finding->id = "ticker.drift";
	finding->site = tally->stack->site;
	finding->stack = tally->stack;
	finding->weight = finding->metric = tally->per_second;
	finding->metric_unit = "tickers/s";
	finding_title(finding, "tickers are never stopped: %s made at %s",
		      COUNT(tally->count - tally->hits), PLACE(finding->site));
	finding_say(findings, finding, "%s made in %s, %s of them stopped; the period is %s",
		    COUNT(tally->count), DURATION(tally->over_ns), COUNT(tally->hits),
		    DURATION(tally->value));
	finding_say(findings, finding, "%s",
		    collected ? "from Go 1.23 on the collector takes those that nobody refers to" :
				"each one ticks for as long as the process lives");
	finding_why(finding, "counted where the runtime starts and stops timers");
	finding_advise(finding,
		       "defer ticker.Stop(), and do not use time.Tick in a function that returns");
	detect_look(input, finding, "tasks");
}

/*
 * A loop takes that much longer, as a share, because its threads wait for a CPU: what a process whose
 * threads do so for a part of the time can be stretched by.
 */
static double late_by_cpus(const struct detect_input *input)
{
	const struct resources *before = input->before, *now = input->now;
	double share = 0;

	if (now->cpu_delay_ns > before->cpu_delay_ns && input->observed_ns)
		share = (double)(now->cpu_delay_ns - before->cpu_delay_ns) /
			(double)input->observed_ns;
	if (share > SHORTAGE_MOST)
		share = SHORTAGE_MOST;
	return share / (1 - share);
}

static void judge_sleep(const struct detect_input *input, struct findings *findings,
			const struct model_tally *tally)
{
	double wanted, got;

	if (tally->hits < PERIODS_TO_JUDGE || !tally->base)
		return;
	wanted = (double)tally->base / (double)tally->hits;
	got = (double)tally->sum / (double)tally->hits;
	if (got - wanted >= DRIFT_LEAST_NS && got < PACED_MOST * wanted &&
	    100 * (got - wanted * (1 + late_by_cpus(input))) >=
		    input->limits->ticker_drift * wanted)
		report_drift(input, findings, tally, wanted, got);
}

static int check(const struct detect_input *input, struct findings *findings)
{
	const struct model *model = input->model;

	for (size_t i = 0; i < model->tallies.len; i++) {
		const struct model_tally *tally = &model->tallies.data[i];

		if (!tally->stack || !tally->stack->site || tally->stack->site_is_guess)
			continue;
		if (tally->kind == CT_TALLY_SLEEP)
			judge_sleep(input, findings, tally);
		else if (tally->kind == CT_TALLY_TICKER && tally->count >= TICKERS_LEAST &&
			 (double)tally->hits <= STOPPED_MOST * (double)tally->count)
			report_tickers(input, findings, tally);
	}
	return 0;
}

const struct detector detector_ticker = {
	.id = "ticker.drift",
	.looks_for = "loops paced by Sleep that drift, and tickers that are never stopped",
	.roles = ROLE_BIT(ROLE_TIMER),
	.least_ns = 2 * NSEC_PER_SEC,
	.check = check,
};
