// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cmd/command.h"
#include "cmd/limits_file.h"
#include "cmd/live.h"
#include "cmd/observe.h"
#include "cmd/output.h"
#include "cmd/watch.h"
#include "export/json_diagnose.h"
#include "export/report.h"
#include "view/diagnose.h"

#define DURATION_DEFAULT_NS (10 * NSEC_PER_SEC)
#define STATUS_FOUND 3

static int write_report(FILE *out, struct live *live, const struct diagnosis *diagnosis,
			const struct options *options)
{
	struct view view = live_view(live, options, out);
	struct flame_binary binary;
	const struct report_source source = { .facts = &live->facts,
					      .capture = &live->capture,
					      .binary = &binary,
					      .model = &live->model,
					      .diagnosis = diagnosis };

	switch (options->format) {
	case FORMAT_HTML:
		flame_binary_of(&live->target, &binary);
		return report_html(out, &source);
	case FORMAT_MERMAID:
		return report_mermaid(out, &source);
	default:
		return view_diagnose(&view, diagnosis);
	}
}

static int print(struct live *live, const struct diagnosis *diagnosis,
		 const struct options *options, struct err *err)
{
	struct json_source source = live_json(live, options);
	struct output_text text;
	int status;

	if (options->format == FORMAT_JSON)
		return output_json(json_diagnose(&source, diagnosis), false, options, err);
	status = output_text_open(&text, err);
	if (status)
		return status;
	if (write_report(text.stream, live, diagnosis, options)) {
		output_text_discard(&text);
		return output_no_memory(err);
	}
	return output_text_write(&text, options, err);
}

static int diagnose_once(struct observation *observation, const struct options *options,
			 const struct limits *limits, bool *found, struct err *err)
{
	struct diagnosis diagnosis = { 0 };
	int status = observe(observation, options, detect_roles(),
			     options->duration_ns ? options->duration_ns : DURATION_DEFAULT_NS,
			     err);

	if (!status)
		status = observation_diagnose(observation, limits, &diagnosis, err);
	if (!status)
		status = print(&observation->live, &diagnosis, options, err);
	*found = !status && findings_worst(&diagnosis.findings) >= options->severity;
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
