// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cmd/watch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "cmd/output.h"
#include "cmd/push.h"
#include "detect/open_incidents.h"
#include "export/alertmanager.h"
#include "export/json_diagnose.h"
#include "view/diagnose.h"

#define LOOK_MAX_NS (10 * NSEC_PER_SEC)
/* An alert that is not sent again for so many rounds has ended. */
#define ROUNDS_TO_EXPIRE 4

struct watch {
	struct observation *observation;
	const struct options *options;
	struct open_incidents open;
	struct pusher *pusher; /* NULL: no Alertmanager */
	bool found;
};

static int tell_json(struct watch *watch, const struct diagnosis *diagnosis,
		     const struct open_incident *incident, struct err *err)
{
	struct json_source source = live_json(&watch->observation->live, watch->options);

	return output_json(json_incident_event(&source, diagnosis, incident), true, watch->options,
			   err);
}

static int tell_text(struct watch *watch, const struct diagnosis *diagnosis,
		     const struct open_incident *incident, struct err *err)
{
	struct output_text text;
	struct view view;
	int status = output_text_open(&text, err);

	if (status)
		return status;
	view = live_view(&watch->observation->live, watch->options, text.stream);
	view_incident_event(&view, diagnosis, incident);
	return output_text_write(&text, watch->options, err);
}

static int tell(struct watch *watch, const struct diagnosis *diagnosis, struct err *err)
{
	int status = 0;

	for (size_t i = 0; i < watch->open.rows.len && !status; i++) {
		const struct open_incident *incident = &watch->open.rows.data[i];

		if (!incident->is_new && !incident->has_ended)
			continue;
		watch->found = true;
		if (watch->options->format == FORMAT_JSON)
			status = tell_json(watch, diagnosis, incident, err);
		else
			status = tell_text(watch, diagnosis, incident, err);
	}
	return status;
}

/* That it can't be reached must not end the watch. */
static void push(struct watch *watch, const struct diagnosis *diagnosis)
{
	struct err err;

	if (!watch->pusher || !watch->open.rows.len)
		return;
	if (pusher_send(watch->pusher,
			alertmanager_alerts(&watch->observation->live.facts, &watch->open,
					    diagnosis, ROUNDS_TO_EXPIRE * watch->options->every_ns),
			&err))
		fprintf(stderr, "conctrace: %s failed: %s; %s\n", err.what, err.why, err.todo);
}

static uint64_t look_ns(const struct options *options)
{
	uint64_t ns = options->duration_ns ? options->duration_ns : LOOK_MAX_NS;

	return ns < options->every_ns ? ns : options->every_ns;
}

static int round_of(struct watch *watch, const struct limits *limits, struct err *err)
{
	struct diagnosis diagnosis = { 0 };
	int status = observe(watch->observation, watch->options, detect_roles(),
			     look_ns(watch->options), err);

	/* a look that was cut short says nothing about what has ended */
	if (status || watch->observation->ended)
		return status;
	observation_input(watch->observation, limits, &diagnosis);
	if (diagnosis_make(&diagnosis) ||
	    open_incidents_update(&watch->open, &diagnosis,
				  (enum severity)watch->options->severity))
		status = output_no_memory(err);
	if (!status) {
		status = tell(watch, &diagnosis, err);
		push(watch, &diagnosis);
	}
	diagnosis_free(&diagnosis);
	return status;
}

static int run(struct watch *watch, const struct limits *limits, struct err *err)
{
	struct live *live = &watch->observation->live;
	uint64_t next_ns = clock_now_ns();
	int status;

	for (;;) {
		status = round_of(watch, limits, err);
		if (status || watch->observation->ended)
			break;
		next_ns += watch->options->every_ns;
		if (next_ns < clock_now_ns())
			next_ns = clock_now_ns();
		if (!live_pause(live, next_ns))
			break;
	}
	if (status || !live->gone)
		return status;
	open_incidents_end(&watch->open);
	status = tell(watch, NULL, err);
	push(watch, NULL);
	return status;
}

int watch(struct observation *observation, const struct options *options,
	  const struct limits *limits, bool *found, struct err *err)
{
	struct watch watch = { .observation = observation, .options = options };
	int status = 0;

	if (options->output)
		return err_set(err, EINVAL, OPTIONS_WHAT, "redirect the standard output instead",
			       "--every goes on for ever, and --output is for one result");
	if (options->alertmanager)
		status = pusher_open(options->alertmanager, "/api/v2/alerts", &watch.pusher, err);
	if (!status)
		status = run(&watch, limits, err);
	*found = watch.found;
	open_incidents_free(&watch.open);
	pusher_close(watch.pusher);
	return status;
}
