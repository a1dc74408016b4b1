/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The command line: one parser for all commands. */
#ifndef CMD_OPTIONS_H
#define CMD_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "model/select.h"

enum output_format { FORMAT_DEFAULT, FORMAT_TEXT, FORMAT_JSON };

#define OVERHEAD_NONE -1.0 /* trace every event */

struct options {
	pid_t pid;            /* 0: not given */
	const char *name;     /* NULL: not given */
	uint64_t duration_ns; /* 0: not given */
	uint64_t interval_ns;
	enum output_format format;
	const char *output;      /* NULL: stdout */
	double max_overhead_pct; /* OVERHEAD_NONE, or percent */
	uint32_t max_tasks;      /* 0: the default */
	bool no_probes, system, verbose, quiet, no_color, from_events;
	bool help, version;
	struct task_selection tasks;
};

/* What a command takes beyond the options that all have. */
enum options_allowed {
	TAKES_TARGET = 1,    /* -p, -n */
	NEEDS_TARGET = 2,    /* one of them must be given */
	TAKES_TASKS = 4,     /* --all, --filter, --sort, --top */
	TAKES_FROM = 8,      /* --from */
	TAKES_DURATION = 16, /* -d, -i */
	TAKES_PROBES = 32,   /* --max-overhead, --max-tasks, --no-probes */
};

/*
 * Parse argv[1..argc); argv[0] is the command's name. 0, or -EINVAL with the error: exit status 2.
 * Strings stay in argv.
 */
int options_parse(int argc, char **argv, unsigned allowed, struct options *options,
		  struct err *err);

#endif
