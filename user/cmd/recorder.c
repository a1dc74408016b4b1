// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cmd/recorder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cmd/output.h"

/* What a timeline has besides. */
#define ROLES_COLLECTOR (ROLE_BIT(ROLE_GC) | ROLE_BIT(ROLE_ASSIST))
/* In a long interval, events are lost for no longer than this when we are killed. */
#define FLUSH_NS NSEC_PER_SEC
/* When events come faster than they can be written, batches must not wait for them. */
#define DRAIN_NS_MOST (NSEC_PER_SEC / 10)
/* Looks at the heap: how often, at most one part in so many of the time, and of our memory. */
#define LOOK_EVERY_NS (60 * NSEC_PER_SEC)
#define LOOK_SHARE 20
#define LOOK_MEMORY (1ULL << 30)

static int take_event(void *ctx, const struct ct_event *event)
{
	struct recorder *recorder = ctx;

	return recording_add_event(recorder->recording, event, recorder->err);
}

int recorder_open(struct recorder *recorder, const struct options *options, struct err *err)
{
	const struct recording_options limits = { .keep_ns = options->keep_ns,
						  .max_bytes = options->max_bytes };
	int status;

	memset(recorder, 0, sizeof(*recorder));
	status = live_open(&recorder->live, options,
			   ROLES_RECORD | (options->timeline ? ROLES_COLLECTOR : 0), err);
	if (status)
		return status;
	recorder->source = live_source(&recorder->live);
	status = recording_create(options->output, &recorder->source, &limits, &recorder->recording,
				  err);
	if (!status && options->timeline && recorder->live.session)
		status = timeline_open(probe_session_maps(recorder->live.session), take_event,
				       recorder, &recorder->timeline, err);
	recorder->flush_ns = clock_now_ns() + FLUSH_NS;
	if (status)
		recorder_close(recorder);
	return status;
}

void recorder_close(struct recorder *recorder)
{
	timeline_close(recorder->timeline);
	recorder->timeline = NULL;
	if (recorder->recording)
		recording_close(recorder->recording, "failed", NULL);
	recorder->recording = NULL;
	observed_leaks_free(&recorder->leaks);
	live_close(&recorder->live);
}

/* When the probes were on; the window that is open now as far as it has come. */
static int add_coverage(struct recorder *recorder, struct err *err)
{
	struct probe_session *session = recorder->live.session;
	uint64_t opened_ns, closed_ns;
	int status = 0;

	while (!status && probe_session_take_window(session, &opened_ns, &closed_ns))
		status = recording_add_coverage(recorder->recording, opened_ns, closed_ns, err);
	if (!status && probe_session_window_is_open(session, &opened_ns))
		status =
			recording_add_coverage(recorder->recording, opened_ns, clock_now_ns(), err);
	return status;
}

int recorder_drain(struct recorder *recorder, struct err *err)
{
	uint64_t end_ns = clock_now_ns() + DRAIN_NS_MOST;
	bool more = true;
	int status = 0;

	if (!recorder->timeline)
		return 0;
	recorder->err = err;
	while (!status && more && clock_now_ns() < end_ns)
		status = timeline_drain(recorder->timeline, &more);
	if (!status && clock_now_ns() >= recorder->flush_ns) {
		recorder->flush_ns = clock_now_ns() + FLUSH_NS;
		status = recording_flush(recorder->recording, err);
	}
	return status;
}

/* That events cannot be written is seen again with the next batch. */
static void drain_meanwhile(void *ctx, const char *phase, unsigned percent)
{
	struct recorder *recorder = ctx;
	struct err ignored;

	(void)phase;
	(void)percent;
	recorder_drain(recorder, &ignored);
}

void recorder_look_now(struct recorder *recorder)
{
	recorder->next_look_ns = 0;
}

/* That it is not possible is no error: the recording says so. */
static void look(struct recorder *recorder, const struct options *options)
{
	const struct leak_scan_options how = {
		.max_memory = options->max_memory ? options->max_memory : LOOK_MEMORY,
		.progress = drain_meanwhile,
		.ctx = recorder,
	};
	struct observed_leaks *leaks = &recorder->leaks;
	uint64_t begin_ns = clock_now_ns(), took_ns;
	struct err why = { 0 };

	if (!options->leaks || begin_ns < recorder->next_look_ns || recorder->live.gone)
		return;
	observed_leaks_free(leaks);
	if (observed_leaks_look(&recorder->live, &how, leaks, &why))
		snprintf(leaks->why_not, sizeof(leaks->why_not), "%.190s", why.why);
	took_ns = clock_now_ns() - begin_ns;
	recorder->next_look_ns =
		begin_ns +
		(took_ns > LOOK_EVERY_NS / LOOK_SHARE ? LOOK_SHARE * took_ns : LOOK_EVERY_NS);
}

static void note_lock(struct record_lock *row, const struct model_lock *lock)
{
	row->addr = lock->addr;
	snprintf(row->kind, sizeof(row->kind), "%s", model_lock_kind_name(lock->kind));
	snprintf(row->symbol, sizeof(row->symbol), "%s", lock->symbol);
	row->waiters = lock->waiters;
	row->waits = lock->stats.waits;
	row->wait_ns_total = wait_stats_total_ns(&lock->stats);
	row->wait_ns_max = lock->stats.wait_ns_max;
	row->releases = lock->releases;
}

static void note_chan(struct record_chan *row, const struct model_chan *chan)
{
	row->addr = chan->addr;
	snprintf(row->symbol, sizeof(row->symbol), "%s", chan->symbol);
	row->state_known = chan->state_known;
	row->closed = chan->closed;
	row->len = chan->len;
	row->cap = chan->cap;
	row->senders_waiting = chan->senders_waiting;
	row->receivers_waiting = chan->receivers_waiting;
	row->sends = chan->ops.sends;
	row->recvs = chan->ops.recvs;
	row->waits = chan->all.waits;
	row->send_wait_ns = wait_stats_total_ns(&chan->send);
	row->recv_wait_ns = wait_stats_total_ns(&chan->recv);
	row->select_wait_ns = chan->select.wait_ns_total;
}

struct model_rows {
	VEC(struct record_lock) locks;
	VEC(struct record_chan) chans;
};

static int note_model(struct model_rows *rows, const struct model *model)
{
	for (size_t i = 0; i < model->locks.len; i++) {
		struct record_lock *row = vec_push(&rows->locks);

		if (!row)
			return -ENOMEM;
		note_lock(row, &model->locks.data[i]);
	}
	for (size_t i = 0; i < model->chans.len; i++) {
		struct record_chan *row = vec_push(&rows->chans);

		if (!row)
			return -ENOMEM;
		note_chan(row, &model->chans.data[i]);
	}
	return 0;
}

static int add_moment(struct recorder *recorder, struct err *err)
{
	const struct live *live = &recorder->live;
	struct model_rows rows = { 0 };
	struct record_leak *leaks = NULL;
	struct record_look look;
	struct resources resources;
	struct recording_moment moment = {
		.wall_ns = live->capture.wall_ns,
		.age_ns = live->facts.age_ns,
		.map_bytes = live->capture.map_bytes,
		.aggregates = live->session ? &live->aggregates : NULL,
		.status = live->session ? &live->status : NULL,
		.snapshot = live->has_snapshot ? &live->snapshot : NULL,
	};
	int status = note_model(&rows, &live->model) ? output_no_memory(err) : 0;

	if (!live->gone) {
		resources_read(live->target.pid, &resources);
		moment.resources = &resources;
	}
	moment.locks = rows.locks.data;
	moment.lock_count = rows.locks.len;
	moment.chans = rows.chans.data;
	moment.chan_count = rows.chans.len;
	if (!status && recorder->leaks.capture.wall_ns) {
		observed_leaks_row(&recorder->leaks, &look);
		leaks = observed_leaks_rows(&recorder->leaks);
		moment.look = &look;
		moment.leaks = leaks;
		status = leaks ? 0 : output_no_memory(err);
	}
	if (!status)
		status = recording_add(recorder->recording, &moment, err);
	free(leaks);
	vec_free(&rows.locks);
	vec_free(&rows.chans);
	recorder->full = status > 0;
	recorder->batches += status >= 0;
	return status < 0 ? status : 0;
}

int recorder_add(struct recorder *recorder, const struct options *options, struct err *err)
{
	int status;

	look(recorder, options);
	status = live_update(&recorder->live, options, true, err);
	if (!status)
		status = recorder_drain(recorder, err);
	if (!status && recorder->timeline)
		status = add_coverage(recorder, err);
	return status ? status : add_moment(recorder, err);
}

int recorder_finish(struct recorder *recorder, const struct options *options, struct err *err)
{
	bool more = true;
	int status = 0;

	live_detach(&recorder->live);
	recorder->err = err;
	while (recorder->timeline && more && !status)
		status = timeline_drain(recorder->timeline, &more);
	recorder_look_now(recorder);
	return status ? status : recorder_add(recorder, options, err);
}
