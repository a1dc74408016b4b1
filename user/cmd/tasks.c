// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>

#include "cmd/command.h"
#include "cmd/trace_once.h"

static json_t *document(const struct json_source *source, const struct options *options)
{
	return json_tasks(source, &options->tasks);
}

static int text(const struct view *view, const struct options *options)
{
	return view_tasks(view, &options->tasks);
}

int cmd_tasks(const struct options *options, struct err *err)
{
	const struct trace_once from_events = { .roles = ROLES_TABLES,
						.document = document,
						.text = text };
	const struct trace_once from_snapshot = { .snapshots = true,
						  /* one row each names who could end its wait */
						  .ahead = options->tasks.each ? AHEAD_OF_ALL :
										 AHEAD_OF_NONE,
						  .document = document,
						  .text = text };

	if (options->from == FROM_EVENTS && (options->no_probes || options->max_overhead_pct == 0))
		return err_set(err, EINVAL, "reading the command line", "leave one of them out",
			       "--from events needs probes");
	return trace_once(options->from == FROM_EVENTS ? &from_events : &from_snapshot, options,
			  err);
}
