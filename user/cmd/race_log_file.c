// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cmd/race_log_file.h"

#include <stdlib.h>

#include "cmd/output.h"
#include "cmd/text_file.h"

#define RACE_LOG_MAX (64U << 20)

int race_log_load(const char *path, struct race_log *races, struct err *err)
{
	char *text;
	size_t len;
	int status = text_file_read(path, RACE_LOG_MAX, "reading the race detector's log", &text,
				    &len, err);

	if (status)
		return status;
	status = race_log_parse(text, len, races);
	free(text);
	return status ? output_no_memory(err) : 0;
}
