// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd/command.h"
#include "cmd/flame.h"
#include "cmd/output.h"
#include "cmd/replayed.h"
#include "cmd/report_diagnose.h"
#include "cmd/report_trace.h"
#include "cmd/shown.h"
#include "export/json_diff.h"
#include "model/diff.h"
#include "view/diff.h"

static int too_many(const struct options *options, int most, struct err *err)
{
	return err_set(err, EINVAL, OPTIONS_WHAT, "see `conctrace report --help`",
		       "\"%.80s\" is one word too many", options->words[most]);
}

static bool is_view(const struct options *options, const char *name)
{
	return options->word_count > 1 && !strcmp(options->words[1], name);
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
			       is_view(options, "flame") ? &options->flame : NULL, NULL, err);
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

	if (is_view(options, "flame")) {
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

static int print_diff(struct shown *before, struct shown *after, const struct diff *diff,
		      const struct options *options, struct err *err)
{
	struct output_text text;
	int status;

	if (options->format == FORMAT_JSON)
		return output_json(json_diff(&before->json, &after->json, diff), false, options,
				   err);
	status = output_text_open(&text, err);
	if (status)
		return status;
	before->view.out = after->view.out = text.stream;
	if (view_diff(&before->view, &after->view, diff)) {
		output_text_discard(&text);
		return output_no_memory(err);
	}
	return output_text_write(&text, options, err);
}

static int diff_both(struct replayed *before, struct replayed *after, const struct options *options,
		     struct err *err)
{
	struct shown shown_before = replayed_shown(before, options);
	struct shown shown_after = replayed_shown(after, options);
	struct diff diff = { 0 };
	int status;

	model_take_overall_rates(&before->model);
	model_take_overall_rates(&after->model);
	status = diff_make(&before->model, &after->model, &diff) ?
			 output_no_memory(err) :
			 print_diff(&shown_before, &shown_after, &diff, options, err);
	diff_free(&diff);
	return status;
}

static int report_diff(const struct options *options, struct err *err)
{
	struct replayed before, after;
	int status;

	if (options->word_count != 2)
		return err_set(err, EINVAL, OPTIONS_WHAT, "see `conctrace report --help`",
			       "--diff takes two recordings");
	if (options->at)
		return err_set(err, EINVAL, OPTIONS_WHAT, "leave one of them out",
			       "--diff compares the ends, so --at is of no use");
	status = replayed_open(&before, options->words[0], NULL, NULL, NULL, err);
	if (status)
		return status;
	status = replayed_open(&after, options->words[1], NULL, NULL, NULL, err);
	if (!status) {
		status = diff_both(&before, &after, options, err);
		replayed_close(&after);
	}
	replayed_close(&before);
	return status;
}

int cmd_report(const struct options *options, struct err *err)
{
	struct options complete = *options;
	int status;

	if (options->diff)
		return report_diff(options, err);
	status = choose_format(&complete, err);

	if (status)
		return status;
	if (options->word_count > 2)
		return too_many(options, 2, err);
	if (is_view(&complete, "diagnose"))
		return report_diagnose(&complete, err);
	if (complete.format != FORMAT_PERFETTO && complete.format != FORMAT_CHROME)
		return report_view(&complete, err);
	if (options->word_count > 1)
		return too_many(options, 1, err);
	return report_trace(&complete, err);
}
