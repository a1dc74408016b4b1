// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * select.spin and chan.closed_spin: a loop that asks a channel again and again and never waits, because
 * its select has a default, or because the channel is closed.
 *
 * A computation that looks for ctx.Done() once a round asks as often and finds as little; but its rounds
 * take longer than the asking itself.
 */
#include "base/clock.h"
#include "detect/detect.h"
#include "model/format.h"

#define ROUND_MOST_NS 4096 /* more is work, not asking; our probe takes part of it */
#define PROBES_MOST 9
#define CPUS_LEAST 0.02
#define SHARE_LEAST 0.5   /* of the process's own CPU time */
#define HITS_MOST 0.05    /* of polls; else they are a queue that is rarely empty */
#define CLOSED_LEAST 2000 /* a second: others receive once and go */

static double cpus(const struct model_tally *tally)
{
	return tally->over_ns ? (double)tally->sum / (double)tally->over_ns : 0;
}

/* Where CPUs are short the loop has less of one, but it has what the process has. */
static bool takes_much(const struct detect_input *input, const struct model_tally *tally)
{
	double used = (double)(input->now->cpu_ns - input->before->cpu_ns);
	double of_process = used > 0 && input->observed_ns ?
				    cpus(tally) * (double)input->observed_ns / used :
				    0;

	return 100 * cpus(tally) >= input->limits->spin_cpu ||
	       (cpus(tally) >= CPUS_LEAST && of_process >= SHARE_LEAST);
}

/* Not the mean: a thread that loses its CPU meanwhile comes back late. */
static uint64_t round_ns(const struct model_tally *tally)
{
	return model_hist_quantile(tally->hist, 0.1);
}

/*
 * What is between two polls is little more than our own probe. Slots are powers of two, and where CPUs are
 * short a hit costs more than what was measured.
 */
static bool does_nothing_else(const struct model *model, const struct model_tally *tally)
{
	double most = PROBES_MOST * model->hit_cost_ns;

	return (double)round_ns(tally) <= (most > ROUND_MOST_NS ? most : ROUND_MOST_NS);
}

static void begin(struct finding *finding, const struct model_tally *tally)
{
	finding->stack = tally->stack;
	finding->site = tally->stack ? tally->stack->site : NULL;
	finding->since_ns = tally->first_ns;
	finding->since_is_bound = true;
	finding->weight = cpus(tally);
	finding->metric = cpus(tally) * 100;
	finding->metric_unit = "% of a CPU";
}

static void say_cost(const struct detect_input *input, struct findings *findings,
		     struct finding *finding, const struct model_tally *tally)
{
	double used = (double)(input->now->cpu_ns - input->before->cpu_ns);

	finding_say(
		findings, finding,
		"goroutine %llu, the latest there, comes back within %s: the loop does nothing else",
		(unsigned long long)tally->goid, DURATION(round_ns(tally)));
	if (input->observed_ns && input->now->cpu_ns > input->before->cpu_ns)
		finding_say(
			findings, finding,
			"at least %.0f %% of a CPU goes there; the process uses %.2f CPUs in all",
			100 * cpus(tally), used / (double)input->observed_ns);
	else
		finding_say(findings, finding, "at least %.0f %% of a CPU goes there",
			    100 * cpus(tally));
	if (tally->estimated)
		finding_say(findings, finding,
			    "rates are lower bounds: while it is looked at, the loop is slower");
	finding_why(finding, "counted in the runtime's channel functions");
	finding_add_goid(findings, finding, tally->goid);
}

static void report_polls(const struct detect_input *input, struct findings *findings,
			 const struct model_tally *tally)
{
	bool sends = tally->kind == CT_TALLY_POLL_SEND;
	struct finding *finding = finding_begin(findings, SEVERITY_WARNING, CERTAINTY_LIKELY);

	finding->id = "select.spin";
	begin(finding, tally);
	finding->limit = input->limits->spin_cpu;
	finding_title(finding, "busy polling: select with default at %s, %s times a second",
		      PLACE(finding->site), RATE(tally->per_second));
	finding_say(findings, finding, "%.2g %% of the polls found %s",
		    100.0 * (double)tally->hits / (double)tally->count,
		    sends ? "a receiver or room" : "something");
	say_cost(input, findings, finding, tally);
	finding_advise(
		finding,
		"take the default away, so that the select waits; where it must look again now "
		"and then, add a case with a time.Ticker");
	detect_look(input, finding, "flame --of chan");
}

static void report_closed(const struct detect_input *input, struct findings *findings,
			  const struct model_tally *tally)
{
	struct finding *finding = finding_begin(findings, SEVERITY_WARNING, CERTAINTY_CERTAIN);

	finding->id = "chan.closed_spin";
	begin(finding, tally);
	finding->limit = input->limits->spin_cpu;
	detect_object(finding, "chan", tally->value, "");
	finding_title(finding, "loop on a closed channel at %s: %s receives a second",
		      PLACE(finding->site), RATE(tally->per_second));
	finding_say(
		findings, finding,
		"channel 0x%llx is closed and empty: each receive returns the zero value at once",
		(unsigned long long)tally->value);
	say_cost(input, findings, finding, tally);
	finding_advise(
		finding,
		"use v, ok := <-ch (or range) and end the loop when ok is false; in a select, set "
		"the channel to nil then");
	detect_look(input, finding, "chans");
}

static int check(const struct detect_input *input, struct findings *findings)
{
	const struct model *model = input->model;

	for (size_t i = 0; i < model->tallies.len; i++) {
		const struct model_tally *tally = &model->tallies.data[i];

		if (!tally->count || !takes_much(input, tally))
			continue;
		switch (tally->kind) {
		case CT_TALLY_POLL_RECV:
		case CT_TALLY_POLL_SEND:
		case CT_TALLY_POLL_SELECT:
			if (tally->per_second >= input->limits->spin_polls &&
			    does_nothing_else(model, tally) &&
			    (double)tally->hits <= HITS_MOST * (double)tally->count)
				report_polls(input, findings, tally);
			break;
		case CT_TALLY_RECV_CLOSED:
			if (tally->per_second >= CLOSED_LEAST)
				report_closed(input, findings, tally);
			break;
		default:
			break;
		}
	}
	return 0;
}

const struct detector detector_spin = {
	.id = "spin",
	.looks_for =
		"loops that poll a channel instead of waiting for it, or receive from a closed one",
	.roles = ROLE_BIT(ROLE_POLL),
	.least_ns = NSEC_PER_SEC,
	.check = check,
};
