// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "collect/recording_db.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TODO_SPACE "free some space, or write elsewhere with -o; what was recorded before is kept"

static const char *path_of(sqlite3 *db)
{
	const char *path = db ? sqlite3_db_filename(db, "main") : NULL;

	return path && *path ? path : "the file";
}

int recording_db_error(sqlite3 *db, int result, const char *what, struct err *err)
{
	int cause = db ? sqlite3_system_errno(db) : 0;

	if (result == SQLITE_NOMEM)
		return err_set(err, ENOMEM, what, "free some memory", "out of memory");
	if ((result & 0xff) == SQLITE_FULL ||
	    ((result & 0xff) == SQLITE_IOERR && (cause == ENOSPC || cause == EDQUOT)))
		return err_set(err, ENOSPC, what, TODO_SPACE, "%.200s: no space left", path_of(db));
	if ((result & 0xff) == SQLITE_CORRUPT || (result & 0xff) == SQLITE_NOTADB)
		return err_set(err, EINVAL, what, "give a file that `conctrace record` has written",
			       "%.200s is damaged", path_of(db));
	if ((result & 0xff) == SQLITE_BUSY || (result & 0xff) == SQLITE_LOCKED)
		return err_set(err, EBUSY, what, "end the other program first",
			       "%.200s is in use by another program", path_of(db));
	return err_set(err, cause > 0 ? cause : EIO, what, "write or read it elsewhere",
		       "%.200s: %s%s%s", path_of(db), sqlite3_errstr(result), cause > 0 ? ": " : "",
		       cause > 0 ? strerror(cause) : "");
}

int recording_db_run(sqlite3 *db, const char *sql, const char *what, struct err *err)
{
	int result = sqlite3_exec(db, sql, NULL, NULL, NULL);

	return result == SQLITE_OK ? 0 : recording_db_error(db, result, what, err);
}

static int number(sqlite3 *db, const char *sql, sqlite3_int64 *value)
{
	sqlite3_stmt *statement;
	int result = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);

	if (result != SQLITE_OK)
		return result;
	result = sqlite3_step(statement);
	if (result == SQLITE_ROW) {
		*value = sqlite3_column_int64(statement, 0);
		result = SQLITE_OK;
	}
	sqlite3_finalize(statement);
	return result;
}

void recording_db_close(sqlite3 *db)
{
	sqlite3_close_v2(db);
}

/* What every SQLite file begins with. */
static int has_magic(const char *path)
{
	char begin[16] = "";
	FILE *file = fopen(path, "re");
	size_t len = file ? fread(begin, 1, sizeof(begin), file) : 0;

	if (file)
		fclose(file);
	return len == sizeof(begin) && !memcmp(begin, "SQLite format 3", sizeof(begin));
}

static int is_recording(const char *path)
{
	sqlite3_int64 id = 0;
	sqlite3 *db = NULL;
	int result = sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL);

	if (result == SQLITE_OK)
		result = number(db, "PRAGMA application_id", &id);
	sqlite3_close_v2(db);
	return result == SQLITE_OK && id == RECORDING_APPLICATION_ID;
}

/* The file and what SQLite keeps beside it. */
static int remove_old(const char *path, struct err *err)
{
	static const char *const tails[] = { "", "-wal", "-shm", "-journal" };
	struct stat known;
	char name[PATH_MAX];

	if (lstat(path, &known))
		return 0;
	if (!S_ISREG(known.st_mode) || (known.st_size && !is_recording(path)))
		return err_set(err, EEXIST, RECORDING_WRITING, "give another name with -o",
			       "%.200s is there already, and no recording", path);
	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++)
		if (snprintf(name, sizeof(name), "%s%s", path, tails[i]) < (int)sizeof(name))
			unlink(name);
	return 0;
}

int recording_db_create(const char *path, sqlite3 **out, struct err *err)
{
	static const char begin[] = "PRAGMA page_size = 4096; PRAGMA journal_mode = WAL;"
				    "PRAGMA synchronous = NORMAL; PRAGMA cache_size = -16384;";
	sqlite3 *db = NULL;
	int status = remove_old(path, err), result;

	if (status)
		return status;
	result = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
	if (result != SQLITE_OK && sqlite3_system_errno(db) > 0)
		status = err_set(err, sqlite3_system_errno(db), RECORDING_WRITING,
				 "write elsewhere with -o", "%.200s: %s", path,
				 strerror(sqlite3_system_errno(db)));
	else if (result != SQLITE_OK)
		status = recording_db_error(db, result, RECORDING_WRITING, err);
	if (!status)
		status = recording_db_run(db, begin, RECORDING_WRITING, err);
	if (!status)
		status = recording_schema_create(db, err);
	if (status) {
		sqlite3_close_v2(db);
		return status;
	}
	*out = db;
	return 0;
}

static int check_version(sqlite3 *db, const char *path, struct err *err)
{
	sqlite3_int64 id = 0, version = 0;
	int result = number(db, "PRAGMA application_id", &id);

	if (result == SQLITE_OK)
		result = number(db, "PRAGMA user_version", &version);
	if (result != SQLITE_OK)
		return recording_db_error(db, result, RECORDING_READING, err);
	if (id != RECORDING_APPLICATION_ID)
		return err_set(err, EINVAL, RECORDING_READING,
			       "give a file that `conctrace record` has written",
			       "%.200s is an SQLite database, but no recording", path);
	if (version != RECORDING_SCHEMA_VERSION)
		return err_set(err, EINVAL, RECORDING_READING,
			       version > RECORDING_SCHEMA_VERSION ?
				       "use the conctrace that wrote it, or a newer one" :
				       "use the conctrace that wrote it",
			       "%.200s has schema version %lld, and this conctrace knows %d", path,
			       (long long)version, RECORDING_SCHEMA_VERSION);
	return 0;
}

int recording_db_open(const char *path, sqlite3 **out, struct err *err)
{
	struct stat known;
	sqlite3 *db = NULL;
	int status = 0, result;

	if (stat(path, &known))
		return err_set(err, errno, RECORDING_READING, "give the name of a recording",
			       "%.200s: %s", path, strerror(errno));
	if (!S_ISREG(known.st_mode) || !has_magic(path))
		return err_set(err, EINVAL, RECORDING_READING,
			       "give a file that `conctrace record` has written",
			       "%.200s is no recording", path);
	result = sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL);
	if (result != SQLITE_OK)
		status = recording_db_error(db, result, RECORDING_READING, err);
	if (!status)
		sqlite3_busy_timeout(db, 5000);
	if (!status)
		status = check_version(db, path, err);
	if (status) {
		sqlite3_close_v2(db);
		return status;
	}
	*out = db;
	return 0;
}
