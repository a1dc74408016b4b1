// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cmd/options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define WHAT OPTIONS_WHAT
#define TODO "see `conctrace --help`"
#define SECONDS_MAX 1e9

enum long_option {
	OPT_MAX_OVERHEAD = 256,
	OPT_MAX_TASKS,
	OPT_MAX_MEMORY,
	OPT_NO_PROBES,
	OPT_NO_COLOR,
	OPT_SYSTEM,
	OPT_ALL,
	OPT_FILTER,
	OPT_SORT,
	OPT_TOP,
	OPT_FROM,
	OPT_SERVICE,
	OPT_MAX_GOROUTINES,
	OPT_CONFIG,
	OPT_SEVERITY,
	OPT_EVERY,
	OPT_ALERTMANAGER,
	OPT_RACE_LOG,
	OPT_OF,
	OPT_REASON,
	OPT_LOCK,
	OPT_CHAN,
	OPT_GOID,
	OPT_CREATED_BY,
	OPT_TIMELINE,
	OPT_KEEP,
	OPT_MAX_SIZE,
	OPT_DUMP_WHEN,
	OPT_AT,
	OPT_DIFF,
	OPT_VERSION,
};

static const struct option long_options[] = {
	{ "pid", required_argument, NULL, 'p' },
	{ "name", required_argument, NULL, 'n' },
	{ "duration", required_argument, NULL, 'd' },
	{ "interval", required_argument, NULL, 'i' },
	{ "format", required_argument, NULL, 'f' },
	{ "output", required_argument, NULL, 'o' },
	{ "max-overhead", required_argument, NULL, OPT_MAX_OVERHEAD },
	{ "max-tasks", required_argument, NULL, OPT_MAX_TASKS },
	{ "max-memory", required_argument, NULL, OPT_MAX_MEMORY },
	{ "no-probes", no_argument, NULL, OPT_NO_PROBES },
	{ "no-color", no_argument, NULL, OPT_NO_COLOR },
	{ "system", no_argument, NULL, OPT_SYSTEM },
	{ "all", no_argument, NULL, OPT_ALL },
	{ "filter", required_argument, NULL, OPT_FILTER },
	{ "sort", required_argument, NULL, OPT_SORT },
	{ "top", required_argument, NULL, OPT_TOP },
	{ "from", required_argument, NULL, OPT_FROM },
	{ "service", required_argument, NULL, OPT_SERVICE },
	{ "max-goroutines", required_argument, NULL, OPT_MAX_GOROUTINES },
	{ "config", required_argument, NULL, OPT_CONFIG },
	{ "severity", required_argument, NULL, OPT_SEVERITY },
	{ "every", required_argument, NULL, OPT_EVERY },
	{ "alertmanager", required_argument, NULL, OPT_ALERTMANAGER },
	{ "race-log", required_argument, NULL, OPT_RACE_LOG },
	{ "of", required_argument, NULL, OPT_OF },
	{ "reason", required_argument, NULL, OPT_REASON },
	{ "lock", required_argument, NULL, OPT_LOCK },
	{ "chan", required_argument, NULL, OPT_CHAN },
	{ "goid", required_argument, NULL, OPT_GOID },
	{ "created-by", no_argument, NULL, OPT_CREATED_BY },
	{ "verbose", no_argument, NULL, 'v' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "timeline", no_argument, NULL, OPT_TIMELINE },
	{ "keep", required_argument, NULL, OPT_KEEP },
	{ "max-size", required_argument, NULL, OPT_MAX_SIZE },
	{ "dump-when", required_argument, NULL, OPT_DUMP_WHEN },
	{ "at", required_argument, NULL, OPT_AT },
	{ "diff", no_argument, NULL, OPT_DIFF },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static int bad_value(struct err *err, const char *option, const char *value, const char *wanted)
{
	return err_set(err, EINVAL, WHAT, TODO, "%s takes %s, not \"%.80s\"", option, wanted,
		       value);
}

static bool parse_count(const char *text, uint64_t max, uint64_t *count)
{
	char *end;

	errno = 0;
	*count = strtoull(text, &end, 10);
	return !errno && end != text && !*end && text[0] >= '0' && text[0] <= '9' && *count &&
	       *count <= max;
}

static bool parse_real(const char *text, double max, double *value)
{
	char *end;

	errno = 0;
	*value = strtod(text, &end);
	return !errno && end != text && !*end && isfinite(*value) && *value >= 0 && *value <= max;
}

/* Seconds, or with a unit: "500ms", "30s", "5m", "1h". */
static bool parse_duration(const char *text, double *seconds)
{
	static const struct {
		const char *unit;
		double seconds;
	} units[] = { { "ms", 1e-3 }, { "s", 1 }, { "m", 60 }, { "h", 3600 } };
	size_t digits = strspn(text, "0123456789.");
	char number[32];

	if (parse_real(text, SECONDS_MAX, seconds))
		return true;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (!strcmp(text + digits, units[i].unit) && digits < sizeof(number)) {
			snprintf(number, sizeof(number), "%.*s", (int)digits, text);
			if (!parse_real(number, SECONDS_MAX / 3600, seconds))
				return false;
			*seconds *= units[i].seconds;
			return true;
		}
	return false;
}

static int parse_seconds(struct err *err, const char *option, const char *text, uint64_t *ns)
{
	double seconds;

	if (!parse_duration(text, &seconds) || seconds * 1e9 < 1e6)
		return bad_value(err, option, text, "a number of seconds, at least 0.001");
	*ns = (uint64_t)(seconds * 1e9);
	return 0;
}

/* A number with one of the letters behind it, each of which stands for a factor. */
static bool parse_scaled(const char *text, const char *letters, const double *factors, double most,
			 double *value)
{
	double factor = 1;
	char *end, *letter;

	errno = 0;
	*value = strtod(text, &end);
	if (errno || end == text || !isfinite(*value))
		return false;
	if (*end) {
		letter = strchr(letters, *end);
		if (!letter || end[1])
			return false;
		factor = factors[letter - letters];
	}
	*value *= factor;
	return *value > 0 && *value <= most;
}

static int parse_keep(struct err *err, const char *text, uint64_t *ns)
{
	static const double factors[] = { 1, 60, 3600 };
	double seconds;

	if (!parse_scaled(text, "smh", factors, SECONDS_MAX, &seconds) || seconds < 1)
		return bad_value(err, "--keep", text, "a time such as 90s, 5m or 1h");
	*ns = (uint64_t)(seconds * 1e9);
	return 0;
}

/* In bytes, at least a megabyte. */
static int parse_size(struct err *err, const char *option, const char *text, uint64_t *bytes)
{
	static const double factors[] = { 1024, 1048576, 1073741824 };
	double size;

	if (!parse_scaled(text, "KMG", factors, 1e15, &size) || size < 1048576)
		return bad_value(err, option, text, "a size such as 64M or 1G");
	*bytes = (uint64_t)size;
	return 0;
}

static int parse_overhead(struct err *err, const char *text, double *percent)
{
	if (!strcmp(text, "none")) {
		*percent = OVERHEAD_NONE;
		return 0;
	}
	if (!parse_real(text, 100, percent))
		return bad_value(err, "--max-overhead", text, "percent, or none");
	return 0;
}

static int parse_word(struct err *err, const char *option, const char *text,
		      const char *const *words, const char *wanted, int *index)
{
	for (*index = 0; words[*index]; (*index)++)
		if (!strcmp(text, words[*index]))
			return 0;
	return bad_value(err, option, text, wanted);
}

static const char *const format_words[FORMAT_COUNT] = {
	[FORMAT_TEXT] = "text",
	[FORMAT_JSON] = "json",
	[FORMAT_DOT] = "dot",
	[FORMAT_MERMAID] = "mermaid",
	[FORMAT_HTML] = "html",
	[FORMAT_FOLDED] = "folded",
	[FORMAT_SVG] = "svg",
	[FORMAT_PPROF] = "pprof",
	[FORMAT_SPEEDSCOPE] = "speedscope",
	[FORMAT_PERFETTO] = "pftrace",
	[FORMAT_CHROME] = "chrome",
};

/* Only what the command can give; the words of an error are those. */
static int check_format(struct err *err, const char *text, unsigned formats,
			struct options *options)
{
	char wanted[160] = "";
	size_t len = 0;

	for (int format = FORMAT_TEXT; format < FORMAT_COUNT; format++) {
		if (!(formats & FORMAT_BIT(format)))
			continue;
		if (!strcmp(text, format_words[format])) {
			options->format = (enum output_format)format;
			return 0;
		}
		formats &= ~FORMAT_BIT(format);
		len += (size_t)snprintf(wanted + len, sizeof(wanted) - len, "%s%s",
					!len    ? "" :
					formats ? ", " :
						  " or ",
					format_words[format]);
	}
	if (!len)
		return err_set(err, EINVAL, WHAT, TODO, "this command has one format only");
	return bad_value(err, "--format", text, wanted);
}

static int parse_sort(struct err *err, const char *text, struct options *options)
{
	static const char *const words[] = { "count", "age", "goid", NULL };
	int index, status = parse_word(err, "--sort", text, words, "count, age or goid", &index);

	options->tasks.order = (enum task_order)index;
	return status;
}

static int parse_from(struct err *err, const char *text, struct options *options)
{
	static const char *const words[] = { "snapshot", "events", NULL };
	int index, status = parse_word(err, "--from", text, words, "events or snapshot", &index);

	options->from_events = index == 1;
	return status;
}

static int parse_service(struct err *err, const char *text, struct options *options)
{
	static const char *const words[] = { "web", "consumer", "batch", NULL };
	int index, status = parse_word(err, "--service", text, words, "web, consumer or batch",
				       &index);

	options->service = (enum service)(SERVICE_WEB + index);
	return status;
}

static int parse_severity(struct err *err, const char *text, struct options *options)
{
	static const char *const words[] = { "info", "warning", "critical", NULL };

	return parse_word(err, "--severity", text, words, "info, warning or critical",
			  &options->severity);
}

static int parse_file(struct err *err, const char *option, const char *text, const char **file)
{
	*file = text;
	return *text ? 0 : bad_value(err, option, text, "a file's name");
}

static int parse_of(struct err *err, const char *text, struct options *options)
{
	for (int of = 0; of < FLAME_OF_COUNT; of++)
		if (!strcmp(text, flame_of_name((enum flame_of)of))) {
			options->flame.of = (enum flame_of)of;
			return 0;
		}
	return bad_value(err, "--of", text, "wait, lock, chan, spawn, tasks, block or mutex");
}

/* As the tables print it. */
static int parse_address(struct err *err, const char *option, const char *text, uint64_t *addr)
{
	char *end;

	errno = 0;
	*addr = strtoull(text, &end, 16);
	if (errno || *end || end == text || strchr("+- \t", text[0]) || !*addr)
		return bad_value(err, option, text, "an address, as 0xc000012345");
	return 0;
}

/* A command that cannot use an option says so rather than ignoring it. */
static unsigned needed_for(int option)
{
	switch (option) {
	case 'p':
	case 'n':
		return TAKES_TARGET;
	case 'd':
	case 'i':
		return TAKES_DURATION;
	case OPT_MAX_OVERHEAD:
	case OPT_MAX_TASKS:
	case OPT_NO_PROBES:
		return TAKES_PROBES;
	case OPT_MAX_MEMORY:
		return TAKES_MEMORY;
	case OPT_ALL:
	case OPT_FILTER:
	case OPT_SORT:
	case OPT_TOP:
		return TAKES_TASKS;
	case OPT_FROM:
		return TAKES_FROM;
	case OPT_TIMELINE:
	case OPT_KEEP:
	case OPT_MAX_SIZE:
	case OPT_DUMP_WHEN:
		return TAKES_RECORD;
	case OPT_AT:
	case OPT_DIFF:
		return TAKES_REPORT;
	case OPT_SERVICE:
	case OPT_MAX_GOROUTINES:
	case OPT_CONFIG:
	case OPT_SEVERITY:
	case OPT_EVERY:
	case OPT_ALERTMANAGER:
	case OPT_RACE_LOG:
		return TAKES_LIMITS;
	case OPT_OF:
	case OPT_REASON:
	case OPT_LOCK:
	case OPT_CHAN:
	case OPT_GOID:
	case OPT_CREATED_BY:
		return TAKES_FLAME;
	default:
		return 0;
	}
}

static int take(int option, const char *value, struct options *options, struct err *err)
{
	uint64_t count;

	switch (option) {
	case 'p':
		if (!parse_count(value, INT32_MAX, &count))
			return bad_value(err, "-p", value, "a process id");
		options->pid = (pid_t)count;
		return 0;
	case 'n':
		options->name = value;
		return *value ? 0 : bad_value(err, "-n", value, "a program's name");
	case 'd':
		return parse_seconds(err, "--duration", value, &options->duration_ns);
	case 'i':
		options->interval_given = true;
		return parse_seconds(err, "--interval", value, &options->interval_ns);
	case 'f':
		options->format_word = value;
		return 0;
	case 'o':
		options->output = value;
		return *value ? 0 : bad_value(err, "--output", value, "a file's name");
	case 'v':
		options->verbose = true;
		return 0;
	case 'q':
		options->quiet = true;
		return 0;
	case 'h':
		options->help = true;
		return 0;
	case OPT_MAX_OVERHEAD:
		return parse_overhead(err, value, &options->max_overhead_pct);
	case OPT_MAX_TASKS:
		if (!parse_count(value, 1U << 27, &count))
			return bad_value(err, "--max-tasks", value, "a number from 1 to 134217728");
		options->max_tasks = (uint32_t)count;
		return 0;
	case OPT_MAX_MEMORY:
		return parse_size(err, "--max-memory", value, &options->max_memory);
	case OPT_NO_PROBES:
		options->no_probes = true;
		return 0;
	case OPT_NO_COLOR:
		options->no_color = true;
		return 0;
	case OPT_SYSTEM:
		options->system = true;
		return 0;
	case OPT_ALL:
		options->tasks.each = true;
		return 0;
	case OPT_FILTER:
		options->tasks.filter = value;
		return 0;
	case OPT_SORT:
		return parse_sort(err, value, options);
	case OPT_TOP:
		if (!parse_count(value, UINT32_MAX, &count))
			return bad_value(err, "--top", value, "a number of rows");
		options->tasks.most = count;
		return 0;
	case OPT_FROM:
		return parse_from(err, value, options);
	case OPT_TIMELINE:
		options->timeline = true;
		return 0;
	case OPT_KEEP:
		return parse_keep(err, value, &options->keep_ns);
	case OPT_MAX_SIZE:
		return parse_size(err, "--max-size", value, &options->max_bytes);
	case OPT_DUMP_WHEN:
		if (!threshold_parse(value, &options->dump_when))
			return bad_value(err, "--dump-when", value, THRESHOLD_WANTED);
		return 0;
	case OPT_AT:
		options->at = value;
		return 0;
	case OPT_DIFF:
		options->diff = true;
		return 0;
	case OPT_SERVICE:
		return parse_service(err, value, options);
	case OPT_MAX_GOROUTINES:
		return parse_count(value, UINT32_MAX, &options->max_goroutines) ?
			       0 :
			       bad_value(err, "--max-goroutines", value, "a number of goroutines");
	case OPT_CONFIG:
		return parse_file(err, "--config", value, &options->config);
	case OPT_SEVERITY:
		return parse_severity(err, value, options);
	case OPT_EVERY:
		return parse_seconds(err, "--every", value, &options->every_ns);
	case OPT_ALERTMANAGER:
		options->alertmanager = value;
		return *value ? 0 : bad_value(err, "--alertmanager", value, "a URL");
	case OPT_RACE_LOG:
		return parse_file(err, "--race-log", value, &options->race_log);
	case OPT_OF:
		return parse_of(err, value, options);
	case OPT_REASON:
		options->flame.reason = value;
		return 0;
	case OPT_LOCK:
		return parse_address(err, "--lock", value, &options->flame.object);
	case OPT_CHAN:
		return parse_address(err, "--chan", value, &options->flame.object);
	case OPT_GOID:
		if (!parse_count(value, INT64_MAX, &options->flame.goid))
			return bad_value(err, "--goid", value, "a goroutine's id");
		return 0;
	case OPT_CREATED_BY:
		options->flame.created_by = true;
		return 0;
	default:
		options->version = true;
		return 0;
	}
}

static const char *as_typed(int argc, char **argv)
{
	return optind > 0 && optind <= argc ? argv[optind - 1] : "";
}

int options_parse(int argc, char **argv, unsigned allowed, unsigned formats,
		  struct options *options, struct err *err)
{
	int option, status;

	*options = (struct options){ .interval_ns = NSEC_PER_SEC,
				     .max_overhead_pct = 2,
				     .severity = SEVERITY_WARNING };
	opterr = 0;
	optind = 1;
	while ((option = getopt_long(argc, argv, ":p:n:d:i:f:o:vqh", long_options, NULL)) != -1) {
		if (option == ':')
			return err_set(err, EINVAL, WHAT, TODO, "%s needs a value",
				       as_typed(argc, argv));
		if (option == '?')
			return err_set(err, EINVAL, WHAT, TODO, "there is no option %.80s",
				       as_typed(argc, argv));
		if ((needed_for(option) & allowed) != needed_for(option))
			return err_set(err, EINVAL, WHAT, TODO, "%s has no option %.80s", argv[0],
				       as_typed(argc, argv));
		status = take(option, optarg, options, err);
		if (status)
			return status;
	}
	if (options->help || options->version)
		return 0;
	if (options->format_word) {
		status = check_format(err, options->format_word, formats, options);
		if (status)
			return status;
	}
	options->words = argv + optind;
	options->word_count = argc - optind;
	if (optind < argc && !(allowed & TAKES_WORDS))
		return err_set(err, EINVAL, WHAT, TODO, "\"%.80s\" is one word too many",
			       argv[optind]);
	if (options->pid && options->name)
		return err_set(err, EINVAL, WHAT, TODO, "-p and -n exclude each other");
	if ((allowed & NEEDS_TARGET) && !options->pid && !options->name)
		return err_set(err, EINVAL, WHAT,
			       "give -p PID or -n NAME; `conctrace ls` lists them",
			       "no process is named");
	if ((allowed & NEEDS_WORD) && !options->word_count)
		return err_set(err, EINVAL, WHAT, "give a file that `conctrace record` has written",
			       "no recording is named");
	if ((allowed & NEEDS_OUTPUT) && !options->output)
		return err_set(err, EINVAL, WHAT, "give -o FILE", "no file to write is named");
	if (options->dump_when.what && !options->keep_ns)
		return err_set(err, EINVAL, WHAT, "give --keep, too",
			       "--dump-when needs the last minutes to dump");
	return 0;
}
