// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd/command.h"
#include "cmd/flame.h"
#include "cmd/replayed.h"
#include "cmd/report_trace.h"
#include "cmd/shown.h"

static int too_many(const struct options *options, int most, struct err *err)
{
	return err_set(err, EINVAL, OPTIONS_WHAT, "see `conctrace report --help`",
		       "\"%.80s\" is one word too many", options->words[most]);
}

static bool is_flame(const struct options *options)
{
	return options->word_count > 1 && !strcmp(options->words[1], "flame");
}

static int report_view(const struct options *options, struct err *err)
{
	const struct shown_view *view =
		shown_view_find(options->word_count > 1 ? options->words[1] : "top", err);
	struct replayed replayed;
	struct shown shown;
	int status;

	if (!view)
		return -EINVAL;
	status = replayed_open(&replayed, options->words[0], options->at,
			       is_flame(options) ? &options->flame : NULL, err);
	if (status)
		return status;
	shown = replayed_shown(&replayed, options);
	status = shown_print(view, &shown, options, err);
	replayed_close(&replayed);
	return status;
}

/* By -f, else by the name of the file to write. */
static int choose_format(struct options *options, struct err *err)
{
	const char *dot = options->output ? strrchr(options->output, '.') : NULL;

	if (is_flame(options)) {
		options->flame.system = options->system;
		options->flame.labels = options->format == FORMAT_PPROF;
		return flame_choose_format(options, err);
	}
	if (options->format != FORMAT_DEFAULT)
		return 0;
	if (dot && !strcmp(dot, ".pftrace"))
		options->format = FORMAT_PERFETTO;
	/* a view has no default of JSON, so this cannot be meant for one */
	else if (dot && !strcmp(dot, ".json") && options->word_count == 1)
		options->format = FORMAT_CHROME;
	return 0;
}

int cmd_report(const struct options *options, struct err *err)
{
	struct options complete = *options;
	int status = choose_format(&complete, err);

	if (status)
		return status;
	if (options->word_count > 2)
		return too_many(options, 2, err);
	if (complete.format != FORMAT_PERFETTO && complete.format != FORMAT_CHROME)
		return report_view(&complete, err);
	if (options->word_count > 1)
		return too_many(options, 1, err);
	return report_trace(&complete, err);
}
