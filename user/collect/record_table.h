/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How a C struct is kept as a row of a SQLite table: one list of fields gives the table's columns,
 * their documentation (as comments, which SQLite keeps in its schema), and the way in and out.
 */
#ifndef COLLECT_RECORD_TABLE_H
#define COLLECT_RECORD_TABLE_H

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

#include "conctrace_abi.h"

enum field_type {
	FIELD_INT, /* of 1, 2, 4 or 8 bytes; unsigned 64-bit values are kept as SQLite's signed ones */
	FIELD_REAL,  /* double */
	FIELD_TEXT,  /* an array of char, terminated */
	FIELD_BYTES, /* an array of bytes */
	FIELD_LIST,  /* an array of uint64_t as JSON "[1,2]", without the zeros at its end */
};

struct record_field {
	const char *name, *says;
	enum field_type type;
	uint32_t offset, size;
};

#define FIELD(type, row, member, name, says)                                                       \
	{                                                                                          \
		name, says, type, offsetof(row, member), sizeof(((row *)0)->member)                \
	}
#define INT(row, member, name, says) FIELD(FIELD_INT, row, member, name, says)

/*
 * A table of what changes: a row is written when it is new or differs from what was last written
 * under its key, with the number of the batch; `gone` is 1 when there is none any more. Without a
 * key (key_size 0): one row a batch. The key is what the struct begins with.
 */
struct record_table {
	const char *name, *says;
	const struct record_field *fields;
	size_t field_count;
	size_t row_size, key_size;
	const char *primary_key; /* columns besides batch; NULL: none */
};

/* Of all tables below; 0 or an SQLite result. */
int record_table_create(sqlite3 *db, const struct record_table *table);
/* INSERT INTO name(batch, gone, fields) */
int record_table_prepare_insert(sqlite3 *db, const struct record_table *table,
				sqlite3_stmt **statement);
int record_table_insert(sqlite3_stmt *statement, const struct record_table *table, uint64_t batch,
			const void *row, int gone);
/* SELECT gone, fields FROM name WHERE batch = ?1; a row into *row, which is cleared first. */
int record_table_prepare_select(sqlite3 *db, const struct record_table *table,
				sqlite3_stmt **statement);
void record_table_take(sqlite3_stmt *statement, const struct record_table *table, void *row,
		       int *gone);

#endif
