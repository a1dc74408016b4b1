// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "probe/budget.h"

#define MSEC 1e6
#define WINDOW_MIN (1 * MSEC)
#define WINDOW_MAX (20 * MSEC)
#define SAVE_TIME (250 * MSEC)  /* credit is saved for so long, and no longer */
#define START_TIME (100 * MSEC) /* of credit, so that there is something to see at once */
#define HITS_TO_TURN 4 /* a window is long enough when its hits cost so many times its turn */
#define STAY_SHARE 0.8 /* of the budget: below it a window may stay open */
#define HITS_MIN 64

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
	budget->credit_ns = turn_ns + share * START_TIME;
}

/* Cost of tracing for one ns, by the latest window. It cannot take more than all the time. */
static double expected_cost(const struct budget *budget)
{
	return smaller(budget->rate * budget->wall_ns, 1);
}

static double expected_length(const struct budget *budget)
{
	double cost = expected_cost(budget);

	if (cost * WINDOW_MAX <= HITS_TO_TURN * budget->turn_ns)
		return WINDOW_MAX;
	return larger(HITS_TO_TURN * budget->turn_ns / cost, WINDOW_MIN);
}

static double needed_credit(const struct budget *budget)
{
	return budget->turn_ns + expected_cost(budget) * expected_length(budget);
}

void budget_earn(struct budget *budget, uint64_t ns)
{
	double most = larger(budget->share * SAVE_TIME, needed_credit(budget));

	budget->credit_ns = smaller(budget->credit_ns + budget->share * ns, most);
}

uint64_t budget_rest_ns(const struct budget *budget)
{
	double missing = needed_credit(budget) - budget->credit_ns;

	return missing > 0 ? missing / budget->share + 1 : 0;
}

static uint64_t affordable_hits(const struct budget *budget, double credit)
{
	return larger(credit / budget->wall_ns, HITS_MIN);
}

struct budget_window budget_window(const struct budget *budget)
{
	return (struct budget_window){
		.length_ns = expected_length(budget),
		.max_hits = affordable_hits(budget, budget->credit_ns - budget->turn_ns),
	};
}

void budget_spend_hits(struct budget *budget, uint64_t on_ns, struct budget_hits hits)
{
	double cpus = larger(budget->busy_cpus / 2, 1);
	double cost = larger(hits.all * budget->hit_ns / cpus, hits.busiest * budget->hit_ns);

	if (on_ns)
		budget->rate = (double)hits.all / on_ns;
	budget->wall_ns = hits.all ? cost / hits.all : budget->hit_ns;
	budget->credit_ns -= cost;
	budget->spent_ns += cost;
}

void budget_spend_turn(struct budget *budget)
{
	budget->credit_ns -= budget->turn_ns;
	budget->spent_ns += budget->turn_ns;
}

bool budget_may_stay_open(const struct budget *budget, uint64_t *max_hits)
{
	double credit = budget->credit_ns - budget->turn_ns;

	*max_hits = affordable_hits(budget, credit);
	return credit > 0 && expected_cost(budget) < STAY_SHARE * budget->share;
}
