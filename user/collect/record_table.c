// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "collect/record_table.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *sql_type(enum field_type type)
{
	static const char *const names[] = { [FIELD_INT] = "INTEGER",
					     [FIELD_REAL] = "REAL",
					     [FIELD_TEXT] = "TEXT",
					     [FIELD_BYTES] = "BLOB",
					     [FIELD_LIST] = "TEXT" };

	return names[type];
}

/* Runs what was printed to the stream, which it closes. */
static int run(sqlite3 *db, FILE *stream, char **sql, sqlite3_stmt **statement)
{
	int status = SQLITE_NOMEM;

	if (stream && !fclose(stream))
		status = statement ? sqlite3_prepare_v2(db, *sql, -1, statement, NULL) :
				     sqlite3_exec(db, *sql, NULL, NULL, NULL);
	free(*sql);
	return status;
}

int record_table_create(sqlite3 *db, const struct record_table *table)
{
	char *sql = NULL;
	size_t len;
	FILE *stream = open_memstream(&sql, &len);

	if (!stream)
		return SQLITE_NOMEM;
	fprintf(stream, "CREATE TABLE %s ( -- %s\n  batch INTEGER NOT NULL", table->name,
		table->says);
	if (table->key_size)
		fputs(",\n  gone INTEGER NOT NULL -- 1: there is no such row from this batch on",
		      stream);
	for (size_t i = 0; i < table->field_count; i++) {
		const struct record_field *field = &table->fields[i];

		/* the comma of the line before must come before that one's comment */
		fprintf(stream, "\n  , %s %s -- %s", field->name, sql_type(field->type),
			field->says);
	}
	fprintf(stream, "\n  , PRIMARY KEY (batch%s%s)\n) WITHOUT ROWID",
		table->primary_key ? ", " : "", table->primary_key ? table->primary_key : "");
	return run(db, stream, &sql, NULL);
}

int record_table_prepare_insert(sqlite3 *db, const struct record_table *table,
				sqlite3_stmt **statement)
{
	char *sql = NULL;
	size_t len;
	FILE *stream = open_memstream(&sql, &len);

	if (!stream)
		return SQLITE_NOMEM;
	fprintf(stream, "INSERT INTO %s VALUES (?", table->name);
	for (size_t i = 0; i < table->field_count + !!table->key_size; i++)
		fputs(", ?", stream);
	fputc(')', stream);
	return run(db, stream, &sql, statement);
}

int record_table_prepare_select(sqlite3 *db, const struct record_table *table,
				sqlite3_stmt **statement)
{
	char *sql = NULL;
	size_t len;
	FILE *stream = open_memstream(&sql, &len);

	if (!stream)
		return SQLITE_NOMEM;
	fprintf(stream, "SELECT %s", table->key_size ? "gone" : "0");
	for (size_t i = 0; i < table->field_count; i++)
		fprintf(stream, ", %s", table->fields[i].name);
	fprintf(stream, " FROM %s WHERE batch = ?1", table->name);
	return run(db, stream, &sql, statement);
}

static uint64_t integer(const uint8_t *at, size_t size)
{
	uint64_t value = 0;

	memcpy(&value, at, size);
	/* the only signed field of less than 8 bytes is a descriptor that may be -1 */
	return size == 4 && (int32_t)value == -1 ? UINT64_MAX : value;
}

static int bind_list(sqlite3_stmt *statement, int index, const uint8_t *at, size_t size)
{
	size_t count = size / sizeof(uint64_t), used = 0;
	uint64_t values[CT_HIST_SLOTS];
	char text[CT_HIST_SLOTS * 21 + 3];

	memcpy(values, at, size);
	while (count && !values[count - 1])
		count--;
	text[used++] = '[';
	for (size_t i = 0; i < count; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%llu", i ? "," : "",
					 (unsigned long long)values[i]);
	text[used++] = ']';
	return sqlite3_bind_text(statement, index, text, (int)used, SQLITE_TRANSIENT);
}

static int bind(sqlite3_stmt *statement, int index, const struct record_field *field,
		const uint8_t *at)
{
	double real;

	switch (field->type) {
	case FIELD_INT:
		return sqlite3_bind_int64(statement, index,
					  (sqlite3_int64)integer(at, field->size));
	case FIELD_REAL:
		memcpy(&real, at, sizeof(real));
		return sqlite3_bind_double(statement, index, real);
	case FIELD_TEXT:
		return sqlite3_bind_text(statement, index, (const char *)at,
					 (int)strnlen((const char *)at, field->size),
					 SQLITE_STATIC);
	case FIELD_BYTES:
		return sqlite3_bind_blob(statement, index, at, (int)field->size, SQLITE_STATIC);
	default:
		return bind_list(statement, index, at, field->size);
	}
}

int record_table_insert(sqlite3_stmt *statement, const struct record_table *table, uint64_t batch,
			const void *row, int gone)
{
	int index = 1, status = sqlite3_bind_int64(statement, index++, (sqlite3_int64)batch);

	if (status == SQLITE_OK && table->key_size)
		status = sqlite3_bind_int(statement, index++, gone);
	for (size_t i = 0; i < table->field_count && status == SQLITE_OK; i++)
		status = bind(statement, index++, &table->fields[i],
			      (const uint8_t *)row + table->fields[i].offset);
	if (status != SQLITE_OK)
		return status;
	status = sqlite3_step(statement);
	sqlite3_reset(statement);
	return status == SQLITE_DONE ? SQLITE_OK : status;
}

/* A list that is not one of ours gives what can be read of it. */
static void take_list(const char *text, uint8_t *to, size_t size)
{
	uint64_t values[CT_HIST_SLOTS] = { 0 };
	size_t count = 0;

	while (text && *text && *text != ']' && count < size / sizeof(values[0])) {
		char *end;

		text++;
		values[count] = strtoull(text, &end, 10);
		if (end == text)
			break;
		count++;
		text = end;
	}
	memcpy(to, values, size);
}

static void take(sqlite3_stmt *statement, int column, const struct record_field *field, uint8_t *to)
{
	const void *bytes;
	uint64_t value;
	double real;
	size_t len;

	switch (field->type) {
	case FIELD_INT:
		value = (uint64_t)sqlite3_column_int64(statement, column);
		memcpy(to, &value, field->size);
		break;
	case FIELD_REAL:
		real = sqlite3_column_double(statement, column);
		memcpy(to, &real, sizeof(real));
		break;
	case FIELD_LIST:
		take_list((const char *)sqlite3_column_text(statement, column), to, field->size);
		break;
	default:
		bytes = field->type == FIELD_TEXT ?
				(const void *)sqlite3_column_text(statement, column) :
				sqlite3_column_blob(statement, column);
		len = (size_t)sqlite3_column_bytes(statement, column);
		if (len > field->size)
			len = field->size;
		if (bytes)
			memcpy(to, bytes, len);
		if (field->type == FIELD_TEXT)
			to[field->size - 1] = '\0';
		break;
	}
}

void record_table_take(sqlite3_stmt *statement, const struct record_table *table, void *row,
		       int *gone)
{
	memset(row, 0, table->row_size);
	*gone = sqlite3_column_int(statement, 0);
	for (size_t i = 0; i < table->field_count; i++)
		take(statement, (int)i + 1, &table->fields[i],
		     (uint8_t *)row + table->fields[i].offset);
}
