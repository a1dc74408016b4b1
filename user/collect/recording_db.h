/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The SQLite file of a recording: how it is made, opened and checked, and what its errors say. */
#ifndef COLLECT_RECORDING_DB_H
#define COLLECT_RECORDING_DB_H

#include <sqlite3.h>

#include "base/err.h"

#define RECORDING_SCHEMA_VERSION 4
/* PRAGMA application_id: "ctrc" */
#define RECORDING_APPLICATION_ID 0x63747263

#define RECORDING_WRITING "writing the recording"
#define RECORDING_READING "reading the recording"

/*
 * A new file with an empty schema, in WAL mode. A recording that was there is replaced; anything else
 * that is there is left alone, and an error.
 */
int recording_db_create(const char *path, sqlite3 **db, struct err *err);
/* Read only. What is no recording, damaged, or of another schema, is an error that says so. */
int recording_db_open(const char *path, sqlite3 **db, struct err *err);
void recording_db_close(sqlite3 *db);

/* Fills in *err for a result that is not SQLITE_OK; the -errno (-ENOSPC: no room). */
int recording_db_error(sqlite3 *db, int result, const char *what, struct err *err);
/* 0 or the error. */
int recording_db_run(sqlite3 *db, const char *sql, const char *what, struct err *err);

/* All tables and views. */
int recording_schema_create(sqlite3 *db, struct err *err);

#endif
