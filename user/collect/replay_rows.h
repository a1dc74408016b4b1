/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The rows of a recording as of one batch, and what they were: totals of the probes, a snapshot. */
#ifndef COLLECT_REPLAY_ROWS_H
#define COLLECT_REPLAY_ROWS_H

#include "collect/record_rows.h"
#include "collect/replay_code.h"
#include "collect/row_set.h"

struct replay_rows {
	sqlite3_stmt *select[RECORD_KINDS];
	struct row_set *sets[RECORD_KINDS];
	struct row_set *base[RECORD_KINDS]; /* totals that do not count; NULL: all do */
};

/* SQLITE_OK or another result. */
int replay_rows_open(struct replay_rows *rows, sqlite3 *db);
void replay_rows_close(struct replay_rows *rows);
/* Bring the rows up to the batch, which comes after the last one. */
int replay_rows_apply(struct replay_rows *rows, uint64_t batch, bool keyframe);

/* All below: 0 or -ENOMEM. */
/* Totals are from now on what comes after this batch. */
int replay_rows_set_base(struct replay_rows *rows);
int replay_rows_aggregates(const struct replay_rows *rows, const struct replay_code *code,
			   struct aggregates *aggregates);
int replay_rows_snapshot(const struct replay_rows *rows, const struct replay_code *code,
			 struct snapshot *snapshot);
/* What the last look at the heap has found: *scan is zero but for its counts. */
int replay_rows_leaks(const struct replay_rows *rows, const struct replay_code *code,
		      struct leak_scan *scan);

#endif
