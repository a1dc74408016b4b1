// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cmd/observe.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cmd/output.h"
#include "cmd/progress.h"
#include "cmd/race_log_file.h"

/* So many snapshots in an observation, no closer and no farther apart than this. */
#define SNAPSHOTS 12
#define SNAPSHOTS_LEAST 6
#define BETWEEN_MIN_NS (NSEC_PER_SEC / 5)
#define BETWEEN_MAX_NS (5 * NSEC_PER_SEC)
/* Who holds what is looked for in so many of them, and in the last one: it takes long. */
#define AHEAD_EVERY 4
/* A million take some 80 ms of our CPU time. */
#define AHEAD_STEPS 4000000
#define AHEAD_STEPS_LAST 8000000

int observation_open(struct observation *observation, const struct options *options,
		     struct err *err)
{
	int status = 0;

	memset(observation, 0, sizeof(*observation));
	if (options->race_log)
		status = race_log_load(options->race_log, &observation->races, err);
	observation->has_races = options->race_log;
	if (!status)
		status = live_open(&observation->live, options, 0, err);
	if (status)
		race_log_free(&observation->races);
	return status;
}

void observation_close(struct observation *observation)
{
	observed_leaks_free(&observation->leaks);
	observed_free(&observation->observed);
	race_log_free(&observation->races);
	vec_free(&observation->contexts);
	live_close(&observation->live);
}

/* A snapshot when it is time for one; the detectors' series has what they see of it later. */
static int look(struct observation *observation, const struct options *options, bool last,
		struct err *err)
{
	struct live *live = &observation->live;
	uint64_t before_ns = live->has_snapshot ? live->snapshot.at_ns : 0;
	struct resources resources;
	int status;

	live->ahead = last || observation->observed.snapshots % AHEAD_EVERY == 0 ? AHEAD_OF_ALL :
										   AHEAD_OF_NONE;
	live->ahead_steps = last ? AHEAD_STEPS_LAST : AHEAD_STEPS;
	status = live_update(live, options, true, err);
	if (status || !live->has_snapshot || live->snapshot.at_ns == before_ns)
		return status;
	resources_read(live->target.pid, &resources);
	run_queue_read(&live->target, &observation->queue_now);
	if (!observation->observed.snapshots)
		observation->queue_before = observation->queue_now;
	if (last)
		observation->has_contexts =
			!contexts_read(&live->target, &live->snapshot, &observation->contexts);
	return observed_note(&observation->observed, &live->model, live->ahead != AHEAD_OF_NONE,
			     &resources) ?
		       output_no_memory(err) :
		       0;
}

static uint64_t between(uint64_t duration_ns)
{
	uint64_t ns = duration_ns / SNAPSHOTS;

	return ns < BETWEEN_MIN_NS ? BETWEEN_MIN_NS : ns > BETWEEN_MAX_NS ? BETWEEN_MAX_NS : ns;
}

/* Everything of an earlier look goes, then the probes are put in place, if that is possible. */
static int begin(struct observation *observation, const struct options *options, uint32_t roles,
		 struct err *err)
{
	struct live *live = &observation->live;
	struct err why;
	int status = live_renew(live, err);

	observed_leaks_free(&observation->leaks);
	snprintf(observation->leaks.why_not, sizeof(observation->leaks.why_not),
		 "the look was cut short");
	observation->no_probes[0] = '\0';
	observation->has_contexts = false;
	if (status)
		return status;
	if (observed_begin(&observation->observed))
		return output_no_memory(err);
	if (live_attach(live, options, roles, NULL, &why)) {
		snprintf(observation->no_probes, sizeof(observation->no_probes), "%.150s: %.200s",
			 why.what, why.why);
		status = live_renew(live, err);
	} else if (!live->session) {
		snprintf(observation->no_probes, sizeof(observation->no_probes),
			 "as the command line says");
	}
	observation->roles = live->session ? roles : 0;
	return status;
}

int observe(struct observation *observation, const struct options *options, uint32_t roles,
	    uint64_t duration_ns, struct err *err)
{
	struct live *live = &observation->live;
	int status = begin(observation, options, roles, err);
	uint64_t now_ns = clock_now_ns(), end_ns = now_ns + duration_ns, next_ns = now_ns;
	bool go_on = true, progress = progress_wanted(options);

	while (!status && go_on) {
		status = look(observation, options, false, err);
		/* one that took long must not leave the rest of the time without any */
		if (live->next_snapshot_ns > clock_now_ns() + duration_ns / SNAPSHOTS_LEAST)
			live->next_snapshot_ns = clock_now_ns() + duration_ns / SNAPSHOTS_LEAST;
		next_ns += between(duration_ns);
		if (status || live->gone || next_ns >= end_ns)
			break;
		now_ns = clock_now_ns();
		if (progress)
			progress_show("looking", end_ns > now_ns ? end_ns - now_ns : 0);
		go_on = live_pause(live, next_ns);
	}
	if (!status && !live->gone && go_on)
		observation->ended = !live_pause(live, end_ns);
	else
		observation->ended = true;
	if (progress)
		progress_end();
	live_detach(live);
	if (status)
		return status;
	if (live->gone) /* what the probes saw last may be why */
		return live_update(live, options, false, err);
	status = look(observation, options, true, err);
	model_take_overall_rates(&live->model);
	if (!status && !live->gone)
		observed_leaks_find(live, options, &observation->leaks);
	return status;
}

void observation_input(struct observation *observation, const struct limits *limits,
		       struct diagnosis *diagnosis)
{
	struct live *live = &observation->live;

	run_queue_between(&observation->queue_before, &observation->queue_now, &observation->queue);
	diagnosis->input = (struct detect_input){
		.model = &live->model,
		.limits = limits,
		.contexts = observation->has_contexts ? &observation->contexts : NULL,
		.run_queue = observation->queue.known ? &observation->queue : NULL,
		.roles = observation->roles,
		.pid = live->target.pid,
		.wall_ahead_ns = clock_wall_ns(0),
		.gomaxprocs = live->target.gomaxprocs,
		.gone = live->gone,
		.leaks = observation->leaks.known ? &observation->leaks.leaks : NULL,
		.leaks_model = &observation->leaks.model,
		.no_leaks = observation->leaks.why_not,
		.races = observation->has_races ? &observation->races : NULL,
	};
	observed_input(&observation->observed, &diagnosis->input);
	snprintf(diagnosis->no_probes, sizeof(diagnosis->no_probes), "%s", observation->no_probes);
}
