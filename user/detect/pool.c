// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * pool.miss: a sync.Pool that makes anew what it should keep. Either nothing is given back, or it is taken
 * away: each collection moves what is in a pool aside, and the next one drops it (sync/pool.go).
 */
#include "base/clock.h"
#include "detect/detect.h"
#include "model/format.h"

#define GIVEN_BACK 0.5 /* of what is taken; else that is the cause */

static const struct model_tally *tally_at(const struct model *model, enum ct_tally_kind kind,
					  const struct pclntab_frame *site)
{
	for (size_t i = 0; i < model->tallies.len; i++) {
		const struct model_tally *tally = &model->tallies.data[i];

		if (tally->kind == kind && tally->stack &&
		    detect_same_place(tally->stack->site, site))
			return tally;
	}
	return NULL;
}

/* Of the pool, wherever it is; the latest use of a place tells whose it is. */
static double puts_to(const struct model *model, uint64_t pool)
{
	double puts = 0;

	for (size_t i = 0; i < model->tallies.len; i++)
		if (model->tallies.data[i].kind == CT_TALLY_POOL_PUT &&
		    model->tallies.data[i].value == pool)
			puts += model->tallies.data[i].per_second;
	return puts;
}

static void report(const struct detect_input *input, struct findings *findings,
		   const struct model_tally *gets, const struct model_tally *news)
{
	const struct model *model = input->model;
	const struct model_tally *slow = tally_at(model, CT_TALLY_POOL_SLOW, gets->stack->site);
	struct model_tally pins = model_tally_total(model, CT_TALLY_POOL_PIN);
	struct model_tally cycles = model_tally_total(model, CT_TALLY_GC_CYCLE);
	double missed = 100 * (double)news->count / (double)gets->count;
	double puts = puts_to(model, gets->value);
	bool kept = puts >= GIVEN_BACK * gets->per_second;
	struct finding *finding = finding_begin(findings, SEVERITY_WARNING, CERTAINTY_LIKELY);

	finding->id = "pool.miss";
	finding->site = gets->stack->site;
	finding->stack = gets->stack;
	finding->weight = news->per_second;
	finding->metric = missed > 100 ? 100 : missed;
	finding->limit = input->limits->pool_misses;
	finding->metric_unit = "%";
	detect_object(finding, "sync.Pool", gets->value, "");
	finding_title(finding, "sync.Pool without use at %s: %.0f %% of the Gets make a new one",
		      PLACE(finding->site), finding->metric);
	finding_say(findings, finding,
		    "%s Gets a second, New called in %.0f %% of them; hit rate %.0f %%",
		    RATE(gets->per_second), finding->metric, 100 - finding->metric);
	finding_say(findings, finding, "%s Puts a second to the same pool", RATE(puts));
	if (slow)
		finding_say(findings, finding,
			    "%.0f %% of the Gets looked into the other Ps' parts of the pool",
			    100 * (double)slow->count / (double)gets->count);
	if (cycles.count)
		finding_say(findings, finding,
			    "%s garbage collections a second: every second one empties the pool",
			    RATE(cycles.per_second));
	if (pins.count)
		finding_say(findings, finding, "the lock of all pools was taken %s times a second",
			    RATE(pins.per_second));
	finding_why(finding, "counted where Get is about to call New");
	finding_advise(
		finding, "%s",
		kept ? "the collector empties it between two uses: collect less often (gc.pressure), "
		       "or keep a few in a channel of fixed size" :
		       "Put what Get gave when it is done with, on every path (defer)");
	finding_next(finding,
		     "go tool pprof -sample_index=alloc_space http://HOST/debug/pprof/heap");
}

static int check(const struct detect_input *input, struct findings *findings)
{
	const struct model *model = input->model;

	for (size_t i = 0; i < model->tallies.len; i++) {
		const struct model_tally *gets = &model->tallies.data[i], *news;

		if (gets->kind != CT_TALLY_POOL_GET || !gets->stack || !gets->stack->site ||
		    gets->per_second < input->limits->pool_gets)
			continue;
		news = tally_at(model, CT_TALLY_POOL_NEW, gets->stack->site);
		if (news &&
		    100 * (double)news->count >= input->limits->pool_misses * (double)gets->count)
			report(input, findings, gets, news);
	}
	return 0;
}

const struct detector detector_pool = {
	.id = "pool.miss",
	.looks_for = "pools that make anew what they should keep",
	.roles = ROLE_BIT(ROLE_POOL),
	.wants = ROLE_BIT(ROLE_GC),
	.least_ns = NSEC_PER_SEC,
	.check = check,
};
