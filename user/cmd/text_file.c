// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cmd/text_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int read_all(FILE *file, size_t max, char **text, size_t *len)
{
	size_t room = 0, used = 0, got;
	char *all = NULL;

	do {
		char *more;

		room = room ? 2 * room : 16384;
		more = realloc(all, room);
		if (!more) {
			free(all);
			return -ENOMEM;
		}
		all = more;
		errno = 0;
		got = fread(all + used, 1, room - used, file);
		used += got;
	} while (used == room && used <= max);
	if (ferror(file) || used > max) {
		int error = used > max ? EFBIG : errno ? errno : EIO;

		free(all);
		return -error;
	}
	*text = all;
	*len = used;
	return 0;
}

int text_file_read(const char *path, size_t max, const char *what, char **text, size_t *len,
		   struct err *err)
{
	FILE *file = fopen(path, "re");
	int status = file ? read_all(file, max, text, len) : -errno;

	if (file)
		fclose(file);
	if (status)
		return err_set(err, -status, what, "name a readable file of a sensible size",
			       "%.200s: %s", path, strerror(-status));
	return 0;
}
