/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef TARGET_PCLNTAB_VALUE_H
#define TARGET_PCLNTAB_VALUE_H

#include <stdint.h>

/*
 * Walk one pc-value table in [bytes, end) to `offset`, a pc relative to the function's entry.
 * 0, -ENOENT when the table ends before it, -EINVAL when it is damaged.
 */
int pclntab_value(const uint8_t *bytes, const uint8_t *end, uint32_t min_lc, uint64_t offset,
		  int32_t *value);

#endif
