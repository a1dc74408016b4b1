/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The command line: one parser for all commands. */
#ifndef CMD_OPTIONS_H
#define CMD_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "detect/finding.h"
#include "detect/limits.h"
#include "model/flame.h"
#include "model/select.h"
#include "model/threshold.h"

/* What a command can give; FORMAT_DEFAULT: not given, the first that the command has. */
enum output_format {
	FORMAT_DEFAULT,
	FORMAT_TEXT,
	FORMAT_JSON,
	FORMAT_DOT,
	FORMAT_MERMAID,
	FORMAT_HTML,
	FORMAT_FOLDED,
	FORMAT_SVG,
	FORMAT_PPROF,
	FORMAT_SPEEDSCOPE,
	FORMAT_PERFETTO,
	FORMAT_CHROME,
	FORMAT_COUNT
};
#define FORMAT_BIT(format) (1U << (format))
#define FORMATS_TEXT_JSON (FORMAT_BIT(FORMAT_TEXT) | FORMAT_BIT(FORMAT_JSON))

/* An error of this kind is wrong usage: exit status 2. */
#define OPTIONS_WHAT "reading the command line"
#define OPTIONS_TODO "see `conctrace --help`"

#define OVERHEAD_NONE -1.0 /* trace every event */

enum tasks_from { FROM_SNAPSHOT, FROM_EVENTS };

struct options {
	uint64_t pid;         /* 0: not given */
	const char *name;     /* NULL: not given */
	uint64_t duration_ns; /* 0: not given */
	uint64_t interval_ns;
	bool interval_given;
	enum output_format format;
	const char *format_word; /* NULL: not given */
	const char *output;      /* NULL: stdout */
	double max_overhead_pct; /* OVERHEAD_NONE, or percent */
	uint64_t max_tasks;      /* 0: the default */
	uint64_t max_memory;     /* bytes; 0: the default */
	bool no_probes, system, verbose, quiet, no_color;
	bool help, version;
	enum tasks_from from;
	struct task_selection tasks;
	char *const *words; /* `word_count` of them; in argv */
	int word_count;
	bool timeline, leaks, diff;
	uint64_t keep_ns, max_bytes; /* 0: not given */
	struct threshold dump_when;
	const char *at; /* NULL: not given */
	/* of diagnose */
	enum service service;                         /* SERVICE_UNKNOWN: not given */
	uint64_t max_goroutines;                      /* 0: not given */
	const char *config, *race_log, *alertmanager; /* NULL: not given */
	int severity;      /* enum severity: from there on the exit status is 3 */
	uint64_t every_ns; /* 0: once */
	struct flame_options flame;
};

/* What a command takes beyond the options that all have. */
enum options_allowed {
	TAKES_TARGET = 1 << 0,   /* -p, -n */
	NEEDS_TARGET = 1 << 1,   /* one of them must be given */
	TAKES_TASKS = 1 << 2,    /* --all, --filter, --sort, --top */
	TAKES_FROM = 1 << 3,     /* --from */
	TAKES_DURATION = 1 << 4, /* -d, -i */
	TAKES_PROBES = 1 << 5,   /* --max-overhead, --max-tasks, --no-probes */
	TAKES_LIMITS = 1 << 6, /* --service, --max-goroutines, --config, --severity, --every, ... */
	TAKES_FLAME = 1 << 7,  /* --of, --reason, --lock, --chan, --goid, --created-by */
	TAKES_WORDS = 1 << 10, /* words that are no options */
	NEEDS_WORD = 1 << 11,  /* at least one */
	NEEDS_OUTPUT = 1 << 12, /* -o */
	TAKES_RECORD = 1 << 13, /* --timeline, --leaks, --keep, --max-size, --dump-when */
	TAKES_REPORT = 1 << 14, /* --at, --diff */
	TAKES_MEMORY = 1 << 15, /* --max-memory */
};

/*
 * Parse argv[1..argc); argv[0] is the command's name. `formats` are bits of enum output_format. 0, or
 * -EINVAL with the error: exit status 2. Strings stay in argv.
 */
int options_parse(int argc, char **argv, unsigned allowed, unsigned formats,
		  struct options *options, struct err *err);

#endif
