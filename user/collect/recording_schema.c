// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "collect/record_rows.h"
#include "collect/recording_db.h"

/* recording.sql as it is, so that it can be read, and tried, as SQL */
__asm__(".section .rodata\n"
	"recording_sql:\n"
	".incbin \"user/collect/recording.sql\"\n"
	".byte 0\n"
	".previous\n");
extern const char recording_sql[];

int recording_schema_create(sqlite3 *db, struct err *err)
{
	char versions[96];
	int result, status;

	sqlite3_snprintf(sizeof(versions), versions,
			 "PRAGMA application_id = %d; PRAGMA user_version = %d",
			 RECORDING_APPLICATION_ID, RECORDING_SCHEMA_VERSION);
	status = recording_db_run(db, "BEGIN", RECORDING_WRITING, err);
	if (!status)
		status = recording_db_run(db, versions, RECORDING_WRITING, err);
	if (status)
		return status;
	result = record_table_create(db, &record_target_table);
	if (result == SQLITE_OK)
		result = record_table_create(db, &record_capture_table);
	if (result == SQLITE_OK)
		result = record_table_create(db, &record_snapshot_table);
	if (result == SQLITE_OK)
		result = record_table_create(db, &record_look_table);
	if (result == SQLITE_OK)
		result = record_table_create(db, &record_resources_table);
	for (size_t i = 0; i < RECORD_KINDS && result == SQLITE_OK; i++)
		result = record_table_create(db, &record_tables[i]);
	if (result != SQLITE_OK)
		return recording_db_error(db, result, RECORDING_WRITING, err);
	status = recording_db_run(db, recording_sql, RECORDING_WRITING, err);
	return status ? status : recording_db_run(db, "COMMIT", RECORDING_WRITING, err);
}
