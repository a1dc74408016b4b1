// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd/command.h"
#include "cmd/replayed.h"
#include "cmd/report_trace.h"
#include "cmd/shown.h"

static int too_many(const struct options *options, int most, struct err *err)
{
	return err_set(err, EINVAL, OPTIONS_WHAT, "see `conctrace report --help`",
		       "\"%.80s\" is one word too many", options->words[most]);
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
	status = replayed_open(&replayed, options->words[0], options->at, err);
	if (status)
		return status;
	shown = replayed_shown(&replayed, options);
	status = shown_print(view, &shown, options, err);
	replayed_close(&replayed);
	return status;
}

/* By -f, else by the name of the file to write. */
static enum output_format trace_format(const struct options *options)
{
	const char *dot = options->output ? strrchr(options->output, '.') : NULL;

	if (options->format != FORMAT_DEFAULT)
		return options->format;
	if (dot && !strcmp(dot, ".pftrace"))
		return FORMAT_PERFETTO;
	/* a view has no default of JSON, so this cannot be meant for one */
	if (dot && !strcmp(dot, ".json") && options->word_count == 1)
		return FORMAT_CHROME;
	return FORMAT_TEXT;
}

int cmd_report(const struct options *options, struct err *err)
{
	struct options complete = *options;

	complete.format = trace_format(options);
	if (options->word_count > 2)
		return too_many(options, 2, err);
	if (complete.format != FORMAT_PERFETTO && complete.format != FORMAT_CHROME)
		return report_view(&complete, err);
	if (options->word_count > 1)
		return too_many(options, 1, err);
	return report_trace(&complete, err);
}
