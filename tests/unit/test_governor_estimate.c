// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Waits of known lengths and a tracer that sees them through windows: the simulation draws both,
 * and knows all waits; the estimate is given what fell into windows, as the kernel would count it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "collect/estimate.h"
#include "probe/progress.h"

#define MSEC 1000000ULL
#define SEC (1000 * MSEC)
#define WINDOWS_MAX 4096

struct window {
	uint64_t begin, end, weight;
};

struct seen {
	struct coverage coverage;
	struct window windows[WINDOWS_MAX];
	size_t window_count;
	uint64_t hist[CT_HIST_SLOTS];
	uint64_t parks, waits, wait_ns_total;
};

static double exponential(double mean)
{
	return -mean * log(1 - drand48());
}

static void open_windows(struct seen *seen, uint64_t length, double mean_gap, uint64_t duration)
{
	memset(seen, 0, sizeof(*seen));
	coverage_start(&seen->coverage, 0);
	for (uint64_t at = exponential(mean_gap); at + length < duration;
	     at += length + exponential(mean_gap)) {
		struct window *window = &seen->windows[seen->window_count++];

		assert_true(seen->window_count < WINDOWS_MAX);
		*window = (struct window){ .begin = at, .end = at + length };
		window->weight = coverage_open(&seen->coverage, at, length);
		coverage_add(&seen->coverage, at + length, 100);
	}
}

static const struct window *window_at(const struct seen *seen, uint64_t at)
{
	size_t low = 0, high = seen->window_count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (seen->windows[middle].end <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return low < seen->window_count && seen->windows[low].begin <= at ? &seen->windows[low] :
									    NULL;
}

static void see_wait(struct seen *seen, uint64_t begin, uint64_t length)
{
	const struct window *window = window_at(seen, begin);
	unsigned slot = 0;

	if (!window)
		return;
	seen->parks += window->weight;
	if (begin + length >= window->end)
		return;
	while (length >> (slot + 1))
		slot++;
	seen->hist[slot] += window->weight;
	seen->waits += window->weight;
	seen->wait_ns_total += length * window->weight;
}

static struct governor_status status_of(const struct seen *seen)
{
	const struct coverage *coverage = &seen->coverage;
	struct governor_status status = {
		.counted_ns = coverage->counted_ns,
		.event_weight = coverage->squared_ns / coverage->counted_ns,
	};

	memcpy(status.whole_ns, coverage->whole_ns, sizeof(status.whole_ns));
	return status;
}

static double off(double estimate, double truth)
{
	return estimate / truth - 1;
}

static void makes_good_what_windows_cut_off(void **state)
{
	static const double means[] = { 20e3, 300e3, 1e6 };
	static struct seen seen;

	(void)state;
	srand48(7);
	for (size_t i = 0; i < sizeof(means) / sizeof(means[0]); i++) {
		double true_waits = 0, true_ns = 0;
		struct estimate_waits waits;
		struct governor_status status;

		open_windows(&seen, 5 * MSEC, 45 * MSEC, 60 * SEC);
		for (double at = 0; at < 60 * SEC; at += exponential(20e3)) {
			double length = exponential(means[i]);

			see_wait(&seen, at, length);
			true_waits++;
			true_ns += length;
		}
		status = status_of(&seen);
		estimate_waits(&status, seen.hist, seen.wait_ns_total, &waits);
		print_message("# mean wait %.0f us: parks off by %.3f; waits seen %.3f, estimated "
			      "%.3f; time seen %.3f, estimated %.3f\n",
			      means[i] / 1e3, off(seen.parks, true_waits),
			      off(seen.waits, true_waits), off(waits.waits, true_waits),
			      off(seen.wait_ns_total, true_ns), off(waits.wait_ns_total, true_ns));
		assert_true(fabs(off(seen.parks, true_waits)) < 0.02);
		assert_true(fabs(off(waits.waits, true_waits)) < 0.03);
		assert_true(fabs(off(waits.wait_ns_total, true_ns)) < 0.08);
	}
}

/* The error is what repeated runs show: about 2 of 3 are within it. */
static void tells_how_far_off_a_count_is(void **state)
{
	static struct seen seen;
	int within = 0, runs = 200;

	(void)state;
	srand48(11);
	for (int run = 0; run < runs; run++) {
		struct governor_status status;
		double true_events = 0;

		open_windows(&seen, 5 * MSEC, 45 * MSEC, 10 * SEC);
		for (double at = 0; at < 10 * SEC; at += exponential(5e6)) {
			see_wait(&seen, at, 0);
			true_events++;
		}
		status = status_of(&seen);
		if (fabs(seen.parks - true_events) < estimate_error(&status, seen.parks))
			within++;
	}
	print_message("# %d of %d within one standard error\n", within, runs);
	assert_in_range(within, runs * 0.55, runs * 0.85);
}

/*
 * A program that works at a tenth of its speed in windows, more in some moments than in others. Its
 * scheduler counts one of eight.
 */
static void counts_work_and_not_time(void **state)
{
	struct progress progress = { 0 };
	struct coverage coverage;
	double truth = 0, counted = 0, left = 0, speed = 0.005;
	uint64_t now = 0;

	(void)state;
	srand48(3);
	coverage_start(&coverage, 0);
	for (int i = 0; i < 400; i++) {
		uint64_t gap = exponential(80e6), length = 3 * MSEC, weight, seen;

		speed *= 0.8 + 0.4 * drand48();
		speed = fmin(fmax(speed, 0.001), 0.02);
		for (int part = 0; part < 2; part++) {
			uint64_t ns = part ? length : gap;
			double events = ns * speed * (part ? 0.1 : 1);

			if (part) {
				now = progress.clock;
				weight = coverage_open(&coverage, now,
						       progress_expected(&progress, length));
				counted += weight * events;
			}
			truth += events;
			left += events / 8;
			seen = left;
			left -= seen;
			progress_note(&progress, part, seen, ns);
		}
		coverage_add(&coverage, progress.clock, length * speed * 0.1);
	}
	print_message("# off by %.3f, standard error %.3f, pace %.3f\n", counted / truth - 1,
		      coverage_error(&coverage), progress_share(&progress));
	assert_true(fabs(counted / truth - 1) < 0.05);
	assert_true(progress_is_known(&progress));
	assert_true(fabs(progress_share(&progress) - 0.1) < 0.01);
}

/* Without the scheduler's count the clock is time. */
static void counts_time_without_work(void **state)
{
	struct progress progress = { 0 };

	(void)state;
	assert_int_equal(progress_expected(&progress, 5 * MSEC), 5 * MSEC);
	progress_note(&progress, false, 0, 100 * MSEC);
	progress_note(&progress, true, 0, 5 * MSEC);
	assert_int_equal(progress_expected(&progress, 5 * MSEC), 5 * MSEC);
	assert_int_equal(progress.clock, 105 * MSEC);
	assert_false(progress_is_known(&progress));
	assert_true(progress_share(&progress) == 1);
}

static void tells_how_much_tracing_may_have_hidden(void **state)
{
	struct governor_status status = { .slowdown = 0.2 };

	(void)state;
	assert_int_equal(estimate_most(&status, 80), 100);
	status.slowdown = 1;
	assert_int_equal(estimate_most(&status, 80), 1600);
	status.always_on = true;
	assert_int_equal(estimate_most(&status, 80), 80);
}

static void leaves_exact_numbers_alone(void **state)
{
	struct governor_status status = { .always_on = true, .counted_ns = SEC, .event_weight = 1 };
	uint64_t hist[CT_HIST_SLOTS] = { [10] = 3, [39] = 7 };
	struct estimate_waits waits;

	(void)state;
	estimate_waits(&status, hist, 123456, &waits);
	assert_int_equal(waits.waits, 10);
	assert_int_equal(waits.wait_ns_total, 123456);
	assert_memory_equal(waits.hist, hist, sizeof(hist));
	assert_false(waits.is_lower_bound);
	assert_true(estimate_error(&status, 1000) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(makes_good_what_windows_cut_off),
		cmocka_unit_test(tells_how_far_off_a_count_is),
		cmocka_unit_test(counts_work_and_not_time),
		cmocka_unit_test(counts_time_without_work),
		cmocka_unit_test(tells_how_much_tracing_may_have_hidden),
		cmocka_unit_test(leaves_exact_numbers_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
