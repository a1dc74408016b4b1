// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cmd/replayed.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "cmd/output.h"

#define AT_WANTED "seconds since the beginning, -seconds before the end, or a time (RFC 3339, UTC)"

static int bad_time(const char *at, struct err *err)
{
	return err_set(err, EINVAL, OPTIONS_WHAT, "see `conctrace report --help`",
		       "--at takes " AT_WANTED ", not \"%.80s\"", at);
}

/* CLOCK_REALTIME, within the recording or not. */
static int parse_time(const char *at, uint64_t first_ns, uint64_t last_ns, uint64_t *wall_ns,
		      struct err *err)
{
	struct tm utc = { 0 };
	double seconds, part = 0;
	const char *rest;
	char *end;

	seconds = strtod(at, &end);
	if (end != at && !*end && isfinite(seconds) && fabs(seconds) < 1e9) {
		/* not as a double, which has no room for the nanoseconds of a date */
		*wall_ns =
			(signbit(seconds) ? last_ns : first_ns) + (uint64_t)llround(seconds * 1e9);
		return 0;
	}
	rest = strptime(at, "%Y-%m-%dT%H:%M:%S", &utc);
	if (!rest)
		return bad_time(at, err);
	if (*rest == '.') {
		part = strtod(rest, &end);
		rest = end;
	}
	if (*rest && strcmp(rest, "Z") != 0)
		return bad_time(at, err);
	/* JSON has microseconds: what it shows finds the batch again */
	*wall_ns = (uint64_t)timegm(&utc) * NSEC_PER_SEC + (uint64_t)(part * 1e9) + 999;
	return 0;
}

static int find_batch(struct replayed *replayed, const char *at, struct err *err)
{
	size_t count, found;
	const struct replay_batch *batches = replay_batches(replayed->replay, &count);
	uint64_t wall_ns = 0;
	int status;

	replayed->batch = &batches[count - 1];
	if (!at)
		return 0;
	status = parse_time(at, batches[0].wall_ns, batches[count - 1].wall_ns, &wall_ns, err);
	if (status)
		return status;
	if (wall_ns < batches[0].wall_ns)
		return err_set(err, ERANGE, "finding the time", "give a later one with --at",
			       "the recording begins after %.80s", at);
	for (found = 0; found + 1 < count && batches[found + 1].wall_ns <= wall_ns; found++)
		;
	replayed->batch = &batches[found];
	return 0;
}

static int note_states(struct replayed *replayed)
{
	struct replayed_states *states = vec_push(&replayed->states);

	if (!states)
		return -ENOMEM;
	states->at_ns = replayed->model.at_ns;
	memcpy(states->by_state, replayed->model.by_state, sizeof(states->by_state));
	return 0;
}

/* Of the batches' pairs of times the closest is that of the least delay between the two clocks. */
static void note_clock(struct replayed *replayed)
{
	size_t count;
	const struct replay_batch *batches = replay_batches(replayed->replay, &count);

	replayed->wall_ahead_ns = batches[0].wall_ns - batches[0].at_ns;
	for (size_t i = 1; i < count; i++) {
		int64_t later =
			(int64_t)(batches[i].wall_ns - batches[i].at_ns - replayed->wall_ahead_ns);

		if (later < 0)
			replayed->wall_ahead_ns += (uint64_t)later;
	}
}

/* A snapshot that is new since the batch before. */
static int note_snapshot(struct replayed *replayed)
{
	const struct replay_moment *moment = &replayed->moment;
	struct observed *observed = replayed->observed;

	if (!observed || !moment->snapshot || moment->snapshot->at_ns == observed->last_ns)
		return 0;
	return observed_note(observed, &replayed->model, true, moment->resources);
}

/* The model as it was made: by every batch, since it remembers what it saw before. */
static int replay_all(struct replayed *replayed, struct err *err)
{
	struct replay_moment *moment = &replayed->moment;
	size_t count;
	const struct replay_batch *batches = replay_batches(replayed->replay, &count);

	for (size_t i = 0; i < count; i++) {
		int status = replay_next(replayed->replay, moment, err);

		if (status < 0)
			return status;
		if (!status)
			break;
		if (model_update(&replayed->model, moment->aggregates, moment->status,
				 moment->snapshot) ||
		    note_states(replayed) || note_snapshot(replayed))
			return output_no_memory(err);
		if (replayed->samples && moment->snapshot &&
		    flame_samples_add(replayed->samples, &replayed->model, moment->snapshot))
			return output_no_memory(err);
		if (&batches[i] == replayed->batch)
			break;
	}
	replayed->facts.age_ns = moment->capture->age_ns;
	capture_note(&replayed->capture, &replayed->model, moment->status, moment->snapshot,
		     moment->capture->map_bytes, moment->capture->wall_ns);
	return 0;
}

static int start_model(struct replayed *replayed, struct model *model, struct err *err)
{
	const struct record_target *target = replay_target(replayed->replay);

	return model_init(model, replay_layout(replayed->replay), target->reasons_minor,
			  replay_frames, replay_variable, replayed->replay, target->goroot_file) ?
		       output_no_memory(err) :
		       0;
}

static int replay_leaks(struct replayed *replayed, struct err *err)
{
	struct record_look look;
	int status = replay_look(replayed->replay, &look, err);

	if (status <= 0)
		return status;
	status = start_model(replayed, &replayed->leaks.model, err);
	if (!status && observed_leaks_take(&replayed->leaks, &look))
		status = output_no_memory(err);
	if (!status && replayed->leaks.known &&
	    leaks_mark(&replayed->leaks.leaks, &replayed->leaks.model, &replayed->model))
		status = output_no_memory(err);
	leak_scan_free(&look.scan);
	return status;
}

int replayed_open(struct replayed *replayed, const char *path, const char *at,
		  const struct flame_options *flame, struct observed *observed, struct err *err)
{
	int status;

	memset(replayed, 0, sizeof(*replayed));
	replayed->observed = observed;
	status = replay_open(path, &replayed->replay, err);
	if (status)
		return status;
	note_clock(replayed);
	replayed->facts = replay_target(replayed->replay)->facts;
	status = start_model(replayed, &replayed->model, err);
	if (!status)
		status = find_batch(replayed, at, err);
	if (!status && flame) {
		size_t count;

		replayed->samples =
			flame_samples_new(flame, replay_batches(replayed->replay, &count)->at_ns);
		if (!replayed->samples)
			status = output_no_memory(err);
	}
	if (!status)
		status = replay_all(replayed, err);
	if (!status)
		status = replay_leaks(replayed, err);
	if (status)
		replayed_close(replayed);
	return status;
}

bool replayed_is_end_of_process(const struct replayed *replayed)
{
	size_t count;
	const struct replay_batch *batches = replay_batches(replayed->replay, &count);

	return replayed->batch == &batches[count - 1] &&
	       !strcmp(replay_ended(replayed->replay), RECORDING_ENDED_WITH_PROCESS);
}

void replayed_close(struct replayed *replayed)
{
	if (replayed->model.symbols)
		model_free(&replayed->model);
	observed_leaks_free(&replayed->leaks);
	flame_samples_free(replayed->samples);
	vec_free(&replayed->states);
	replay_close(replayed->replay);
	replayed->replay = NULL;
}

struct shown replayed_shown(struct replayed *replayed, const struct options *options)
{
	const struct record_target *target = replay_target(replayed->replay);

	struct shown shown = {
		.json = { .target = &replayed->facts,
			  .capture = &replayed->capture,
			  .model = &replayed->model,
			  .system = options->system },
		.view = { .style = output_style(options),
			  .target = &replayed->facts,
			  .capture = &replayed->capture,
			  .model = &replayed->model },
		.dump = { .minor = target->minor,
			  .reasons_minor = target->reasons_minor,
			  .wrapper_id = target->wrapper_id,
			  .look_up = replay_frames,
			  .ctx = replayed->replay },
		.binary = { .start = target->code_start,
			    .limit = target->code_limit,
			    .offset = target->code_offset,
			    .wrapper_id = target->wrapper_id },
		.samples = replayed->samples,
		.leaks = &replayed->leaks,
	};

	memcpy(shown.binary.build_id, target->build_id, sizeof(shown.binary.build_id));
	memcpy(shown.binary.go_build_id, target->go_build_id, sizeof(shown.binary.go_build_id));
	return shown;
}
