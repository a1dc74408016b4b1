/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What scripts/gen-layouts writes; looked up through layout.h only. Rows ascend by minor. */
#ifndef TARGET_LAYOUT_TABLE_H
#define TARGET_LAYOUT_TABLE_H

#include <stddef.h>

#include "target/layout.h"

struct wait_reasons {
	int minor;
	const char *const *texts; /* by value; NULL where the version has none */
	size_t count;
};

extern const struct layout layout_rows[];
extern const size_t layout_row_count;
extern const struct wait_reasons wait_reason_rows[];
extern const size_t wait_reason_row_count;

#endif
