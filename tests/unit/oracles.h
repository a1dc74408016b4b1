/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where the binaries are that know the right answers about themselves: those named in
 * CONCTRACE_ORACLES, else what oracle/build.sh made below build/oracle of the working directory.
 */
#ifndef TEST_ORACLES_H
#define TEST_ORACLES_H

#include <stddef.h>

#define ORACLES_MAX 64

struct oracles {
	char *paths[ORACLES_MAX];
	size_t count;
};

/* None found: says so on stdout, as a remark of TAP. */
void oracles_find(struct oracles *oracles);
void oracles_free(struct oracles *oracles);

#endif
