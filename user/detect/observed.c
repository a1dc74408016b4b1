// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "detect/observed.h"

#include <errno.h>
#include <string.h>

int observed_begin(struct observed *observed)
{
	observed_free(observed);
	observed->series = series_new();
	return observed->series ? 0 : -ENOMEM;
}

void observed_free(struct observed *observed)
{
	series_free(observed->series);
	memset(observed, 0, sizeof(*observed));
}

int observed_note(struct observed *observed, const struct model *model, bool ahead,
		  const struct resources *resources)
{
	uint64_t at_ns = model->snapshot->at_ns;

	if (resources)
		observed->now = *resources;
	if (!observed->first_ns) {
		observed->first_ns = at_ns;
		observed->before = observed->now;
	}
	observed->last_ns = at_ns;
	observed->snapshots++;
	return series_add(observed->series, model, ahead, &observed->now);
}

void observed_input(const struct observed *observed, struct detect_input *input)
{
	input->series = observed->series;
	input->before = &observed->before;
	input->now = &observed->now;
	input->observed_ns = observed->last_ns - observed->first_ns;
}
