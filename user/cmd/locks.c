// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cmd/command.h"
#include "cmd/trace_once.h"

static json_t *document(const struct json_source *source, const struct options *options)
{
	(void)options;
	return json_locks(source);
}

static int text(const struct view *view, const struct options *options)
{
	(void)options;
	return view_locks(view);
}

int cmd_locks(const struct options *options, struct err *err)
{
	const struct trace_once how = { .roles = ROLES_LOCKS_ALL,
					.snapshots = true,
					.ahead = AHEAD_OF_LOCKS,
					.document = document,
					.text = text };

	return trace_once(&how, options, err);
}
