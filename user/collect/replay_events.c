// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "collect/replay_events.h"

#include <errno.h>
#include <sqlite3.h>

#include "collect/recording_db.h"

/* One query: `row` for each of its rows. */
struct query {
	const char *sql;
	int (*row)(const struct query *query, sqlite3_stmt *statement);
	int (*each_event)(void *ctx, const struct ct_event *event);
	int (*each_pair)(void *ctx, uint64_t a, uint64_t b);
	void *ctx;
	uint64_t base_ns;
};

static uint64_t column(sqlite3_stmt *statement, int index)
{
	return (uint64_t)sqlite3_column_int64(statement, index);
}

static int run(const struct replay *replay, const struct query *query, struct err *err)
{
	sqlite3_stmt *statement;
	int result = sqlite3_prepare_v2(replay_db(replay), query->sql, -1, &statement, NULL);
	int status = 0;

	while (result == SQLITE_OK && !status) {
		result = sqlite3_step(statement);
		if (result != SQLITE_ROW)
			break;
		status = query->row(query, statement);
		result = SQLITE_OK;
	}
	if (result != SQLITE_OK && result != SQLITE_DONE)
		status = recording_db_error(replay_db(replay), result, RECORDING_READING, err);
	sqlite3_finalize(statement);
	return status;
}

static int take_number(const struct query *query, sqlite3_stmt *statement)
{
	*(uint64_t *)query->ctx = column(statement, 0);
	return 0;
}

int replay_base_ns(const struct replay *replay, uint64_t *base_ns, struct err *err)
{
	const struct query query = { .sql = "SELECT value FROM meta WHERE key = 'base_ns'",
				     .row = take_number,
				     .ctx = base_ns };

	*base_ns = 0;
	return run(replay, &query, err);
}

static int take_event(const struct query *query, sqlite3_stmt *statement)
{
	const struct ct_event event = { .ns = query->base_ns + column(statement, 0),
					.type = (uint8_t)column(statement, 1),
					.goid = column(statement, 2),
					.other = column(statement, 3),
					.wait_ns = column(statement, 4),
					.site = (uint32_t)column(statement, 5),
					.object = column(statement, 6),
					.op = (uint8_t)column(statement, 7) };

	return query->each_event(query->ctx, &event);
}

int replay_events(const struct replay *replay, int (*each)(void *ctx, const struct ct_event *event),
		  void *ctx, struct err *err)
{
	struct query query = {
		.sql = "SELECT ns, type, goid, other, wait_ns, site, object, op FROM event ORDER BY id",
		.row = take_event,
		.each_event = each,
		.ctx = ctx
	};
	int status = replay_base_ns(replay, &query.base_ns, err);

	return status ? status : run(replay, &query, err);
}

static int take_two(const struct query *query, sqlite3_stmt *statement)
{
	return query->each_pair(query->ctx, column(statement, 0), column(statement, 1));
}

int replay_coverage(const struct replay *replay,
		    int (*each)(void *ctx, uint64_t opened_ns, uint64_t closed_ns), void *ctx,
		    struct err *err)
{
	const struct query query = {
		.sql = "SELECT opened_ns, closed_ns FROM coverage ORDER BY opened_ns",
		.row = take_two,
		.each_pair = each,
		.ctx = ctx
	};

	return run(replay, &query, err);
}

int replay_starts(const struct replay *replay,
		  int (*each)(void *ctx, uint64_t goid, uint64_t startpc), void *ctx,
		  struct err *err)
{
	const struct query query = { .sql = "SELECT DISTINCT goid, startpc FROM task_log",
				     .row = take_two,
				     .each_pair = each,
				     .ctx = ctx };

	return run(replay, &query, err);
}
