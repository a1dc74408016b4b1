// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "oracles.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add(struct oracles *oracles, const char *path)
{
	if (oracles->count < ORACLES_MAX)
		oracles->paths[oracles->count++] = strdup(path);
}

void oracles_find(struct oracles *oracles)
{
	const char *named = getenv("CONCTRACE_ORACLES");
	char *list = strdup(named ? named : ""), *rest = NULL;
	glob_t found;

	oracles->count = 0;
	for (char *path = strtok_r(list, " ", &rest); path; path = strtok_r(NULL, " ", &rest))
		add(oracles, path);
	free(list);
	if (!named && !glob("build/oracle/*/*", 0, NULL, &found)) {
		for (size_t i = 0; i < found.gl_pathc; i++)
			add(oracles, found.gl_pathv[i]);
		globfree(&found);
	}
	if (!oracles->count)
		printf("# no oracle binaries: tests/unit/oracle/build.sh makes them\n");
}

void oracles_free(struct oracles *oracles)
{
	for (size_t i = 0; i < oracles->count; i++)
		free(oracles->paths[i]);
	oracles->count = 0;
}
