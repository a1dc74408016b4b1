// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cmd/report_diagnose.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd/command.h"
#include "cmd/diagnosed.h"
#include "cmd/limits_file.h"
#include "cmd/output.h"
#include "cmd/race_log_file.h"
#include "cmd/replayed.h"
#include "probe/table.h"

static int check_usage(const struct options *options, struct err *err)
{
	if (options->every_ns || options->alertmanager)
		return err_set(err, EINVAL, OPTIONS_WHAT, "leave it out",
			       "--every and --alertmanager are for a live process");
	if (options->format != FORMAT_DEFAULT && !(FORMATS_DIAGNOSE & FORMAT_BIT(options->format)))
		return err_set(err, EINVAL, OPTIONS_WHAT, "use text, json, html or mermaid",
			       "diagnose has no such format");
	return 0;
}

static int diagnose(struct replayed *replayed, const struct observed *observed,
		    const struct options *options, const struct limits *limits,
		    const struct race_log *races, bool *found, struct err *err)
{
	struct shown shown = replayed_shown(replayed, options);
	struct diagnosis diagnosis = {
		.input = { .model = &replayed->model,
			   .limits = limits,
			   .roles = replayed->model.has_events ? ROLES_RECORD : 0,
			   .pid = replayed->facts.pid,
			   .recording = options->words[0],
			   .wall_ahead_ns = replayed->wall_ahead_ns,
			   .gomaxprocs = replayed->facts.gomaxprocs,
			   .gone = replayed_is_end_of_process(replayed),
			   .leaks = replayed->leaks.known ? &replayed->leaks.leaks : NULL,
			   .leaks_model = &replayed->leaks.model,
			   .no_leaks = replayed->leaks.why_not[0] ?
					       replayed->leaks.why_not :
					       "it was recorded without --leaks",
			   .races = races }
	};
	int status;

	if (!observed->snapshots)
		return err_set(err, ENODATA, "diagnosing the recording", "record for longer",
			       "%.200s has no snapshot", options->words[0]);
	model_take_overall_rates(&replayed->model);
	observed_input(observed, &diagnosis.input);
	if (!diagnosis.input.roles)
		snprintf(diagnosis.no_probes, sizeof(diagnosis.no_probes),
			 "it was recorded without them");
	status = diagnosed_print(&diagnosis, &shown, options, found, err);
	diagnosis_free(&diagnosis);
	return status;
}

int report_diagnose(const struct options *options, struct err *err)
{
	struct observed observed = { 0 };
	struct race_log races = { 0 };
	struct replayed replayed;
	struct limits limits;
	bool found = false;
	int status = check_usage(options, err);

	if (!status)
		status = limits_load(options, &limits, err);
	if (!status && options->race_log)
		status = race_log_load(options->race_log, &races, err);
	if (!status && observed_begin(&observed))
		status = output_no_memory(err);
	if (!status)
		status = replayed_open(&replayed, options->words[0], options->at, NULL, &observed,
				       err);
	if (!status) {
		status = diagnose(&replayed, &observed, options, &limits,
				  options->race_log ? &races : NULL, &found, err);
		replayed_close(&replayed);
	}
	observed_free(&observed);
	race_log_free(&races);
	return status ? status : found ? STATUS_FOUND : 0;
}
