// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "probe/budget.h"

#include <math.h>

#define MSEC 1e6
#define WINDOW_MIN (1 * MSEC)
#define WINDOW_MAX (5 * MSEC)
#define TURN_TIME (50 * MSEC)  /* in which a window is opened and closed */
#define SAVE_TIME (250 * MSEC) /* credit is saved for so long, and no longer */
#define DEBT_TIME (250 * MSEC) /* as much of it may be owed before a window */
#define START_TIME (50 * MSEC) /* of credit, so that there is something to see at once */
#define CAUTIOUS_TURNS 3 /* as many windows are short: they may be any worse than the one before */
#define HITS_TO_TURN 4   /* a window is long enough when its hits cost so many times its turn */
#define TAILS_FORGOTTEN 4
#define STAY_MIN (50 * MSEC)
#define STAY_MAX (150 * MSEC)
#define STAY_RESERVE 4 /* the credit is to last until then if so many times as much happens */
#define STAY_SHARE 0.8 /* of the budget: below it a window may stay open */
#define IDLE_CPUS 0.05 /* below, a share of the CPU time would be next to nothing */
#define MEAN_TIME (2000 * MSEC) /* what the rate is averaged over */

static double smaller(double a, double b)
{
	return a < b ? a : b;
}

static double larger(double a, double b)
{
	return a > b ? a : b;
}

void budget_init(struct budget *budget, double share, double hit_ns, double turn_ns)
{
	*budget = (struct budget){
		.share = share,
		.hit_ns = hit_ns,
		.turn_ns = turn_ns,
		.busy_cpus = 1,
		.wall_ns = hit_ns,
	};
	budget->credit_ns = share * START_TIME;
}

double budget_sharing_cpus(const struct budget *budget)
{
	if (budget->busy_cpus < 1)
		return larger(budget->busy_cpus, IDLE_CPUS);
	return larger(budget->busy_cpus / 2, 1);
}

/*
 * Cost of tracing for one ns, as of late. It cannot take more than all the time, which is more than
 * all of its CPU time where that is the measure.
 */
static double expected_cost(const struct budget *budget)
{
	return smaller(budget->rate * budget->wall_ns, larger(1, 1 / budget_sharing_cpus(budget)));
}

/*
 * Long enough that its hits cost more than its turn, and that the time a turn takes does not keep
 * the budget from being used.
 */
static double expected_length(const struct budget *budget)
{
	double most = larger(WINDOW_MAX, budget->share * 2 * TURN_TIME);
	double worth = larger(HITS_TO_TURN * budget->turn_ns, budget->share * TURN_TIME);
	double cost = expected_cost(budget);

	if (budget->turns < CAUTIOUS_TURNS)
		return WINDOW_MIN;
	if (cost * most <= worth)
		return most;
	return larger(worth / cost, WINDOW_MIN);
}

/*
 * What a turn still costs: while probes are in place, what taking them away may, and that is as much
 * as putting them there did when nothing more is known.
 */
static double turn_cost(const struct budget *budget)
{
	return budget->turn_ns +
	       larger(budget->tail_ns - budget->turn_hits_ns, budget->turn_hits_ns);
}

static double needed_credit(const struct budget *budget)
{
	return turn_cost(budget) + expected_cost(budget) * expected_length(budget);
}

void budget_earn(struct budget *budget, uint64_t ns)
{
	double most = budget->share * SAVE_TIME + 2 * needed_credit(budget);

	budget->credit_ns = smaller(budget->credit_ns + budget->share * ns, most);
	budget->since_ns += ns;
}

/*
 * Credit and debt change the rest little as long as they are small: were windows dense where little
 * happens and rare where much does, what changes fast would be seen badly.
 */
uint64_t budget_rest_ns(const struct budget *budget, double chance)
{
	double wanted = needed_credit(budget) - budget->credit_ns / 4;
	double rest = wanted / budget->share * smaller(0.25 - log(1 - chance), 4);
	double worst = budget->tail_ns - budget->share * DEBT_TIME - budget->credit_ns;

	return larger(larger(rest, worst / budget->share), 0);
}

/*
 * A window is not cut short while it may last: what came after a cut would be missing from the
 * counts, and it comes where most happens. It may go into debt by its length, as hits take no more
 * time than there is.
 */
struct budget_window budget_window(const struct budget *budget)
{
	double length = expected_length(budget), most = budget->credit_ns - turn_cost(budget);

	return (struct budget_window){
		.length_ns = length,
		.max_hits = larger(most, length) / budget->wall_ns + 1,
	};
}

/* The rate counts for the time since the one before. */
static void note_rate(struct budget *budget, double rate)
{
	double share = 1 - exp(-budget->since_ns / MEAN_TIME);

	budget->rate += (rate - budget->rate) * (budget->knows_rate ? share : 1);
	budget->knows_rate = true;
	budget->since_ns = 0;
}

void budget_spend_hits(struct budget *budget, uint64_t on_ns, struct budget_hits hits)
{
	double cost = larger(hits.all / budget_sharing_cpus(budget), hits.busiest) * budget->hit_ns;

	if (on_ns)
		note_rate(budget, (double)hits.recorded / on_ns);
	else
		budget->turn_hits_ns += cost;
	if (hits.all)
		budget->wall_ns = larger(cost / hits.all, 1);
	budget->credit_ns -= cost;
	budget->spent_ns += cost;
}

void budget_spend(struct budget *budget, double ns)
{
	budget->credit_ns -= ns;
	budget->spent_ns += ns;
}

/* What costs more than thought is believed at once, what costs less by and by. */
void budget_spend_turn(struct budget *budget)
{
	double less = budget->tail_ns - budget->turn_hits_ns;

	budget->tail_ns -= less > 0 ? less / TAILS_FORGOTTEN : less;
	budget->turn_hits_ns = 0;
	budget->turns++;
	budget_spend(budget, budget->turn_ns);
}

bool budget_may_stay_open(const struct budget *budget, uint64_t *max_hits)
{
	double credit = budget->credit_ns - turn_cost(budget);

	*max_hits = credit > 0 ? credit / budget->wall_ns + 1 : 1;
	return credit > 0 && expected_cost(budget) < STAY_SHARE * budget->share;
}

uint64_t budget_stay_ns(const struct budget *budget)
{
	double credit = budget->credit_ns - turn_cost(budget);
	double most = expected_cost(budget) * STAY_RESERVE * STAY_MAX;

	return credit < most ? larger(STAY_MAX * credit / most, STAY_MIN) : STAY_MAX;
}
