// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The governor on real programs: what they count themselves, and what becomes of it when they die. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "children.h"
#include "collect/aggregates.h"
#include "probe/governor.h"

#define MSEC 1000000ULL
#define PINGPONG "build/targets/1.24/pingpong"
#define STORM "build/targets/1.24/spawn_storm"
#define OTHER "build/targets/1.21/pingpong"
#define TEXTCMP "build/targets/1.24/textcmp"
#define EXEC_FORK "build/targets/1.24/exec_fork"

struct traced {
	struct child child;
	struct target target;
	struct plan plan;
	struct probe_session *session;
	struct governor *governor;
	struct aggregates aggregates;
};

static void must(int status, const struct err *err)
{
	if (status)
		fail_msg("%s failed: %s; %s", err->what, err->why, err->todo);
}

static void start(struct traced *traced, const char *path)
{
	if (geteuid() || access(path, X_OK)) {
		print_message("# needs root and %s\n", path);
		skip();
	}
	memset(traced, 0, sizeof(*traced));
	child_start(&traced->child, path, NULL);
	assert_true(child_says(&traced->child, "ready"));
}

static void trace(struct traced *traced, double max_overhead_pct,
		  const struct probe_options *options)
{
	struct err err = { 0 };

	must(target_open(traced->child.pid, &traced->target, &err), &err);
	must(plan_make(&traced->target, ROLES_TABLES, &traced->plan, &err), &err);
	must(probe_session_open(&traced->target, &traced->plan, options, &traced->session, &err),
	     &err);
	must(governor_start(traced->session, max_overhead_pct, &traced->governor, &err), &err);
}

static void read_maps(struct traced *traced)
{
	struct err err = { 0 };

	must(aggregates_read(probe_session_maps(traced->session), &traced->aggregates, &err), &err);
}

static void end(struct traced *traced)
{
	governor_stop(traced->governor);
	probe_session_close(traced->session);
	aggregates_free(&traced->aggregates);
	plan_free(&traced->plan);
	target_close(&traced->target);
	child_end(&traced->child);
}

static uint64_t lost(const struct traced *traced)
{
	uint64_t lost = 0;

	for (int i = CT_LOST_TASK; i < CT_N_COUNTERS; i++)
		lost += traced->aggregates.counters[i];
	return lost;
}

/* Until there have been so many more windows. They are rare where it takes long to end one. */
static void wait_for_windows(struct traced *traced, uint64_t more)
{
	struct governor_status status;
	uint64_t windows;

	governor_status(traced->governor, &status);
	windows = status.windows + (probe_session_uses_multi(traced->session) ? more : 2);
	do {
		usleep(20000);
		governor_status(traced->governor, &status);
		assert_int_equal(status.error, 0);
	} while (status.windows < windows);
}

static const struct probe_options multi = { 0 }, perf = { .force_perf = true };

static void a_hot_program_is_traced_in_windows(void **state)
{
	struct governor_status status;
	struct traced traced;

	start(&traced, PINGPONG);
	child_tell(&traced.child, "go");
	assert_true(child_says(&traced.child, "started"));
	trace(&traced, 2, *state);
	wait_for_windows(&traced, 12);
	governor_status(traced.governor, &status);
	read_maps(&traced);
	print_message("# %llu windows, on %.3f, %.0f ns a hit, overhead %.2f %%\n",
		      (unsigned long long)status.windows, (double)status.on_ns / status.elapsed_ns,
		      status.hit_cost_ns, status.overhead_pct);
	assert_false(status.always_on);
	assert_true(status.on_ns < status.elapsed_ns / 4);
	assert_true(status.event_weight > 4);
	assert_true(status.hit_cost_ns > 100 && status.hit_cost_ns < 20000);
	/* each goroutine parks, is woken, parks ...: nothing is out of order within a window */
	assert_int_equal(lost(&traced), 0);
	assert_true(traced.aggregates.counters[CT_N_PARK] > 1000);
	/* no wait that went from one window to another has been timed */
	for (size_t i = 0; i < traced.aggregates.tasks.len; i++)
		assert_true(traced.aggregates.tasks.data[i].task.wait_ns_max < 20 * MSEC);
	end(&traced);
}

/* From the first moment on; the machine may be busy with other things, so not to the percent. */
static void begins_within_the_budget(void **state)
{
	struct governor_status status = { 0 }, next;
	struct traced traced;

	(void)state;
	start(&traced, PINGPONG);
	child_tell(&traced.child, "go");
	assert_true(child_says(&traced.child, "started"));
	trace(&traced, 2, &multi);
	for (governor_status(traced.governor, &next); next.windows < 2;) {
		status = next;
		usleep(1000);
		governor_status(traced.governor, &next);
	}
	print_message("# the first window and its end cost %.2f ms\n",
		      status.overhead_pct / 100 * status.elapsed_ns / 1e6);
	assert_true(status.overhead_pct / 100 * status.elapsed_ns < 0.02 * 1000 * MSEC);
	end(&traced);
}

static void a_quiet_program_is_traced_all_the_time(void **state)
{
	struct governor_status status;
	struct traced traced;

	(void)state;
	start(&traced, PINGPONG);
	trace(&traced, 2, &multi);
	do {
		usleep(20000);
		governor_status(traced.governor, &status);
	} while (status.elapsed_ns < 1000 * MSEC);
	assert_in_range(status.windows, 1, 2);
	assert_true(status.on_ns > status.elapsed_ns * 0.8);
	assert_true(status.overhead_pct < 2);
	end(&traced);
}

/* A number of the program's own report. */
static uint64_t report_of(struct child *child, const char *key)
{
	char line[512] = "", quoted[64];
	const char *found = NULL;
	size_t len = 0;

	snprintf(quoted, sizeof(quoted), "\"%s\":", key);
	child_tell(child, "report");
	while (!found && read(child->from, line + len, 1) == 1) {
		if (line[len] != '\n' && len < sizeof(line) - 2) {
			len++;
			continue;
		}
		line[len] = '\0';
		found = strstr(line, quoted);
		len = 0;
	}
	assert_non_null(found);
	return strtoull(found + strlen(quoted), NULL, 10);
}

static void start_path(struct traced *traced, char *path)
{
	start(traced, path);
	child_tell(&traced->child, "go");
	assert_true(child_says(&traced->child, "started"));
}

/*
 * In a window each hit costs many times what the program's own work takes, so it does a tenth of what
 * it does outside; and yet what is counted stands for all of it. A round trip parks twice.
 */
static void hot_counts_are_right(void **state)
{
	glob_t found = { 0 };

	(void)state;
	if (glob("build/targets/1.*/pingpong", 0, NULL, &found))
		skip();
	for (size_t i = 0; i<found.gl_pathc; i += found.gl_pathc> 1 ? found.gl_pathc - 1 : 1) {
		struct governor_status status;
		uint64_t before, trips, parks;
		struct traced traced;

		start_path(&traced, found.gl_pathv[i]);
		trace(&traced, 2, &multi);
		wait_for_windows(&traced, 5);
		read_maps(&traced);
		before = report_of(&traced.child, "ops");
		parks = traced.aggregates.counters[CT_N_PARK];
		wait_for_windows(&traced, 60);
		governor_status(traced.governor, &status);
		read_maps(&traced);
		trips = report_of(&traced.child, "ops") - before;
		parks = traced.aggregates.counters[CT_N_PARK] - parks;
		print_message("# %s: %.3f parks a round trip, error %.3f, slowdown %.2f, on %.3f\n",
			      found.gl_pathv[i], (double)parks / trips, status.hits_error,
			      status.slowdown, (double)status.on_ns / status.elapsed_ns);
		assert_true(status.is_paced);
		/* by time it would be a tenth */
		assert_true(parks > 1.5 * trips && parks < 2.5 * trips);
		end(&traced);
	}
	globfree(&found);
}

static void without_a_budget_nothing_is_missed(void **state)
{
	struct governor_status status;
	struct traced traced;
	const struct ct_spawn *most;
	uint64_t spawned, exited;

	start(&traced, STORM);
	trace(&traced, -1, *state);
	child_tell(&traced.child, "go");
	assert_true(child_says(&traced.child, "started"));
	usleep(300000);
	child_tell(&traced.child, "stop");
	assert_true(child_says(&traced.child, "stopped"));
	exited = report_of(&traced.child, "exited");
	spawned = report_of(&traced.child, "spawned");
	governor_status(traced.governor, &status);
	assert_true(status.always_on);
	assert_int_equal(status.windows, 1);
	assert_true(status.event_weight == 1);
	assert_true(status.hits >= spawned + exited);
	read_maps(&traced);
	assert_int_equal(lost(&traced), 0);
	assert_true(traced.aggregates.spawns.len > 0);
	/* by the go statement, as the runtime spawns too (workers of the collector) */
	most = &traced.aggregates.spawns.data[0].spawn;
	for (size_t i = 1; i < traced.aggregates.spawns.len; i++)
		if (traced.aggregates.spawns.data[i].spawn.spawned > most->spawned)
			most = &traced.aggregates.spawns.data[i].spawn;
	assert_int_equal(most->spawned, spawned);
	assert_int_equal(most->exited, exited);
	end(&traced);
}

/* The program is much slower in windows, so only the ids tell how many there were. */
static void counts_spawns_by_their_ids(void **state)
{
	struct governor_status before, after;
	struct traced traced;
	uint64_t spawned;

	(void)state;
	start(&traced, STORM);
	trace(&traced, 2, &multi);
	child_tell(&traced.child, "go");
	assert_true(child_says(&traced.child, "started"));
	wait_for_windows(&traced, 8);
	governor_status(traced.governor, &before);
	spawned = report_of(&traced.child, "spawned");
	wait_for_windows(&traced, 8);
	spawned = report_of(&traced.child, "spawned") - spawned;
	governor_status(traced.governor, &after);
	print_message("# %lu spawned, %lu by their ids, slowdown %.2f\n", spawned,
		      after.newest_goid - before.newest_goid, after.slowdown);
	/* the windows before the two reports are up to one gap away */
	assert_in_range(after.newest_goid - before.newest_goid, spawned * 0.7, spawned * 1.3);
	assert_true(after.slowdown > 0.3 && after.slowdown <= 1);
	end(&traced);
}

static void expect_quiet_end(struct traced *traced)
{
	struct governor_status status;
	uint64_t begin = clock_now_ns();

	do {
		usleep(10000);
		governor_status(traced->governor, &status);
	} while (!status.error && clock_now_ns() < begin + 5000 * MSEC);
	assert_int_equal(status.error, ESRCH);
	read_maps(traced);
}

static void ends_quietly_when_the_process_dies(void **state)
{
	static const double budgets[] = { -1, 2, 50 };

	(void)state;
	for (size_t i = 0; i < sizeof(budgets) / sizeof(budgets[0]); i++) {
		struct traced traced;

		start(&traced, PINGPONG);
		child_tell(&traced.child, "go");
		trace(&traced, budgets[i], &multi);
		usleep(100000);
		child_end(&traced.child);
		expect_quiet_end(&traced);
		child_start(&traced.child, "/bin/cat", NULL); /* for end() */
		end(&traced);
	}
}

static bool text_is_untouched(pid_t pid)
{
	char command[128], line[64] = "";
	FILE *pipe;

	snprintf(command, sizeof(command), TEXTCMP " %d", pid);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	assert_non_null(fgets(line, sizeof(line), pipe));
	pclose(pipe);
	return !strcmp(line, "0\n");
}

/* The process runs another program, under the same PID: that one must never be probed. */
static void leaves_alone_what_the_process_becomes(void **state)
{
	struct traced traced;

	(void)state;
	start(&traced, EXEC_FORK);
	trace(&traced, 50, &multi);
	child_tell(&traced.child, "go");
	assert_true(child_says(&traced.child, "started"));
	child_tell(&traced.child, "become " OTHER);
	assert_true(child_says(&traced.child, "ready"));
	child_tell(&traced.child, "go");
	assert_true(child_says(&traced.child, "started"));
	for (int i = 0; i < 30; i++)
		assert_true(text_is_untouched(traced.child.pid));
	child_tell(&traced.child, "quit");
	assert_true(child_says(&traced.child, "bye"));
	end(&traced);
}

static void stops_at_any_moment(void **state)
{
	(void)state;
	for (int i = 0; i < 8; i++) {
		struct traced traced;

		start(&traced, PINGPONG);
		child_tell(&traced.child, "go");
		trace(&traced, i % 2 ? 5 : -1, &multi);
		usleep(i * 7000);
		governor_stop(traced.governor);
		traced.governor = NULL;
		read_maps(&traced);
		child_tell(&traced.child, "quit");
		assert_true(child_says(&traced.child, "bye"));
		end(&traced);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(a_hot_program_is_traced_in_windows, (void *)&multi),
		cmocka_unit_test(begins_within_the_budget),
		cmocka_unit_test(a_quiet_program_is_traced_all_the_time),
		cmocka_unit_test(hot_counts_are_right),
		cmocka_unit_test_prestate(without_a_budget_nothing_is_missed, (void *)&multi),
		cmocka_unit_test_prestate(without_a_budget_nothing_is_missed, (void *)&perf),
		cmocka_unit_test(counts_spawns_by_their_ids),
		cmocka_unit_test(ends_quietly_when_the_process_dies),
		cmocka_unit_test(leaves_alone_what_the_process_becomes),
		cmocka_unit_test(stops_at_any_moment),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
