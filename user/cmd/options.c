// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cmd/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cmd/option_table.h"

#define OPTIONS_MAX 64
#define LONG_ONLY 256 /* getopt's value of a long option: its row + this */

struct getopt_tables {
	struct option longs[OPTIONS_MAX + 1];
	char letters[2 * OPTIONS_MAX + 2];
};

static void tables_fill(struct getopt_tables *tables)
{
	size_t at = 0;

	memset(tables, 0, sizeof(*tables));
	/* an option without its value is ':' and not '?' */
	tables->letters[at++] = ':';
	for (size_t i = 0; i < option_table_len && i < OPTIONS_MAX; i++) {
		const struct option_row *row = &option_table[i];

		tables->longs[i] = (struct option){
			.name = row->name,
			.has_arg = row->take ? required_argument : no_argument,
			.val = LONG_ONLY + (int)i,
		};
		if (!row->letter)
			continue;
		tables->letters[at++] = row->letter;
		if (row->take)
			tables->letters[at++] = ':';
	}
}

static const struct option_row *row_of(int option)
{
	if (option >= LONG_ONLY)
		return &option_table[option - LONG_ONLY];
	for (size_t i = 0; i < option_table_len; i++)
		if (option_table[i].letter == option)
			return &option_table[i];
	return NULL;
}

static int take(const struct option_row *row, const char *text, struct options *options,
		struct err *err)
{
	if (row->take)
		return row->take(row, text, options, err);
	*(bool *)((char *)options + row->at) = true;
	return 0;
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
		return err_set(err, EINVAL, OPTIONS_WHAT, OPTIONS_TODO,
			       "this command has one format only");
	return err_set(err, EINVAL, OPTIONS_WHAT, OPTIONS_TODO, "--format takes %s, not \"%.80s\"",
		       wanted, text);
}

static const char *as_typed(int argc, char **argv)
{
	return optind > 0 && optind <= argc ? argv[optind - 1] : "";
}

static int read_options(int argc, char **argv, unsigned allowed, struct options *options,
			struct err *err)
{
	struct getopt_tables tables;
	int option, status = 0;

	tables_fill(&tables);
	opterr = 0;
	optind = 1;
	while (!status &&
	       (option = getopt_long(argc, argv, tables.letters, tables.longs, NULL)) != -1) {
		const struct option_row *row = row_of(option);

		if (option == ':')
			return err_set(err, EINVAL, OPTIONS_WHAT, OPTIONS_TODO, "%s needs a value",
				       as_typed(argc, argv));
		if (!row)
			return err_set(err, EINVAL, OPTIONS_WHAT, OPTIONS_TODO,
				       "there is no option %.80s", as_typed(argc, argv));
		/* a command that cannot use an option says so rather than ignoring it */
		if ((row->needs & allowed) != row->needs)
			return err_set(err, EINVAL, OPTIONS_WHAT, OPTIONS_TODO,
				       "%s has no option --%s", argv[0], row->name);
		status = take(row, optarg, options, err);
	}
	return status;
}

/* What the options must be together. */
static int check(int argc, char **argv, unsigned allowed, const struct options *options,
		 struct err *err)
{
	if (optind < argc && !(allowed & TAKES_WORDS))
		return err_set(err, EINVAL, OPTIONS_WHAT, OPTIONS_TODO,
			       "\"%.80s\" is one word too many", argv[optind]);
	if (options->pid && options->name)
		return err_set(err, EINVAL, OPTIONS_WHAT, OPTIONS_TODO,
			       "-p and -n exclude each other");
	if ((allowed & NEEDS_TARGET) && !options->pid && !options->name)
		return err_set(err, EINVAL, OPTIONS_WHAT,
			       "give -p PID or -n NAME; `conctrace ls` lists them",
			       "no process is named");
	if ((allowed & NEEDS_WORD) && !options->word_count)
		return err_set(err, EINVAL, OPTIONS_WHAT,
			       "give a file that `conctrace record` has written",
			       "no recording is named");
	if ((allowed & NEEDS_OUTPUT) && !options->output)
		return err_set(err, EINVAL, OPTIONS_WHAT, "give -o FILE",
			       "no file to write is named");
	if (options->dump_when.what && !options->keep_ns)
		return err_set(err, EINVAL, OPTIONS_WHAT, "give --keep, too",
			       "--dump-when needs the last minutes to dump");
	return 0;
}

int options_parse(int argc, char **argv, unsigned allowed, unsigned formats,
		  struct options *options, struct err *err)
{
	int status;

	*options = (struct options){ .max_overhead_pct = 2, .severity = SEVERITY_WARNING };
	status = read_options(argc, argv, allowed, options, err);
	if (status)
		return status;
	if (options->help || options->version)
		return 0;
	if (options->format_word) {
		status = check_format(err, options->format_word, formats, options);
		if (status)
			return status;
	}
	options->interval_given = options->interval_ns;
	if (!options->interval_given)
		options->interval_ns = NSEC_PER_SEC;
	options->words = argv + optind;
	options->word_count = argc - optind;
	return check(argc, argv, allowed, options, err);
}
