/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The rows of one moment into their tables: those that are new or another than before. */
#ifndef COLLECT_RECORDING_ROWS_H
#define COLLECT_RECORDING_ROWS_H

#include "collect/record_rows.h"
#include "collect/recording.h"
#include "collect/recording_parts.h"
#include "collect/row_set.h"

struct recording_rows {
	struct recording_parts *parts;
	sqlite3_stmt *insert[RECORD_KINDS];
	struct row_set *sets[RECORD_KINDS]; /* as written last */
};

/* All: SQLITE_OK or another result of SQLite. */
int recording_rows_open(struct recording_rows *rows, sqlite3 *db, struct recording_parts *parts);
void recording_rows_close(struct recording_rows *rows);
/* Write everything the next time. */
void recording_rows_forget(struct recording_rows *rows);

int recording_rows_of_probes(struct recording_rows *rows, const struct aggregates *aggregates,
			     uint64_t batch);
int recording_rows_of_snapshot(struct recording_rows *rows, const struct snapshot *snapshot,
			       uint64_t batch);
int recording_rows_of_leaks(struct recording_rows *rows, const struct recording_moment *moment,
			    uint64_t batch);
int recording_rows_of_model(struct recording_rows *rows, const struct recording_moment *moment,
			    uint64_t batch);

#endif
