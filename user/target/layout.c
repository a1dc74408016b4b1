// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "target/layout.h"

#include <string.h>

#include "target/layout_table.h"

const struct layout *layout_table(size_t *count)
{
	*count = layout_row_count;
	return layout_rows;
}

const struct layout *layout_for_minor(int minor)
{
	for (size_t i = 0; i < layout_row_count; i++)
		if (layout_rows[i].minor == minor)
			return &layout_rows[i];
	return NULL;
}

static const struct wait_reasons *reasons_for(int minor)
{
	for (size_t i = 0; i < wait_reason_row_count; i++)
		if (wait_reason_rows[i].minor == minor)
			return &wait_reason_rows[i];
	return NULL;
}

const char *wait_reason_text(int minor, unsigned value)
{
	const struct wait_reasons *reasons = reasons_for(minor);

	return reasons && value < reasons->count ? reasons->texts[value] : NULL;
}

int wait_reason_value(int minor, const char *text)
{
	const struct wait_reasons *reasons = reasons_for(minor);

	for (size_t i = 0; reasons && i < reasons->count; i++)
		if (reasons->texts[i] && !strcmp(reasons->texts[i], text))
			return i;
	return -1;
}

unsigned wait_reason_count(int minor)
{
	const struct wait_reasons *reasons = reasons_for(minor);

	return reasons ? reasons->count : 0;
}
