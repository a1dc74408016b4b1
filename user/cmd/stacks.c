// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>

#include "cmd/command.h"
#include "cmd/find.h"
#include "cmd/output.h"
#include "collect/snapshot.h"
#include "export/go_dump.h"

#define DEEPEST (1U << 20) /* the frames at both ends are printed, those between are counted */

static int write_dump(struct target *target, const struct snapshot *snapshot,
		      const struct options *options, struct err *err)
{
	struct go_dump_source source;
	struct output_text text;
	int status = output_text_open(&text, err);

	if (status)
		return status;
	go_dump_source_init(&source, target);
	if (go_dump_write(text.stream, &source, snapshot)) {
		output_text_discard(&text);
		return output_no_memory(err);
	}
	return output_text_write(&text, options, err);
}

int cmd_stacks(const struct options *options, struct err *err)
{
	const struct snapshot_options wanted = {
		.stacks = true, .args = true, .system = options->system, .max_depth = DEEPEST
	};
	struct snapshot snapshot = { 0 };
	struct target target;
	pid_t pid;
	int status;

	status = find_target(options, &pid, err);
	if (!status)
		status = target_open(pid, &target, err);
	if (status)
		return status;
	status = snapshot_take(&target, &wanted, &snapshot, err);
	if (!status)
		status = write_dump(&target, &snapshot, options, err);
	snapshot_free(&snapshot);
	target_close(&target);
	return status;
}
