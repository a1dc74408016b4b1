// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd/command.h"
#include "cmd/replayed.h"
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

int cmd_report(const struct options *options, struct err *err)
{
	if (options->word_count > 2)
		return too_many(options, 2, err);
	return report_view(options, err);
}
