// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/build.h"

static bool is_runtime(const char *function)
{
	return function && !strncmp(function, "runtime.", strlen("runtime."));
}

static int by_spawned(const void *a, const void *b, void *ctx)
{
	const struct model_spawn *x = a, *y = b;

	(void)ctx;
	if (x->spawned != y->spawned)
		return x->spawned < y->spawned ? 1 : -1;
	return x->gopc < y->gopc ? -1 : 1;
}

int build_spawns(struct build *build)
{
	const struct aggregates *aggregates = build->aggregates;
	struct model *model = build->model;

	for (size_t i = 0; aggregates && i < aggregates->spawns.len; i++) {
		const struct spawn_row *row = &aggregates->spawns.data[i];
		struct model_spawn *spawn = vec_push(&model->spawns);

		if (!spawn)
			return -ENOMEM;
		*spawn = (struct model_spawn){
			.gopc = row->gopc,
			.start_pc = row->spawn.start_pc,
			.spawned = row->spawn.spawned,
			.exited = row->spawn.exited,
			.system = is_runtime(model_function(model, row->spawn.start_pc)),
		};
	}
	vec_sort(&model->spawns, by_spawned, NULL);
	return 0;
}
