// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cmd/command.h"
#include "cmd/diagnosed.h"
#include "cmd/limits_file.h"
#include "cmd/live.h"
#include "cmd/observe.h"
#include "cmd/watch.h"

#define DURATION_DEFAULT_NS (10 * NSEC_PER_SEC)

static int diagnose_once(struct observation *observation, const struct options *options,
			 const struct limits *limits, bool *found, struct err *err)
{
	struct diagnosis diagnosis = { 0 };
	struct shown shown;
	int status = observe(observation, options, detect_roles(),
			     options->duration_ns ? options->duration_ns : DURATION_DEFAULT_NS,
			     err);

	if (status)
		return status;
	observation_input(observation, limits, &diagnosis);
	shown = shown_live(&observation->live, options);
	status = diagnosed_print(&diagnosis, &shown, options, found, err);
	diagnosis_free(&diagnosis);
	return status;
}

static int check_usage(const struct options *options, struct err *err)
{
	if (options->alertmanager && !options->every_ns)
		return err_set(err, EINVAL, OPTIONS_WHAT, "say how often: --every 30s",
			       "--alertmanager is for watching");
	if (options->every_ns && options->format != FORMAT_DEFAULT &&
	    options->format != FORMAT_TEXT && options->format != FORMAT_JSON)
		return err_set(err, EINVAL, OPTIONS_WHAT, "leave --every or --format away",
			       "watching gives text or json");
	return 0;
}

int cmd_diagnose(const struct options *options, struct err *err)
{
	struct observation observation;
	struct limits limits;
	bool found = false;
	int status = check_usage(options, err);

	if (!status)
		status = limits_load(options, &limits, err);
	if (!status)
		status = observation_open(&observation, options, err);
	if (status)
		return status;
	if (options->every_ns)
		status = watch(&observation, options, &limits, &found, err);
	else
		status = diagnose_once(&observation, options, &limits, &found, err);
	if (!status)
		live_say_gone(&observation.live, options);
	observation_close(&observation);
	return status ? status : found ? STATUS_FOUND : 0;
}
