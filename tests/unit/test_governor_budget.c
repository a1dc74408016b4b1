// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The budget against simulated targets. The simulation knows what tracing really costs, and adds
 * it up by itself: the clock moves in steps, each with as many hits as the target has just then.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "probe/budget.h"
#include "probe/steady.h"
#include "probe/coverage.h"

#define MSEC 1000000ULL
#define SEC (1000 * MSEC)
#define HIT_NS 1500.0
#define TURN_NS 250000.0
#define STEP (MSEC / 10)
#define LATENCY (2 * STEP) /* of ending a window whose hits have reached the limit */
#define CLOSING (40 * MSEC)

/* Hits a second at a moment of a target. */
typedef double (*rate_fn)(uint64_t at_ns);

struct outcome {
	double cost_ns, worst_excess_ns; /* above share x time, at any moment */
	double worst_late_share;         /* cost / time at any moment after the first second */
	double worst_late_excess_ns;     /* above share x time, at any moment after five seconds */
	double first_window_ns;          /* its cost, and that of its turn */
	uint64_t on_ns, hits, windows;
	double hits_counted; /* with their windows' weights */
	double hits_true;
	struct coverage coverage;
};

struct simulation {
	struct budget budget;
	struct coverage coverage;
	rate_fn rate;
	uint64_t now;
	uint64_t placing; /* time that putting probes in place takes, with hits; taking away as well */
	double fraction;
	struct outcome outcome;
};

static void account(struct simulation *sim, double cost)
{
	double excess;

	sim->outcome.cost_ns += cost;
	excess = sim->outcome.cost_ns - sim->budget.share * sim->now;
	if (excess > sim->outcome.worst_excess_ns)
		sim->outcome.worst_excess_ns = excess;
	if (sim->now > SEC && sim->outcome.cost_ns / sim->now > sim->outcome.worst_late_share)
		sim->outcome.worst_late_share = sim->outcome.cost_ns / sim->now;
	if (sim->now > 5 * SEC && excess > sim->outcome.worst_late_excess_ns)
		sim->outcome.worst_late_excess_ns = excess;
}

/* What a hit costs by the measure of the budget, of a program with less than a CPU. */
static double hit_cost(const struct simulation *sim)
{
	return HIT_NS / budget_sharing_cpus(&sim->budget);
}

/* One step of the clock; the hits that the target has in it when it is traced. */
static uint64_t step(struct simulation *sim)
{
	double hits = sim->rate(sim->now) * STEP / 1e9 + sim->fraction;

	sim->fraction = hits - floor(hits);
	sim->outcome.hits_true += floor(hits);
	sim->now += STEP;
	return hits;
}

static void rest(struct simulation *sim, uint64_t ns)
{
	for (uint64_t end = sim->now + ns; sim->now < end;)
		step(sim);
}

static uint64_t trace(struct simulation *sim, uint64_t ns, uint64_t weight, uint64_t max_hits,
		      uint64_t *hits)
{
	uint64_t begin = sim->now, limit_at = UINT64_MAX;

	*hits = 0;
	while (sim->now < begin + ns && sim->now < limit_at) {
		uint64_t more = step(sim);

		*hits += more;
		account(sim, more * hit_cost(sim));
		if (*hits >= max_hits && limit_at == UINT64_MAX)
			limit_at = sim->now + LATENCY;
	}
	sim->outcome.hits += *hits;
	sim->outcome.hits_counted += (double)weight * *hits;
	coverage_add(&sim->coverage, sim->now, *hits);
	sim->outcome.on_ns += sim->now - begin;
	return sim->now - begin;
}

static void place(struct simulation *sim)
{
	for (uint64_t end = sim->now + sim->placing; sim->now < end;) {
		uint64_t hits = step(sim);

		account(sim, hits * hit_cost(sim));
		budget_earn(&sim->budget, STEP);
		budget_spend_hits(&sim->budget, 0,
				  (struct budget_hits){ .all = hits, .busiest = hits / 2 });
	}
}

static void window(struct simulation *sim, uint64_t end)
{
	struct budget_window window;
	uint64_t length, limit, hits, on, weight;
	bool open = true;

	place(sim);
	window = budget_window(&sim->budget);
	length = window.length_ns;
	limit = window.max_hits;
	weight = coverage_open(&sim->coverage, sim->now, length);
	while (open) {
		on = trace(sim, length, weight, limit, &hits);
		budget_earn(&sim->budget, on);
		budget_spend_hits(
			&sim->budget, on,
			(struct budget_hits){ .all = hits, .busiest = hits / 2, .recorded = hits });
		open = hits < limit && budget_may_stay_open(&sim->budget, &limit) && sim->now < end;
		length = 50 * MSEC;
		weight = coverage_stay(&sim->coverage);
	}
	place(sim);
	budget_spend_turn(&sim->budget);
	account(sim, TURN_NS);
	if (!sim->outcome.windows++)
		sim->outcome.first_window_ns = sim->outcome.cost_ns;
	rest(sim, CLOSING);
	budget_earn(&sim->budget, CLOSING);
}

static struct outcome simulate_placing(rate_fn rate, double share, uint64_t duration,
				       uint64_t placing, double busy_cpus)
{
	struct simulation sim = { .rate = rate, .placing = placing };

	budget_init(&sim.budget, share, HIT_NS, TURN_NS);
	sim.budget.busy_cpus = busy_cpus;
	coverage_start(&sim.coverage, 0);
	while (sim.now < duration) {
		uint64_t pause = budget_rest_ns(&sim.budget, drand48()), before = sim.now;

		rest(&sim, pause);
		budget_earn(&sim.budget, sim.now - before);
		window(&sim, duration);
	}
	assert_true(fabs(sim.budget.spent_ns - sim.outcome.cost_ns) < 1e-6 * sim.outcome.cost_ns);
	sim.outcome.coverage = sim.coverage;
	return sim.outcome;
}

static struct outcome simulate(rate_fn rate, double share, uint64_t duration)
{
	return simulate_placing(rate, share, duration, 0, 1);
}

static double hot(uint64_t at)
{
	(void)at;
	return 650000;
}

static double idle(uint64_t at)
{
	(void)at;
	return 0;
}

static double quiet(uint64_t at)
{
	(void)at;
	return 3000;
}

/* 100 times as much from one moment to the next, and back, every 700 ms. */
static double jumping(uint64_t at)
{
	return at / (700 * MSEC) % 2 ? 600000 : 6000;
}

/* 5 ms of everything in each 100 ms, then nothing. */
static double bursts(uint64_t at)
{
	return at % (100 * MSEC) < 5 * MSEC ? 600000 : 0;
}

static double nothing_then_everything(uint64_t at)
{
	return at < 3 * SEC ? 0 : 650000;
}

#define SHARE 0.02

/* What may be above the share of the time: as budget.h says, and the time to notice. */
static double tolerated(double share)
{
	return share * 500e6 + fmax(5e6, share * 100e6) + TURN_NS + LATENCY + STEP;
}

static void keeps_to_its_share_whatever_the_rate(void **state)
{
	static const rate_fn rates[] = {
		hot, idle, quiet, jumping, bursts, nothing_then_everything
	};
	static const double shares[] = { 0.001, 0.005, 0.02, 0.1, 0.5 };

	(void)state;
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		for (size_t j = 0; j < sizeof(shares) / sizeof(shares[0]); j++) {
			struct outcome outcome = simulate(rates[i], shares[j], 20 * SEC);

			print_message("# rate %zu share %.3f: %llu windows, on %.4f, cost %.5f, "
				      "worst excess %.2f ms\n",
				      i, shares[j], (unsigned long long)outcome.windows,
				      outcome.on_ns / 20e9, outcome.cost_ns / 20e9,
				      outcome.worst_excess_ns / 1e6);
			assert_true(outcome.worst_excess_ns < tolerated(shares[j]));
			assert_true(outcome.cost_ns < shares[j] * 20e9 + tolerated(shares[j]));
		}
	}
}

static double lively(uint64_t at)
{
	(void)at;
	return 20000;
}

/* Probes take longer to come and go than the window between, and all that time they are hit. */
static void saves_up_for_hits_outside_of_windows(void **state)
{
	static const struct {
		rate_fn rate;
		double busy_cpus;
	} targets[] = { { hot, 1 }, { jumping, 1 }, { lively, 0.2 }, { lively, 0.05 } };

	(void)state;
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		struct outcome outcome = simulate_placing(targets[i].rate, SHARE, 60 * SEC,
							  10 * MSEC, targets[i].busy_cpus);

		print_message("# target %zu: %llu windows, cost %.5f, worst excess %.2f ms, "
			      "after 5 s %.2f ms\n",
			      i, (unsigned long long)outcome.windows, outcome.cost_ns / 60e9,
			      outcome.worst_excess_ns / 1e6, outcome.worst_late_excess_ns / 1e6);
		assert_true(outcome.worst_late_excess_ns < tolerated(SHARE) / targets[i].busy_cpus);
		assert_true(outcome.cost_ns > 0.5 * SHARE * 60e9);
		assert_true(outcome.windows > 10);
	}
}

static void uses_the_budget_it_has(void **state)
{
	struct outcome outcome = simulate(hot, SHARE, 20 * SEC);

	(void)state;
	assert_true(outcome.cost_ns > 0.9 * SHARE * 20e9);
	assert_true(outcome.windows > 100);
	outcome = simulate(hot, 0.5, 20 * SEC);
	assert_true(outcome.cost_ns > 0.25 * 20e9);
}

static void traces_all_the_time_what_is_quiet(void **state)
{
	struct outcome outcome = simulate(quiet, SHARE, 10 * SEC);

	(void)state;
	assert_true(outcome.on_ns > 0.97 * 10e9);
	outcome = simulate(idle, SHARE, 10 * SEC);
	assert_true(outcome.on_ns > 0.97 * 10e9);
	assert_in_range(outcome.windows, 1, 3);
}

static double hottest(uint64_t at)
{
	(void)at;
	return 2e6; /* three CPUs do nothing but take hits */
}

/* Nothing is known of the rate yet, and yet the first second is within its budget. */
static void begins_with_little(void **state)
{
	static const rate_fn rates[] = { hot, hottest, jumping, bursts };

	(void)state;
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		double late = 0;

		for (unsigned run = 0; run < 50; run++) {
			struct outcome outcome = simulate(rates[i], SHARE, 3 * SEC);

			assert_true(outcome.first_window_ns < SHARE * 1e9);
			late = fmax(late, outcome.worst_late_share);
			if (run == 49)
				print_message(
					"# rate %zu: first window %.2f ms, worst %.4f later\n", i,
					outcome.first_window_ns / 1e6, late);
		}
		assert_true(late < 1.4 * SHARE);
	}
}

/* A quiet target that becomes a hot one costs at most the saved credit before tracing ends. */
static void ends_a_window_when_the_rate_jumps(void **state)
{
	struct simulation sim = { .rate = nothing_then_everything, .now = 2 * SEC };
	double before = 0;

	(void)state;
	budget_init(&sim.budget, SHARE, HIT_NS, TURN_NS);
	coverage_start(&sim.coverage, sim.now);
	while (sim.now < 3 * SEC) {
		before = sim.outcome.cost_ns;
		window(&sim, 4 * SEC);
	}
	assert_in_range(sim.now, 3 * SEC, 3 * SEC + 10 * MSEC + CLOSING);
	assert_true(sim.outcome.cost_ns - before < SHARE * 250e6 + TURN_NS + 1e6);
}

/* Slow waves: no window sees the mean, all together do. */
static double waves(uint64_t at)
{
	return 300000 + 250000 * sin(at / 1e9 * 2.9);
}

static void counts_are_right_whatever_the_rate(void **state)
{
	static const rate_fn rates[] = {
		hot, quiet, jumping, bursts, nothing_then_everything, waves
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		struct outcome outcome = simulate(rates[i], SHARE, 60 * SEC);
		const struct coverage *coverage = &outcome.coverage;
		double error = coverage_error(coverage);
		double off = outcome.hits_counted / outcome.hits_true - 1;

		print_message("# rate %zu: off by %.4f, standard error %.4f\n", i, off, error);
		assert_true(fabs(off) < 0.10);
		assert_true(fabs(off) < 3 * error + 0.01);
		assert_true(fabs(outcome.hits_counted - coverage->counted_hits) < 1);
		assert_true(fabs(coverage->counted_ns / 60e9 - 1) < 0.01);
	}
}

static void shares_hits_among_busy_cpus(void **state)
{
	struct budget budget;

	(void)state;
	budget_init(&budget, SHARE, HIT_NS, TURN_NS);
	budget.busy_cpus = 16;
	budget_spend_hits(&budget, MSEC, (struct budget_hits){ .all = 800, .busiest = 50 });
	assert_true(fabs(budget.spent_ns - 100 * HIT_NS) < 1);
	/* a hot goroutine on one CPU feels its own hits in full */
	budget_spend_hits(&budget, MSEC, (struct budget_hits){ .all = 800, .busiest = 700 });
	assert_true(fabs(budget.spent_ns - 800 * HIT_NS) < 1);
	/* one with half a CPU has twice the share of it taken */
	budget.busy_cpus = 0.5;
	budget_spend_hits(&budget, MSEC, (struct budget_hits){ .all = 100, .busiest = 100 });
	assert_true(fabs(budget.spent_ns - 1000 * HIT_NS) < 1);
	/* a ping-pong on two CPUs feels all of them */
	budget.busy_cpus = 2;
	budget_spend_hits(&budget, MSEC, (struct budget_hits){ .all = 800, .busiest = 400 });
	assert_true(fabs(budget.spent_ns - 1800 * HIT_NS) < 1);
}

/* ---- probes without windows -------------------------------------------------------------------- */

/* What would run into debt before it is looked at again is looked at soon. */
static void looks_less_often_where_little_happens(void **state)
{
	struct budget quiet, lively;
	uint64_t max_hits;

	(void)state;
	budget_init(&quiet, 0.02, 1000, 0);
	budget_earn(&quiet, NSEC_PER_SEC);
	lively = quiet;
	budget_spend_hits(&quiet, NSEC_PER_SEC, (struct budget_hits){ 100, 100, 100 });
	budget_spend_hits(&lively, NSEC_PER_SEC, (struct budget_hits){ 5000, 5000, 5000 });
	assert_true(budget_stay_ns(&quiet) >= 2 * budget_stay_ns(&lively));
	for (int i = 0; i < 100; i++) {
		uint64_t stay = budget_stay_ns(&lively);

		/* four times as much as before, all of a sudden */
		assert_true(budget_may_stay_open(&lively, &max_hits) || lively.credit_ns <= 0);
		if (stay > 50000000)
			assert_true(max_hits >= 4 * lively.rate * stay);
		budget_spend(&lively, lively.credit_ns / 20);
	}
}

#define STEADY_SECOND 1000000000ULL

static void rare_probes_stay(void **state)
{
	struct steady steady = { .has_probes = true, .placed = true };

	(void)state;
	for (uint64_t second = 1; second <= 100; second++) {
		assert_true(steady_settle(&steady, second * STEADY_SECOND, 1000 * second, 1000,
					  0.005) == 1e6);
		assert_true(steady_wanted(&steady));
	}
	assert_int_equal(steady_on_ns(&steady, 100 * STEADY_SECOND), 100 * STEADY_SECOND);
}

static void probes_that_are_hit_much_go_until_it_is_made_up_for(void **state)
{
	struct steady steady = { .has_probes = true, .placed = true };
	uint64_t now = STEADY_SECOND;

	(void)state;
	steady_settle(&steady, now, 20000, 1000, 0.005); /* 20 ms */
	assert_false(steady_wanted(&steady));
	steady.placed = false;
	/* 0.5 % earns 5 ms a second */
	for (int i = 0; i < 3; i++) {
		now += STEADY_SECOND;
		steady_settle(&steady, now, 20000, 1000, 0.005);
		assert_false(steady_wanted(&steady));
	}
	steady_settle(&steady, now + STEADY_SECOND, 20000, 1000, 0.005);
	assert_true(steady_wanted(&steady));
}

static void without_probes_nothing_is_wanted(void **state)
{
	struct steady steady = { 0 };

	(void)state;
	assert_false(steady_wanted(&steady));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_to_its_share_whatever_the_rate),
		cmocka_unit_test(saves_up_for_hits_outside_of_windows),
		cmocka_unit_test(uses_the_budget_it_has),
		cmocka_unit_test(traces_all_the_time_what_is_quiet),
		cmocka_unit_test(begins_with_little),
		cmocka_unit_test(ends_a_window_when_the_rate_jumps),
		cmocka_unit_test(counts_are_right_whatever_the_rate),
		cmocka_unit_test(shares_hits_among_busy_cpus),
		cmocka_unit_test(looks_less_often_where_little_happens),
		cmocka_unit_test(rare_probes_stay),
		cmocka_unit_test(probes_that_are_hit_much_go_until_it_is_made_up_for),
		cmocka_unit_test(without_probes_nothing_is_wanted),
	};

	srand48(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
