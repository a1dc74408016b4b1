/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The commands that trace for a while and print once. */
#ifndef CMD_TRACE_ONCE_H
#define CMD_TRACE_ONCE_H

#include "cmd/live.h"

struct trace_once {
	uint32_t roles;
	bool snapshots; /* one at the attach and one at the end */
	enum ahead_of ahead;
	json_t *(*document)(const struct json_source *source, const struct options *options);
	int (*text)(const struct view *view, const struct options *options);
};

int trace_once(const struct trace_once *how, const struct options *options, struct err *err);

/* Print what the model has now. */
int trace_print(const struct trace_once *how, struct live *live, const struct options *options,
		struct err *err);

#endif
