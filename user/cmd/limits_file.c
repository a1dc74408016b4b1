// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cmd/limits_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FILE_MAX 65536

static int load_file(const char *path, struct limits *limits, struct err *err)
{
	static const char what[] = "reading the limits",
			  todo[] = "name a readable file of key = value lines";
	char text[FILE_MAX];
	FILE *file = fopen(path, "re");
	size_t len;
	int error;

	if (!file)
		return err_set(err, errno, what, todo, "%.200s: %s", path, strerror(errno));
	errno = 0;
	len = fread(text, 1, sizeof(text), file);
	error = ferror(file) ? errno ? errno : EIO : 0;
	fclose(file);
	if (error)
		return err_set(err, error, what, todo, "%.200s: %s", path, strerror(error));
	if (len == sizeof(text))
		return err_set(err, EFBIG, what, todo, "%.200s is larger than 64 KiB", path);
	return limits_parse(limits, text, len, path, err);
}

int limits_load(const struct options *options, struct limits *limits, struct err *err)
{
	int status = 0;

	limits_init(limits);
	if (options->config)
		status = load_file(options->config, limits, err);
	if (options->service)
		limits->service = options->service;
	if (options->max_goroutines)
		limits->max_goroutines = (double)options->max_goroutines;
	return status;
}
