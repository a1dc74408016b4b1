// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>

#include "model/build.h"

bool model_wake_is_of_lock(const struct model_wake *wake)
{
	return wake->waker && wake->woken->lock != LOCK_NONE && wake->woken->lock != LOCK_COND;
}

int build_wakes(struct build *build)
{
	const struct aggregates *aggregates = build->aggregates;
	struct model *model = build->model;

	for (size_t i = 0; aggregates && i < aggregates->wakes.len; i++) {
		const struct wake_row *row = &aggregates->wakes.data[i];
		struct stack *woken = build_site_stack(build, row->key.site);
		struct model_wake *wake;

		if (!woken || build->site_rows[row->key.site] == NO_ROW)
			continue;
		wake = vec_push(&model->wakes);
		if (!wake)
			return -ENOMEM;
		*wake = (struct model_wake){
			.woken = woken,
			.waker = build_site_stack(build, row->key.waker),
			.reason = model->sites.data[build->site_rows[row->key.site]].reason,
			.count = row->wake.count,
			.wait_ns_total = row->wake.wait_ns_total,
			.charged_ns = row->wake.charged_ns,
		};
	}
	return 0;
}
