// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * probes floor|full|stats|turns PID: conctrace's probes for the tables without the rest of it, always
 * on, until stdin ends. With `floor` an empty BPF program sits at the same places, so that what a hit
 * costs at least can be told from what is done there; with `stats` the kernel measures the program;
 * with `turns` they are put in place and taken away once for every byte of stdin, which is answered
 * by "turned". Prints "attached", and at the end a line of JSON.
 */
#include <bpf/bpf.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe/session.h"

#define WAKER_STACK_MIN_NS 1000000 /* as cmd/live.c has it */

static int fail(const struct err *err)
{
	fprintf(stderr, "probes: %s failed: %s; %s\n", err->what, err->why, err->todo);
	return 1;
}

static int turn(struct probe_session *session, struct err *err)
{
	while (getchar() != EOF) {
		if (probe_session_place(session, err))
			return -1;
		probe_session_detach(session);
		puts("turned");
		fflush(stdout);
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct probe_options options = { .waker_stack_min_ns = WAKER_STACK_MIN_NS };
	uint64_t runs = 0, run_ns = 0, runs_before = 0, ns_before = 0;
	struct probe_session *session;
	struct target target;
	struct err err = { 0 };
	struct plan plan;

	if (argc != 3) {
		fprintf(stderr, "usage: probes floor|full|stats|turns PID\n");
		return 2;
	}
	options.floor = !strcmp(argv[1], "floor");
	if (target_open(atoi(argv[2]), &target, &err) ||
	    plan_make(&target, ROLES_TABLES, &plan, &err) ||
	    probe_session_open(&target, &plan, &options, &session, &err))
		return fail(&err);
	if (!strcmp(argv[1], "stats") && bpf_enable_stats(BPF_STATS_RUN_TIME) < 0) {
		perror("probes: enabling statistics");
		return 1;
	}
	probe_session_run_stats(session, &runs_before, &ns_before);
	if (probe_session_attach(session, &err))
		return fail(&err);
	puts("attached");
	fflush(stdout);
	if (!strcmp(argv[1], "turns")) {
		probe_session_detach(session);
		if (turn(session, &err))
			return fail(&err);
	}
	while (getchar() != EOF)
		;
	probe_session_run_stats(session, &runs, &run_ns);
	probe_session_detach(session);
	printf("{\"hits\": %" PRIu64 ", \"runs\": %" PRIu64 ", \"run_ns\": %" PRIu64 "}\n",
	       probe_session_take_hits(session).all, runs - runs_before, run_ns - ns_before);
	probe_session_close(session);
	plan_free(&plan);
	target_close(&target);
	return 0;
}
