// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>

#include "collect/addr_map.h"
#include "model/leaks.h"

static bool waits_alike(const struct model_task *a, const struct model_task *b)
{
	return a->goid == b->goid && a->state == b->state && a->reason == b->reason &&
	       a->wait_kind == b->wait_kind && a->waiting_on == b->waiting_on;
}

int leaks_mark(const struct leaks *leaks, const struct model *of, struct model *model)
{
	struct addr_map by_g = { 0 };
	int status = 0;

	for (size_t i = 0; i < model->tasks.len && leaks->leaked && !status; i++)
		if (model->tasks.data[i].g)
			status = addr_map_set(&by_g, model->tasks.data[i].g, (uint32_t)i + 1);
	/* the leaked ones are first */
	for (size_t i = 0; i < leaks->leaked && !status; i++) {
		const struct model_task *leaked = &of->tasks.data[leaks->rows.data[i].task];
		const uint32_t *number = addr_map_get(&by_g, leaked->g);

		if (number && waits_alike(leaked, &model->tasks.data[*number - 1]))
			model->tasks.data[*number - 1].leaked = true;
	}
	addr_map_free(&by_g);
	return status;
}
