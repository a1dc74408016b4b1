/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * When to trace and when to rest, so that the cost stays within a share of the target's time.
 * Pure: the governor tells it what happened, and does what it says.
 *
 * Time that passes earns credit (a share of it), hits and the opening and closing of a window
 * spend it: a turn, which is our own work and the hits while probes come and go, for these take
 * longer than a short window. A window is opened when there is credit for what the last seconds
 * lead to expect, or some debt, but never without credit for the hits of its turn; when it costs
 * more, the debt is worked off by rest. So whatever the rate does, the cost up to any moment is at
 * most share x (time + 1/2 s) and one window, which is no longer than 5 ms (with a share over 5 %:
 * than share x 100 ms). The first windows are of 1 ms, for nothing is known yet, and the very first
 * has credit for a twentieth of a second only. Where the rate is low enough to trace all the time,
 * the window just stays open, until its hits have used up what credit there is.
 *
 * Cost is in ns of the target's wall time, conservatively: a hit delays the goroutine it is in, and
 * where one goroutine after the other runs (a ping-pong), all of it. A target that keeps less than
 * one CPU busy has its CPU time for a measure instead, of which hits are a larger share. With more
 * than two, hits are shared out among half of them (Go's idle threads spin; up to half of the busy
 * ones may do nothing but that), yet never count less than those of the CPU that had most.
 */
#ifndef PROBE_BUDGET_H
#define PROBE_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

struct budget {
	double share;     /* of the target's time, 0.02 is 2 % */
	double hit_ns;    /* what one hit costs the thread it happens in */
	double turn_ns;   /* what our work to open and close a window costs the target */
	double tail_ns;   /* what hits outside of windows cost it at each turn, as of late */
	double busy_cpus; /* CPUs that the target keeps busy */

	double credit_ns;
	double spent_ns;     /* in all */
	double turn_hits_ns; /* since the latest turn, hits outside of windows */
	double rate;         /* hits per ns of tracing, mean of the last seconds */
	double since_ns;     /* time since the latest rate that went into it */
	bool knows_rate;
	uint64_t turns; /* windows opened and closed */
	double wall_ns; /* cost of a hit of the latest window in wall time */
};

/* Hits of a stretch of time: in all, on the CPU that had most of them, and in a window. */
struct budget_hits {
	uint64_t all, busiest, recorded;
};

struct budget_window {
	uint64_t length_ns; /* then ask budget_may_stay_open */
	uint64_t max_hits;  /* end it at once when there are so many */
};

/* hit_ns and turn_ns are guesses, to be set as soon as they are measured. */
void budget_init(struct budget *budget, double share, double hit_ns, double turn_ns);
/* Time has passed. */
void budget_earn(struct budget *budget, uint64_t ns);
/*
 * How long to rest before the next window. `chance` is from [0, 1), another each time, lest windows
 * keep step with what the target does in a rhythm.
 */
uint64_t budget_rest_ns(const struct budget *budget, double chance);
struct budget_window budget_window(const struct budget *budget);
/* A window, or a part of a long one, had so many hits in on_ns; 0: no window was open. */
void budget_spend_hits(struct budget *budget, uint64_t on_ns, struct budget_hits hits);
/* Something else cost the target so much. */
void budget_spend(struct budget *budget, double ns);
/* A window was opened and closed, and the probes are gone. */
void budget_spend_turn(struct budget *budget);
/* CPUs that hits are shared out among. */
double budget_sharing_cpus(const struct budget *budget);
/* The hits of the latest stretch are so few that tracing may go on; max_hits from now on then. */
bool budget_may_stay_open(const struct budget *budget, uint64_t *max_hits);
/* When to ask that again. */
uint64_t budget_stay_ns(const struct budget *budget);

#endif
