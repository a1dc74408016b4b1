// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cmd/limits_file.h"

#include <stdlib.h>

#include "cmd/text_file.h"

#define FILE_MAX 65536

static int load_file(const char *path, struct limits *limits, struct err *err)
{
	char *text;
	size_t len;
	int status = text_file_read(path, FILE_MAX, "reading the limits", &text, &len, err);

	if (status)
		return status;
	status = limits_parse(limits, text, len, path, err);
	free(text);
	return status;
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
