/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef EXPORT_JSON_DIFF_H
#define EXPORT_JSON_DIFF_H

#include "export/json.h"
#include "model/diff.h"

/* "conctrace.diff/1", of `after`, with time, target and capture of both. NULL: no memory. */
json_t *json_diff(const struct json_source *before, const struct json_source *after,
		  const struct diff *diff);

#endif
