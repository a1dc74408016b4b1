// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "collect/recording_origin.h"

#include <stdbool.h>
#include <stdio.h>

#include "collect/recording_db.h"

int recording_origin_meta(sqlite3 *db, const char *key, const char *text, uint64_t number)
{
	sqlite3_stmt *statement;
	int result = sqlite3_prepare_v2(db, "INSERT OR REPLACE INTO meta VALUES (?, ?)", -1,
					&statement, NULL);

	if (result != SQLITE_OK)
		return result;
	sqlite3_bind_text(statement, 1, key, -1, SQLITE_STATIC);
	if (text)
		sqlite3_bind_text(statement, 2, text, -1, SQLITE_STATIC);
	else
		sqlite3_bind_int64(statement, 2, (sqlite3_int64)number);
	result = sqlite3_step(statement);
	sqlite3_finalize(statement);
	return result == SQLITE_DONE ? SQLITE_OK : result;
}

/* A row of a table of names and numbers. */
static int put_pair(sqlite3 *db, const char *sql, const char *text, int64_t number, bool text_first)
{
	sqlite3_stmt *statement;
	int result = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);

	if (result != SQLITE_OK)
		return result;
	sqlite3_bind_text(statement, text_first ? 1 : 2, text, -1, SQLITE_STATIC);
	sqlite3_bind_int64(statement, text_first ? 2 : 1, number);
	result = sqlite3_step(statement);
	sqlite3_finalize(statement);
	return result == SQLITE_DONE ? SQLITE_OK : result;
}

static int put_layout(sqlite3 *db, const struct layout *layout)
{
	static const char sql[] = "INSERT INTO layout VALUES (?, ?)";
	int result = put_pair(db, sql, "minor", layout->minor, true);

#define X(field, ...)                                                                              \
	if (result == SQLITE_OK)                                                                   \
		result = put_pair(db, sql, #field, layout->field, true);
	LAYOUT_FIELDS(X)
	LAYOUT_SIZES(X)
	LAYOUT_CONSTANTS(X)
#undef X
	return result;
}

static int put_names(sqlite3 *db, int reasons_minor)
{
	static const struct {
		int status;
		const char *name;
	} states[] = { { G_IDLE, "idle" },           { G_RUNNABLE, "runnable" },
		       { G_RUNNING, "running" },     { G_SYSCALL, "syscall" },
		       { G_WAITING, "waiting" },     { G_DEAD, "dead" },
		       { G_COPYSTACK, "copystack" }, { G_PREEMPTED, "preempted" },
		       { G_LEAKED, "leaked" },       { G_DEADEXTRA, "deadextra" } };
	int result = SQLITE_OK;

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]) && result == SQLITE_OK; i++)
		result = put_pair(db, "INSERT INTO state VALUES (?, ?)", states[i].name,
				  states[i].status, false);
	for (unsigned i = 0; i < wait_reason_count(reasons_minor) && result == SQLITE_OK; i++)
		result = put_pair(db, "INSERT INTO wait_reason VALUES (?, ?)",
				  wait_reason_text(reasons_minor, i), i, false);
	return result;
}

static const char about[] =
	"A recording of conctrace. Times are ns of CLOCK_MONOTONIC unless said otherwise. The views "
	"task, wait, lock, chan, spawn, leak and event_text have the end in words: SELECT * FROM wait. "
	"capture has a row a batch. Tables *_log have the rows that changed, with the number of the "
	"batch: at batch N, the row of a key is that with the highest batch <= N, unless it is gone. "
	".schema says what each table and column is; conctrace(8), RECORDINGS, says more.";

int recording_origin_write(sqlite3 *db, const struct recording_source *source, uint64_t base_ns)
{
	struct record_target target = { .facts = *source->facts,
					.minor = source->minor,
					.reasons_minor = source->reasons_minor,
					.wrapper_id = source->wrapper_id,
					.code_start = source->code_start,
					.code_limit = source->code_limit,
					.code_offset = source->code_offset };
	sqlite3_stmt *statement;
	int result = record_table_prepare_insert(db, &record_target_table, &statement);

	snprintf(target.build_id, sizeof(target.build_id), "%s",
		 source->build_id ? source->build_id : "");
	snprintf(target.go_build_id, sizeof(target.go_build_id), "%s",
		 source->go_build_id ? source->go_build_id : "");
	if (source->goroot_file)
		snprintf(target.goroot_file, sizeof(target.goroot_file), "%s", source->goroot_file);
	if (result == SQLITE_OK)
		result = record_table_insert(statement, &record_target_table, 0, &target, 0);
	sqlite3_finalize(statement);
	if (result == SQLITE_OK)
		result = put_layout(db, source->layout);
	if (result == SQLITE_OK)
		result = put_names(db, source->reasons_minor);
	if (result == SQLITE_OK)
		result = recording_origin_meta(db, "about", about, 0);
	if (result == SQLITE_OK)
		result =
			recording_origin_meta(db, "schema_version", NULL, RECORDING_SCHEMA_VERSION);
	if (result == SQLITE_OK)
		result = recording_origin_meta(db, "written_by", "conctrace " CONCTRACE_VERSION, 0);
	if (result == SQLITE_OK)
		result = recording_origin_meta(db, "base_ns", NULL, base_ns);
	return result;
}
