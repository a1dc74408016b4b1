// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "collect/replay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collect/recording_db.h"
#include "collect/replay_code.h"
#include "collect/replay_rows.h"

struct replay {
	sqlite3 *db;
	struct record_target target;
	struct layout layout;
	char ended[80];
	VEC(struct replay_batch) batches;
	size_t next;
	struct replay_code code;
	struct replay_rows rows;
	sqlite3_stmt *select_capture, *select_snapshot, *select_look, *select_resources;
	struct record_capture capture,
		base; /* base: of the first batch, when others were before it */
	struct aggregates aggregates;
	struct snapshot snapshot;
	struct record_look look; /* without what it found */
	struct resources resources;
	bool has_snapshot, has_look, has_resources;
};

/* The one row of a table without a key: SQLITE_OK, SQLITE_DONE: none. */
static int take_one(sqlite3_stmt *statement, const struct record_table *table, uint64_t batch,
		    void *row)
{
	int result, ignored;

	sqlite3_bind_int64(statement, 1, (sqlite3_int64)batch);
	result = sqlite3_step(statement);
	if (result == SQLITE_ROW) {
		record_table_take(statement, table, row, &ignored);
		result = SQLITE_OK;
	}
	sqlite3_reset(statement);
	return result;
}

static int load_target(struct replay *replay)
{
	sqlite3_stmt *statement;
	int result = record_table_prepare_select(replay->db, &record_target_table, &statement);

	if (result == SQLITE_OK)
		result = take_one(statement, &record_target_table, 0, &replay->target);
	sqlite3_finalize(statement);
	return result == SQLITE_DONE ? SQLITE_CORRUPT : result;
}

static void note_field(struct layout *layout, const char *name, uint32_t value)
{
	if (!strcmp(name, "minor"))
		layout->minor = (int)value;
#define X(field, ...)                                                                              \
	if (!strcmp(name, #field))                                                                 \
		layout->field = value;
	LAYOUT_FIELDS(X)
	LAYOUT_SIZES(X)
	LAYOUT_CONSTANTS(X)
#undef X
}

static int load_layout(struct replay *replay)
{
	sqlite3_stmt *statement;
	int result = sqlite3_prepare_v2(replay->db, "SELECT field, value FROM layout", -1,
					&statement, NULL);

#define X(field, ...) replay->layout.field = LAYOUT_ABSENT;
	LAYOUT_FIELDS(X)
#undef X
	while (result == SQLITE_OK && (result = sqlite3_step(statement)) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(statement, 0);

		if (name)
			note_field(&replay->layout, name,
				   (uint32_t)sqlite3_column_int64(statement, 1));
		result = SQLITE_OK;
	}
	sqlite3_finalize(statement);
	return result == SQLITE_DONE ? SQLITE_OK : result;
}

static int load_batches(struct replay *replay)
{
	/* what is before the first keyframe has lost what it was based on */
	static const char sql[] = "SELECT batch, at_ns, wall_ns FROM capture WHERE batch >= "
				  "(SELECT min(batch) FROM capture WHERE keyframe) ORDER BY batch";
	sqlite3_stmt *statement;
	int result = sqlite3_prepare_v2(replay->db, sql, -1, &statement, NULL);

	while (result == SQLITE_OK && (result = sqlite3_step(statement)) == SQLITE_ROW) {
		struct replay_batch *batch = vec_push(&replay->batches);

		result = batch ? SQLITE_OK : SQLITE_NOMEM;
		if (batch)
			*batch = (struct replay_batch){
				.number = (uint64_t)sqlite3_column_int64(statement, 0),
				.at_ns = (uint64_t)sqlite3_column_int64(statement, 1),
				.wall_ns = (uint64_t)sqlite3_column_int64(statement, 2),
			};
	}
	sqlite3_finalize(statement);
	return result == SQLITE_DONE ? SQLITE_OK : result;
}

static int load_end(struct replay *replay)
{
	sqlite3_stmt *statement;
	int result = sqlite3_prepare_v2(replay->db, "SELECT value FROM meta WHERE key = 'ended'",
					-1, &statement, NULL);

	if (result == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW)
		sqlite3_snprintf(sizeof(replay->ended), replay->ended, "%s",
				 sqlite3_column_text(statement, 0));
	sqlite3_finalize(statement);
	return result;
}

static int load(struct replay *replay)
{
	int result = load_target(replay);

	if (result == SQLITE_OK)
		result = load_layout(replay);
	if (result == SQLITE_OK)
		result = load_batches(replay);
	if (result == SQLITE_OK)
		result = load_end(replay);
	if (result == SQLITE_OK)
		result = replay_code_load(&replay->code, replay->db);
	if (result == SQLITE_OK)
		result = replay_rows_open(&replay->rows, replay->db);
	if (result == SQLITE_OK)
		result = record_table_prepare_select(replay->db, &record_capture_table,
						     &replay->select_capture);
	if (result == SQLITE_OK)
		result = record_table_prepare_select(replay->db, &record_snapshot_table,
						     &replay->select_snapshot);
	if (result == SQLITE_OK)
		result = record_table_prepare_select(replay->db, &record_look_table,
						     &replay->select_look);
	if (result == SQLITE_OK)
		result = record_table_prepare_select(replay->db, &record_resources_table,
						     &replay->select_resources);
	return result;
}

int replay_open(const char *path, struct replay **out, struct err *err)
{
	struct replay *replay = calloc(1, sizeof(*replay));
	int status, result;

	if (!replay)
		return err_set(err, ENOMEM, RECORDING_READING, "free some memory", "out of memory");
	status = recording_db_open(path, &replay->db, err);
	if (status) {
		free(replay);
		return status;
	}
	/* one state of the file, also while it is written */
	status = recording_db_run(replay->db, "BEGIN", RECORDING_READING, err);
	if (!status) {
		result = load(replay);
		/* a missing table or column */
		if (result == SQLITE_ERROR)
			result = SQLITE_CORRUPT;
		if (result != SQLITE_OK)
			status = recording_db_error(replay->db, result, RECORDING_READING, err);
	}
	if (!status && !replay->batches.len)
		status = err_set(err, ENODATA, RECORDING_READING, "record for longer",
				 "%.200s has no batch: it was cut off at once", path);
	if (status) {
		replay_close(replay);
		return status;
	}
	*out = replay;
	return 0;
}

void replay_close(struct replay *replay)
{
	if (!replay)
		return;
	sqlite3_finalize(replay->select_capture);
	sqlite3_finalize(replay->select_snapshot);
	sqlite3_finalize(replay->select_look);
	sqlite3_finalize(replay->select_resources);
	replay_rows_close(&replay->rows);
	replay_code_free(&replay->code);
	aggregates_free(&replay->aggregates);
	snapshot_free(&replay->snapshot);
	vec_free(&replay->batches);
	recording_db_close(replay->db);
	free(replay);
}

const struct record_target *replay_target(const struct replay *replay)
{
	return &replay->target;
}

const struct layout *replay_layout(const struct replay *replay)
{
	return &replay->layout;
}

const char *replay_ended(const struct replay *replay)
{
	return replay->ended;
}

const struct replay_batch *replay_batches(const struct replay *replay, size_t *count)
{
	*count = replay->batches.len;
	return replay->batches.data;
}

static int take_snapshot(struct replay *replay, uint64_t batch)
{
	struct snapshot *snapshot = &replay->snapshot;
	struct record_snapshot row;
	int result = take_one(replay->select_snapshot, &record_snapshot_table, batch, &row);

	if (result == SQLITE_DONE)
		return replay->has_snapshot ? SQLITE_OK : SQLITE_CORRUPT;
	if (result != SQLITE_OK)
		return result;
	if (replay_rows_snapshot(&replay->rows, &replay->code, snapshot))
		return SQLITE_NOMEM;
	snapshot->at_ns = row.at_ns;
	snapshot->took_ns = row.took_ns;
	snapshot->torn = row.torn;
	snapshot->unreadable = row.unreadable;
	snapshot->system = row.system;
	snapshot->reused = row.reused;
	snapshot->ahead_left_out = row.ahead_left_out;
	replay->has_snapshot = true;
	return SQLITE_OK;
}

static int take_look(struct replay *replay, uint64_t batch)
{
	struct record_look look;
	int result = take_one(replay->select_look, &record_look_table, batch, &look);

	if (result == SQLITE_OK) {
		replay->look = look;
		replay->has_look = true;
	}
	return result == SQLITE_DONE ? SQLITE_OK : result;
}

static int take_resources(struct replay *replay, uint64_t batch)
{
	int result = take_one(replay->select_resources, &record_resources_table, batch,
			      &replay->resources);

	replay->has_resources = result == SQLITE_OK;
	return result == SQLITE_DONE ? SQLITE_OK : result;
}

static void subtract(uint64_t *total, uint64_t base)
{
	*total = *total > base ? *total - base : 0;
}

/* What was before the first batch that was kept is no part of the recording. */
static int begin_at_base(struct replay *replay)
{
	if (replay->next != 1 || replay->batches.data[0].number == 1)
		return SQLITE_OK;
	replay->base = replay->capture;
	return replay_rows_set_base(&replay->rows) ? SQLITE_NOMEM : SQLITE_OK;
}

static void subtract_base(struct record_capture *capture, const struct record_capture *base)
{
	struct governor_status *status = &capture->status;

	if (!base->has_events)
		return;
	subtract(&status->on_ns, base->status.on_ns);
	subtract(&status->elapsed_ns, base->status.elapsed_ns);
	subtract(&status->windows, base->status.windows);
	subtract(&status->hits, base->status.hits);
	subtract(&status->counted_ns, base->status.counted_ns);
	for (int i = 0; i < CT_HIST_SLOTS; i++)
		subtract(&status->whole_ns[i], base->status.whole_ns[i]);
	for (int i = 0; i < CT_PACES; i++)
		subtract(&status->steady_ns[i], base->status.steady_ns[i]);
	for (int i = 0; i < CT_N_COUNTERS; i++)
		subtract(&capture->counters[i], base->counters[i]);
}

static int take_aggregates(struct replay *replay)
{
	if (begin_at_base(replay) != SQLITE_OK)
		return SQLITE_NOMEM;
	subtract_base(&replay->capture, &replay->base);
	if (replay_rows_aggregates(&replay->rows, &replay->code, &replay->aggregates))
		return SQLITE_NOMEM;
	replay->aggregates.at_ns = replay->capture.at_ns;
	memcpy(replay->aggregates.counters, replay->capture.counters,
	       sizeof(replay->aggregates.counters));
	return SQLITE_OK;
}

int replay_next(struct replay *replay, struct replay_moment *moment, struct err *err)
{
	const struct record_capture *capture = &replay->capture;
	uint64_t batch;
	int result;

	if (replay->next == replay->batches.len)
		return 0;
	batch = replay->batches.data[replay->next++].number;
	result = take_one(replay->select_capture, &record_capture_table, batch, &replay->capture);
	if (result == SQLITE_OK)
		result = replay_rows_apply(&replay->rows, batch, capture->keyframe);
	if (result == SQLITE_OK && capture->has_snapshot)
		result = take_snapshot(replay, batch);
	if (result == SQLITE_OK)
		result = take_look(replay, batch);
	if (result == SQLITE_OK)
		result = take_resources(replay, batch);
	if (result == SQLITE_OK && capture->has_events)
		result = take_aggregates(replay);
	if (result != SQLITE_OK)
		return recording_db_error(replay->db,
					  result == SQLITE_DONE ? SQLITE_CORRUPT : result,
					  RECORDING_READING, err);
	*moment = (struct replay_moment){
		.capture = capture,
		.aggregates = capture->has_events ? &replay->aggregates : NULL,
		.status = capture->has_events ? &capture->status : NULL,
		.snapshot = capture->has_snapshot ? &replay->snapshot : NULL,
		.resources = replay->has_resources ? &replay->resources : NULL,
	};
	return 1;
}

int replay_look(struct replay *replay, struct record_look *look, struct err *err)
{
	*look = replay->look;
	if (!replay->has_look)
		return 0;
	if (!replay_rows_leaks(&replay->rows, &replay->code, &look->scan))
		return 1;
	leak_scan_free(&look->scan);
	return err_set(err, ENOMEM, RECORDING_READING, "free some memory", "out of memory");
}

size_t replay_frames(void *ctx, uint64_t pc, struct pclntab_frame *frames, size_t max)
{
	const struct replay *replay = ctx;

	return replay_code_frames(&replay->code, pc, frames, max);
}

const char *replay_variable(void *ctx, uint64_t addr, uint64_t *start)
{
	const struct replay *replay = ctx;

	return replay_code_variable(&replay->code, addr, start);
}

struct sqlite3 *replay_db(const struct replay *replay)
{
	return replay->db;
}
