// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "collect/recording_ring.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "collect/record_rows.h"
#include "collect/recording_db.h"

/* Parts that what is kept is dropped in. */
#define PARTS 8
#define EVENT_PARTS 4
#define PAGE_BYTES 4096

static uint64_t pragma(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *statement;
	uint64_t value = 0;

	if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
		return 0;
	if (sqlite3_step(statement) == SQLITE_ROW)
		value = (uint64_t)sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return value;
}

static uint64_t used_bytes(const struct recording_ring *ring)
{
	return (pragma(ring->db, "PRAGMA page_count") - pragma(ring->db, "PRAGMA freelist_count")) *
	       PAGE_BYTES;
}

uint64_t recording_ring_bytes(const struct recording_ring *ring)
{
	return pragma(ring->db, "PRAGMA page_count") * PAGE_BYTES;
}

int recording_ring_init(struct recording_ring *ring, sqlite3 *db,
			const struct recording_options *options, uint64_t base_ns)
{
	char sql[64];

	*ring = (struct recording_ring){ .db = db, .options = *options, .base_ns = base_ns };
	if (!options->keep_ns || !options->max_bytes)
		return SQLITE_OK;
	sqlite3_snprintf(sizeof(sql), sql, "PRAGMA max_page_count = %llu",
			 (unsigned long long)(options->max_bytes / PAGE_BYTES));
	return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

void recording_ring_free(struct recording_ring *ring)
{
	vec_free(&ring->keyframes);
}

/* One statement with the batch as its parameter. */
static int run_for(sqlite3 *db, const char *sql, uint64_t batch)
{
	sqlite3_stmt *statement;
	int result = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);

	if (result != SQLITE_OK)
		return result;
	sqlite3_bind_int64(statement, 1, (sqlite3_int64)batch);
	result = sqlite3_step(statement);
	sqlite3_finalize(statement);
	return result == SQLITE_DONE ? SQLITE_OK : result;
}

#define FIRST(column) "(SELECT " column " FROM capture WHERE batch = ?1)"

static int drop_before(sqlite3 *db, uint64_t batch)
{
	static const char *const statements[] = {
		"DELETE FROM stack WHERE stack < " FIRST("first_stack"),
		"DELETE FROM label WHERE label < " FIRST("first_label"),
		"DELETE FROM select_case WHERE cases < " FIRST("first_case"),
		"DELETE FROM text WHERE text < " FIRST("first_text"),
		"DELETE FROM event WHERE rowid < " FIRST("first_event"),
		"DELETE FROM snapshot WHERE batch < ?1",
		"DELETE FROM leak_look WHERE batch < ?1",
		"DELETE FROM resources WHERE batch < ?1",
		"DELETE FROM capture WHERE batch < ?1",
	};
	char sql[96];
	int result = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);

	for (size_t i = 0; i < RECORD_KINDS && result == SQLITE_OK; i++) {
		sqlite3_snprintf(sizeof(sql), sql, "DELETE FROM %s WHERE batch < ?1",
				 record_tables[i].name);
		result = run_for(db, sql, batch);
	}
	for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]) && result == SQLITE_OK;
	     i++)
		result = run_for(db, statements[i], batch);
	if (result == SQLITE_OK)
		result = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
	if (result != SQLITE_OK)
		sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return result;
}

bool recording_ring_is_full(const struct recording_ring *ring)
{
	return ring->options.keep_ns && ring->options.max_bytes &&
	       recording_ring_bytes(ring) + ring->options.max_bytes / PARTS >=
		       ring->options.max_bytes;
}

/* The timeline begins later now; what is said of when the probes were on follows. */
static int note_first_event(struct recording_ring *ring)
{
	sqlite3_stmt *statement;
	int result = sqlite3_prepare_v2(ring->db, "SELECT ns FROM event ORDER BY id LIMIT 1", -1,
					&statement, NULL);

	if (result != SQLITE_OK)
		return result;
	if (sqlite3_step(statement) == SQLITE_ROW)
		ring->events_from_ns = ring->base_ns + (uint64_t)sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	result = run_for(ring->db, "DELETE FROM coverage WHERE closed_ns <= ?1",
			 ring->events_from_ns);
	if (result != SQLITE_OK)
		return result;
	return run_for(ring->db, "UPDATE coverage SET opened_ns = ?1 WHERE opened_ns < ?1",
		       ring->events_from_ns);
}

/* What is before the second keyframe. */
static int drop_oldest(struct recording_ring *ring)
{
	int result;

	if (ring->keyframes.len < 2)
		return SQLITE_FULL;
	result = drop_before(ring->db, ring->keyframes.data[1]);
	if (result != SQLITE_OK)
		return result;
	memmove(ring->keyframes.data, ring->keyframes.data + 1,
		(ring->keyframes.len - 1) * sizeof(ring->keyframes.data[0]));
	ring->keyframes.len--;
	return note_first_event(ring);
}

static int drop_events(struct recording_ring *ring)
{
	uint64_t first = pragma(ring->db, "SELECT min(id) FROM event");
	uint64_t last = pragma(ring->db, "SELECT max(id) FROM event");
	int result;

	if (first == last)
		return SQLITE_FULL;
	result = run_for(ring->db, "DELETE FROM event WHERE id < ?1",
			 first + (last - first) / EVENT_PARTS + 1);
	return result == SQLITE_OK ? note_first_event(ring) : result;
}

int recording_ring_make_room(struct recording_ring *ring)
{
	return ring->keyframes.len < 2 ? drop_events(ring) : drop_oldest(ring);
}

int recording_ring_trim(struct recording_ring *ring)
{
	uint64_t max = ring->options.max_bytes, used, room;
	int result = SQLITE_OK;

	if (!ring->options.keep_ns || !max)
		return SQLITE_OK;
	used = used_bytes(ring);
	room = used > ring->last_bytes ? 2 * (used - ring->last_bytes) : 0;
	if (room < max / PARTS)
		room = max / PARTS;
	while (result == SQLITE_OK && used + room > max) {
		result = recording_ring_make_room(ring);
		used = used_bytes(ring);
	}
	ring->last_bytes = used;
	/* with nothing left to drop, what does not fit is lost when it comes */
	return result == SQLITE_FULL ? SQLITE_OK : result;
}

/* The second keyframe is so old that what is before it is not needed. */
static bool is_too_old(struct recording_ring *ring, uint64_t now)
{
	uint64_t second;
	char sql[80];

	if (ring->keyframes.len < 2)
		return false;
	sqlite3_snprintf(sizeof(sql), sql, "SELECT at_ns FROM capture WHERE batch = %llu",
			 (unsigned long long)ring->keyframes.data[1]);
	second = pragma(ring->db, sql);
	return second + ring->options.keep_ns < now;
}

int recording_ring_turn(struct recording_ring *ring, uint64_t batch, bool was_keyframe,
			bool *keyframe_due)
{
	uint64_t now = clock_now_ns(), max = ring->options.max_bytes, *slot;
	int result = SQLITE_OK;

	if (!ring->options.keep_ns)
		return SQLITE_OK;
	if (was_keyframe) {
		slot = vec_push(&ring->keyframes);
		if (!slot)
			return SQLITE_NOMEM;
		*slot = batch;
		ring->keyframe_ns = now;
	}
	while (result == SQLITE_OK && is_too_old(ring, now))
		result = drop_oldest(ring);
	if (result == SQLITE_OK)
		result = recording_ring_trim(ring);
	if (was_keyframe)
		ring->keyframe_bytes = used_bytes(ring);
	if (now - ring->keyframe_ns >= ring->options.keep_ns / PARTS ||
	    (max && used_bytes(ring) > ring->keyframe_bytes + max / PARTS))
		*keyframe_due = true;
	return result;
}

int recording_ring_dump(struct recording_ring *ring, const char *path, struct err *err)
{
	sqlite3_stmt *statement;
	int result = sqlite3_prepare_v2(ring->db, "VACUUM INTO ?", -1, &statement, NULL);

	if (result == SQLITE_OK) {
		sqlite3_bind_text(statement, 1, path, -1, SQLITE_STATIC);
		result = sqlite3_step(statement);
		sqlite3_finalize(statement);
	}
	if (result == SQLITE_DONE)
		return 0;
	unlink(path);
	return recording_db_error(ring->db, result, "dumping the recording", err);
}
