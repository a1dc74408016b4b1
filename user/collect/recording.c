// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "collect/recording.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "collect/recording_db.h"
#include "collect/recording_origin.h"
#include "collect/recording_parts.h"
#include "collect/recording_ring.h"
#include "collect/recording_rows.h"

/* Numbers given since the last keyframe; with more, the memory for them is given back by a new one. */
#define PARTS_MAX (1U << 20)
#define RESERVE_BYTES (1U << 20)
#define EVENTS_AT_ONCE 65536 /* in a transaction, which is lost as a whole */

struct recording {
	sqlite3 *db;
	struct recording_source source;
	struct recording_options options;
	struct recording_parts parts;
	struct recording_rows rows;
	sqlite3_stmt *insert_capture, *insert_snapshot, *insert_look, *insert_resources,
		*insert_event, *insert_coverage;
	struct recording_ring ring;
	uint64_t base_ns;
	uint64_t batch;          /* the last one */
	uint64_t snapshot_at_ns; /* the last one written */
	uint64_t look_wall_ns;   /* the same of the heap */
	uint64_t events;         /* of the timeline, written for good */
	uint64_t pending;        /* not yet */
	uint64_t lost;           /* that could not be written */
	uint64_t next_event;     /* id */
	uint64_t first_event;    /* id of the first one since the last batch */
	bool keyframe_due, wrote_keyframe, in_transaction;
	char reserve[PATH_MAX]; /* "": none */
};

/*
 * On a full disk SQLite needs some room even to read what there is (the index of its log); so a little
 * is kept, and given back in the end.
 */
static void keep_reserve(struct recording *recording, const char *path)
{
	char *name = recording->reserve;
	FILE *file;

	if (snprintf(name, sizeof(recording->reserve), "%s-reserve", path) >=
	    (int)sizeof(recording->reserve)) {
		name[0] = '\0';
		return;
	}
	file = fopen(name, "we");
	if (file && posix_fallocate(fileno(file), 0, RESERVE_BYTES)) {
		unlink(name);
		name[0] = '\0';
	}
	if (file)
		fclose(file);
}

static void give_back_reserve(struct recording *recording)
{
	if (recording->reserve[0])
		unlink(recording->reserve);
	recording->reserve[0] = '\0';
}

static int begin(struct recording *recording)
{
	int result;

	if (recording->in_transaction)
		return SQLITE_OK;
	result = sqlite3_exec(recording->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	recording->in_transaction = result == SQLITE_OK;
	return result;
}

static int commit(struct recording *recording)
{
	int result;

	if (!recording->in_transaction)
		return SQLITE_OK;
	result = sqlite3_exec(recording->db, "COMMIT", NULL, NULL, NULL);
	if (result != SQLITE_OK)
		return result;
	recording->in_transaction = false;
	recording->events += recording->pending;
	recording->pending = 0;
	return SQLITE_OK;
}

/* What is in the file is as it was after the last commit; what was remembered of it may be wrong. */
static void roll_back(struct recording *recording)
{
	sqlite3_exec(recording->db, "ROLLBACK", NULL, NULL, NULL);
	recording->in_transaction = false;
	recording->lost += recording->pending;
	recording->pending = 0;
	recording->keyframe_due = true;
}

static int failed(struct recording *recording, int result, struct err *err)
{
	int status = recording_db_error(recording->db, result, RECORDING_WRITING, err);

	roll_back(recording);
	return status;
}

static int prepare(struct recording *recording)
{
	sqlite3 *db = recording->db;
	int result = recording_parts_open(&recording->parts, db, &recording->source);

	if (result == SQLITE_OK)
		result = recording_rows_open(&recording->rows, db, &recording->parts);
	if (result == SQLITE_OK)
		result = record_table_prepare_insert(db, &record_capture_table,
						     &recording->insert_capture);
	if (result == SQLITE_OK)
		result = record_table_prepare_insert(db, &record_snapshot_table,
						     &recording->insert_snapshot);
	if (result == SQLITE_OK)
		result = record_table_prepare_insert(db, &record_look_table,
						     &recording->insert_look);
	if (result == SQLITE_OK)
		result = record_table_prepare_insert(db, &record_resources_table,
						     &recording->insert_resources);
	if (result == SQLITE_OK)
		result = sqlite3_prepare_v2(db,
					    "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
					    -1, &recording->insert_event, NULL);
	if (result == SQLITE_OK)
		result = sqlite3_prepare_v2(db, "INSERT OR REPLACE INTO coverage VALUES (?, ?)", -1,
					    &recording->insert_coverage, NULL);
	return result;
}

static void release(struct recording *recording)
{
	recording_rows_close(&recording->rows);
	recording_parts_close(&recording->parts);
	sqlite3_finalize(recording->insert_capture);
	sqlite3_finalize(recording->insert_snapshot);
	sqlite3_finalize(recording->insert_look);
	sqlite3_finalize(recording->insert_resources);
	sqlite3_finalize(recording->insert_event);
	sqlite3_finalize(recording->insert_coverage);
	recording_ring_free(&recording->ring);
	give_back_reserve(recording);
	recording_db_close(recording->db);
	free(recording);
}

int recording_create(const char *path, const struct recording_source *source,
		     const struct recording_options *options, struct recording **out,
		     struct err *err)
{
	struct recording *recording = calloc(1, sizeof(*recording));
	int status, result;

	if (!recording)
		return err_set(err, ENOMEM, RECORDING_WRITING, "free some memory", "out of memory");
	recording->source = *source;
	recording->options = *options;
	recording->keyframe_due = true;
	recording->base_ns = clock_now_ns();
	recording->next_event = recording->first_event = 1;
	status = recording_db_create(path, &recording->db, err);
	if (status) {
		free(recording);
		return status;
	}
	keep_reserve(recording, path);
	result = begin(recording);
	if (result == SQLITE_OK)
		result = recording_origin_write(recording->db, &recording->source,
						recording->base_ns);
	if (result == SQLITE_OK)
		result = commit(recording);
	if (result == SQLITE_OK)
		result = prepare(recording);
	if (result == SQLITE_OK)
		result = recording_ring_init(&recording->ring, recording->db, options,
					     recording->base_ns);
	if (result != SQLITE_OK) {
		status = failed(recording, result, err);
		release(recording);
		return status;
	}
	*out = recording;
	return 0;
}

static int write_capture(struct recording *recording, const struct recording_moment *moment,
			 bool keyframe)
{
	struct recording_parts *parts = &recording->parts;
	struct record_capture capture = { .wall_ns = moment->wall_ns,
					  .at_ns = moment->aggregates ? moment->aggregates->at_ns :
									moment->snapshot->at_ns,
					  .age_ns = moment->age_ns,
					  .map_bytes = moment->map_bytes,
					  .keyframe = keyframe,
					  .has_events = moment->aggregates != NULL,
					  .has_snapshot = moment->snapshot != NULL,
					  .first_stack = interner_next(parts->stacks),
					  .first_label = interner_next(parts->labels),
					  .first_case = interner_next(parts->cases),
					  .first_text = interner_next(parts->texts),
					  .first_event = recording->first_event };

	if (moment->aggregates) {
		capture.status = *moment->status;
		memcpy(capture.counters, moment->aggregates->counters, sizeof(capture.counters));
		capture.counters[CT_LOST_EVENT] += recording->lost;
	}
	return record_table_insert(recording->insert_capture, &record_capture_table,
				   recording->batch, &capture, 0);
}

static int write_snapshot(struct recording *recording, const struct snapshot *snapshot)
{
	struct record_snapshot row = { .at_ns = snapshot->at_ns,
				       .took_ns = snapshot->took_ns,
				       .torn = snapshot->torn,
				       .unreadable = snapshot->unreadable,
				       .system = snapshot->system,
				       .reused = snapshot->reused,
				       .ahead_left_out = snapshot->ahead_left_out };
	int result = record_table_insert(recording->insert_snapshot, &record_snapshot_table,
					 recording->batch, &row, 0);

	recording->snapshot_at_ns = snapshot->at_ns;
	return result == SQLITE_OK ?
		       recording_rows_of_snapshot(&recording->rows, snapshot, recording->batch) :
		       result;
}

static int write_look(struct recording *recording, const struct recording_moment *moment)
{
	int result = record_table_insert(recording->insert_look, &record_look_table,
					 recording->batch, moment->look, 0);

	recording->look_wall_ns = moment->look->wall_ns;
	return result == SQLITE_OK ?
		       recording_rows_of_leaks(&recording->rows, moment, recording->batch) :
		       result;
}

static int write_batch(struct recording *recording, const struct recording_moment *moment)
{
	bool keyframe = recording->keyframe_due;
	int result = begin(recording);

	if (keyframe) {
		recording_parts_forget(&recording->parts);
		recording_rows_forget(&recording->rows);
		recording->snapshot_at_ns = recording->look_wall_ns = 0;
		recording->keyframe_due = false;
	}
	recording->wrote_keyframe = keyframe;
	if (result == SQLITE_OK)
		result = write_capture(recording, moment, keyframe);
	if (result == SQLITE_OK && moment->snapshot &&
	    moment->snapshot->at_ns != recording->snapshot_at_ns)
		result = write_snapshot(recording, moment->snapshot);
	if (result == SQLITE_OK && moment->look && moment->look->wall_ns != recording->look_wall_ns)
		result = write_look(recording, moment);
	if (result == SQLITE_OK && moment->resources)
		result = record_table_insert(recording->insert_resources, &record_resources_table,
					     recording->batch, moment->resources, 0);
	if (result == SQLITE_OK && moment->aggregates)
		result = recording_rows_of_probes(&recording->rows, moment->aggregates,
						  recording->batch);
	if (result == SQLITE_OK)
		result = recording_rows_of_model(&recording->rows, moment, recording->batch);
	return result == SQLITE_OK ? commit(recording) : result;
}

/* The limit on the size is no error for a ring: older things go, and the batch is tried again. */
static int write_or_make_room(struct recording *recording, const struct recording_moment *moment)
{
	int result = write_batch(recording, moment);

	while ((result & 0xff) == SQLITE_FULL && recording_ring_is_full(&recording->ring)) {
		roll_back(recording);
		if (recording_ring_make_room(&recording->ring) != SQLITE_OK)
			break;
		result = write_batch(recording, moment);
	}
	return result;
}

int recording_add(struct recording *recording, const struct recording_moment *moment,
		  struct err *err)
{
	int result;

	if (!moment->aggregates && !moment->snapshot)
		return 0;
	recording->batch++;
	result = write_or_make_room(recording, moment);
	if (result == SQLITE_OK)
		result = recording_ring_turn(&recording->ring, recording->batch,
					     recording->wrote_keyframe, &recording->keyframe_due);
	if (result != SQLITE_OK)
		return failed(recording, result, err);
	recording->first_event = recording->next_event;
	if (recording_parts_count(&recording->parts) > PARTS_MAX)
		recording->keyframe_due = true;
	return !recording->options.keep_ns && recording->options.max_bytes &&
	       recording_bytes(recording) >= recording->options.max_bytes;
}

int recording_add_event(struct recording *recording, const struct ct_event *event, struct err *err)
{
	sqlite3_stmt *statement = recording->insert_event;
	int result = begin(recording);

	if (result != SQLITE_OK)
		return failed(recording, result, err);
	sqlite3_bind_int64(statement, 1, (sqlite3_int64)recording->next_event++);
	sqlite3_bind_int64(statement, 2, (sqlite3_int64)(event->ns - recording->base_ns));
	sqlite3_bind_int(statement, 3, event->type);
	sqlite3_bind_int64(statement, 4, (sqlite3_int64)event->goid);
	sqlite3_bind_int64(statement, 5, (sqlite3_int64)event->other);
	sqlite3_bind_int64(statement, 6, (sqlite3_int64)event->wait_ns);
	sqlite3_bind_int64(statement, 7, event->site);
	sqlite3_bind_int64(statement, 8, (sqlite3_int64)event->object);
	sqlite3_bind_int(statement, 9, event->op);
	result = sqlite3_step(statement);
	sqlite3_reset(statement);
	if (result == SQLITE_DONE) {
		recording->pending++;
		return recording->pending < EVENTS_AT_ONCE ? 0 : recording_flush(recording, err);
	}
	/* of a ring the next batch makes room; what is in the way of it is lost, and counted */
	if ((result & 0xff) == SQLITE_FULL && recording_ring_is_full(&recording->ring)) {
		recording->pending++;
		roll_back(recording);
		return recording_ring_make_room(&recording->ring) == SQLITE_OK ?
			       0 :
			       failed(recording, result, err);
	}
	return failed(recording, result, err);
}

int recording_add_coverage(struct recording *recording, uint64_t opened_ns, uint64_t closed_ns,
			   struct err *err)
{
	sqlite3_stmt *statement = recording->insert_coverage;
	int result = begin(recording);

	if (result != SQLITE_OK)
		return failed(recording, result, err);
	if (opened_ns < recording->ring.events_from_ns)
		opened_ns = recording->ring.events_from_ns;
	if (closed_ns <= opened_ns)
		return 0;
	sqlite3_bind_int64(statement, 1, (sqlite3_int64)opened_ns);
	sqlite3_bind_int64(statement, 2, (sqlite3_int64)closed_ns);
	result = sqlite3_step(statement);
	sqlite3_reset(statement);
	return result == SQLITE_DONE ? 0 : failed(recording, result, err);
}

int recording_flush(struct recording *recording, struct err *err)
{
	int result = commit(recording);

	if (result == SQLITE_OK)
		result = recording_ring_trim(&recording->ring);
	return result == SQLITE_OK ? 0 : failed(recording, result, err);
}

int recording_dump(struct recording *recording, const char *path, struct err *err)
{
	int result = commit(recording);

	if (result != SQLITE_OK)
		return failed(recording, result, err);
	return recording_ring_dump(&recording->ring, path, err);
}

uint64_t recording_bytes(const struct recording *recording)
{
	return recording_ring_bytes(&recording->ring);
}

uint64_t recording_events(const struct recording *recording)
{
	return recording->events;
}

int recording_close(struct recording *recording, const char *how, struct err *err)
{
	int result = commit(recording), status = 0;

	if (result == SQLITE_OK)
		result = recording_origin_meta(recording->db, "ended", how, 0);
	if (result != SQLITE_OK)
		status = failed(recording, result, err);
	give_back_reserve(recording);
	/* no error: a reader may be there, or the disk full; then the log stays beside the file */
	sqlite3_exec(recording->db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL);
	sqlite3_exec(recording->db, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
	release(recording);
	return status;
}
