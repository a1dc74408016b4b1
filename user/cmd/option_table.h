/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Every option of every command, a row each; options.c reads the command line by it. */
#ifndef CMD_OPTION_TABLE_H
#define CMD_OPTION_TABLE_H

#include <stddef.h>

#include "cmd/options.h"

struct option_row {
	const char *name;
	char letter;    /* 0: none */
	unsigned needs; /* of enum options_allowed; 0: every command takes it */
	/* NULL: it takes no value, and sets the bool at `at`. 0, or -EINVAL with the error */
	int (*take)(const struct option_row *row, const char *text, struct options *options,
		    struct err *err);
	size_t at;          /* where in struct options */
	const char *wanted; /* the value, in words */
	uint64_t most;      /* of a number */
	/* its place in this list is the value; NULL ends it, and at 0 means that 0 has no word */
	const char *const *words;
};

extern const struct option_row option_table[];
extern const size_t option_table_len;

int option_bad_value(const struct option_row *row, const char *text, struct err *err);

#endif
