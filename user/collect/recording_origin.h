/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a recording has once: what the file is, the process, its structs, the names of numbers. */
#ifndef COLLECT_RECORDING_ORIGIN_H
#define COLLECT_RECORDING_ORIGIN_H

#include <sqlite3.h>

#include "collect/recording.h"

/* All: SQLITE_OK or another result of SQLite. */
int recording_origin_write(sqlite3 *db, const struct recording_source *source, uint64_t base_ns);
/* A row of meta: the text or, where it is NULL, the number. */
int recording_origin_meta(sqlite3 *db, const char *key, const char *text, uint64_t number);

#endif
