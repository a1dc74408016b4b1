// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cmd/option_table.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define SECONDS_MAX 1e9

int option_bad_value(const struct option_row *row, const char *text, struct err *err)
{
	return err_set(err, EINVAL, OPTIONS_WHAT, OPTIONS_TODO, "--%s takes %s, not \"%.80s\"",
		       row->name, row->wanted, text);
}

#define TAKE(kind)                                                                                 \
	static int take_##kind(const struct option_row *row, const char *text,                     \
			       struct options *options, struct err *err)
/* Where the value belongs. */
#define PLACE(type) (*(type *)((char *)options + row->at))

TAKE(text)
{
	PLACE(const char *) = text;
	return *text ? 0 : option_bad_value(row, text, err);
}

TAKE(count)
{
	char *end;

	errno = 0;
	PLACE(uint64_t) = strtoull(text, &end, 10);
	if (errno || *end || text[0] < '0' || text[0] > '9' || !PLACE(uint64_t) ||
	    PLACE(uint64_t) > row->most)
		return option_bad_value(row, text, err);
	return 0;
}

/* As the tables print it. */
TAKE(address)
{
	char *end;

	errno = 0;
	PLACE(uint64_t) = strtoull(text, &end, 16);
	if (errno || *end || end == text || strchr("+- \t", text[0]) || !PLACE(uint64_t))
		return option_bad_value(row, text, err);
	return 0;
}

TAKE(word)
{
	for (int i = !row->words[0]; row->words[i]; i++)
		if (!strcmp(text, row->words[i])) {
			PLACE(int) = i;
			return 0;
		}
	return option_bad_value(row, text, err);
}

static bool parse_real(const char *text, double most, double *value)
{
	char *end;

	errno = 0;
	*value = strtod(text, &end);
	return !errno && end != text && !*end && isfinite(*value) && *value >= 0 && *value <= most;
}

TAKE(seconds)
{
	double seconds;

	if (!parse_real(text, SECONDS_MAX, &seconds) || seconds * 1e9 < 1e6)
		return option_bad_value(row, text, err);
	PLACE(uint64_t) = (uint64_t)(seconds * 1e9);
	return 0;
}

TAKE(overhead)
{
	if (!strcmp(text, "none")) {
		PLACE(double) = OVERHEAD_NONE;
		return 0;
	}
	return parse_real(text, 100, &PLACE(double)) ? 0 : option_bad_value(row, text, err);
}

/* A number with one of the letters behind it, each of which stands for a factor. */
static bool parse_scaled(const char *text, const char *letters, const double *factors, double most,
			 double *value)
{
	char *end;

	errno = 0;
	*value = strtod(text, &end);
	if (errno || end == text || !isfinite(*value))
		return false;
	if (*end) {
		const char *letter = strchr(letters, *end);

		if (!letter || end[1])
			return false;
		*value *= factors[letter - letters];
	}
	return *value > 0 && *value <= most;
}

TAKE(time)
{
	static const double factors[] = { 1, 60, 3600 };
	double seconds;

	if (!parse_scaled(text, "smh", factors, SECONDS_MAX, &seconds) || seconds < 1)
		return option_bad_value(row, text, err);
	PLACE(uint64_t) = (uint64_t)(seconds * 1e9);
	return 0;
}

TAKE(size)
{
	static const double factors[] = { 1024, 1048576, 1073741824 };
	double size;

	if (!parse_scaled(text, "KMG", factors, 1e15, &size) || size < 1048576)
		return option_bad_value(row, text, err);
	PLACE(uint64_t) = (uint64_t)size;
	return 0;
}

TAKE(threshold)
{
	return threshold_parse(text, &PLACE(struct threshold)) ? 0 :
								 option_bad_value(row, text, err);
}

#define AT(member) offsetof(struct options, member)
#define FLAG(name, letter, needs, member)                                                          \
	{                                                                                          \
		name, letter, needs, NULL, AT(member), NULL, 0, NULL                               \
	}
#define VALUE(name, letter, needs, kind, member, wanted)                                           \
	{                                                                                          \
		name, letter, needs, take_##kind, AT(member), wanted, 0, NULL                      \
	}
#define COUNT(name, letter, needs, member, most, wanted)                                           \
	{                                                                                          \
		name, letter, needs, take_count, AT(member), wanted, most, NULL                    \
	}
#define WORD(name, needs, member, wanted, ...)                                                     \
	{                                                                                          \
		name, 0, needs, take_word, AT(member), wanted, 0, (const char *const[])            \
		{                                                                                  \
			__VA_ARGS__, NULL                                                          \
		}                                                                                  \
	}

#define SECONDS "a number of seconds, at least 0.001"
#define ADDRESS "an address, as 0xc000012345"
#define SIZE "a size such as 64M or 1G"

const struct option_row option_table[] = {
	COUNT("pid", 'p', TAKES_TARGET, pid, INT32_MAX, "a process id"),
	VALUE("name", 'n', TAKES_TARGET, text, name, "a program's name"),
	VALUE("duration", 'd', TAKES_DURATION, seconds, duration_ns, SECONDS),
	VALUE("interval", 'i', TAKES_DURATION, seconds, interval_ns, SECONDS),
	VALUE("format", 'f', 0, text, format_word, "a format"),
	VALUE("output", 'o', 0, text, output, "a file's name"),
	FLAG("verbose", 'v', 0, verbose),
	FLAG("quiet", 'q', 0, quiet),
	FLAG("no-color", 0, 0, no_color),
	FLAG("system", 0, 0, system),
	FLAG("version", 0, 0, version),
	FLAG("help", 'h', 0, help),

	VALUE("max-overhead", 0, TAKES_PROBES, overhead, max_overhead_pct, "percent, or none"),
	COUNT("max-tasks", 0, TAKES_PROBES, max_tasks, 1U << 27, "a number from 1 to 134217728"),
	FLAG("no-probes", 0, TAKES_PROBES, no_probes),

	FLAG("all", 0, TAKES_TASKS, tasks.each),
	VALUE("filter", 0, TAKES_TASKS, text, tasks.filter, "a text"),
	WORD("sort", TAKES_TASKS, tasks.order, "count, age or goid", "count", "age", "goid"),
	COUNT("top", 0, TAKES_TASKS, tasks.most, UINT32_MAX, "a number of rows"),
	WORD("from", TAKES_FROM, from, "events or snapshot", "snapshot", "events"),

	VALUE("max-memory", 0, TAKES_MEMORY, size, max_memory, SIZE),

	WORD("of", TAKES_FLAME, flame.of, "wait, lock, chan, spawn, tasks, block, mutex or leaks",
	     "wait", "lock", "chan", "spawn", "tasks", "block", "mutex", "leaks"),
	VALUE("reason", 0, TAKES_FLAME, text, flame.reason, "a text"),
	VALUE("lock", 0, TAKES_FLAME, address, flame.object, ADDRESS),
	VALUE("chan", 0, TAKES_FLAME, address, flame.object, ADDRESS),
	COUNT("goid", 0, TAKES_FLAME, flame.goid, INT64_MAX, "a goroutine's id"),
	FLAG("created-by", 0, TAKES_FLAME, flame.created_by),

	FLAG("timeline", 0, TAKES_RECORD, timeline),
	FLAG("leaks", 0, TAKES_RECORD, leaks),
	VALUE("keep", 0, TAKES_RECORD, time, keep_ns, "a time such as 90s, 5m or 1h"),
	VALUE("max-size", 0, TAKES_RECORD, size, max_bytes, SIZE),
	VALUE("dump-when", 0, TAKES_RECORD, threshold, dump_when, THRESHOLD_WANTED),
	VALUE("at", 0, TAKES_REPORT, text, at, "a time"),
	FLAG("diff", 0, TAKES_REPORT, diff),

	WORD("service", TAKES_LIMITS, service, "web, consumer or batch", NULL, "web", "consumer",
	     "batch"),
	COUNT("max-goroutines", 0, TAKES_LIMITS, max_goroutines, UINT32_MAX,
	      "a number of goroutines"),
	VALUE("config", 0, TAKES_LIMITS, text, config, "a file's name"),
	WORD("severity", TAKES_LIMITS, severity, "info, warning or critical", "info", "warning",
	     "critical"),
	VALUE("every", 0, TAKES_LIMITS, time, every_ns, "a time such as 30s, 5m or 1h"),
	VALUE("alertmanager", 0, TAKES_LIMITS, text, alertmanager, "a URL"),
	VALUE("race-log", 0, TAKES_LIMITS, text, race_log, "a file's name"),
};

const size_t option_table_len = sizeof(option_table) / sizeof(option_table[0]);
