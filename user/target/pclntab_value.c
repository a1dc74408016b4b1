// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "target/pclntab_value.h"

#include <errno.h>
#include <stdbool.h>

/* The largest tables of real functions (generated initializers) take a tenth of this. */
#define TABLE_LEN_MAX (1 << 22)
#define ENTRY_LEN_MAX 10 /* two varints */

static bool take_varint(const uint8_t **at, const uint8_t *end, uint32_t *value)
{
	*value = 0;
	for (int shift = 0; *at < end && shift < 35; shift += 7) {
		uint8_t byte = *(*at)++;

		*value |= (uint32_t)(byte & 0x7f) << (shift < 32 ? shift : 31);
		if (byte < 0x80)
			return true;
	}
	return false;
}

int pclntab_value(const uint8_t *bytes, const uint8_t *end, uint32_t min_lc, uint64_t offset,
		  int32_t *value)
{
	uint32_t running = UINT32_MAX; /* the first delta counts from -1 */
	/* each entry but a damaged one moves on by an instruction at least */
	uint64_t len_max = (offset / min_lc + 2) * ENTRY_LEN_MAX, pc = 0;
	bool first = true;

	if (len_max > TABLE_LEN_MAX)
		len_max = TABLE_LEN_MAX;
	if ((uint64_t)(end - bytes) > len_max)
		end = bytes + len_max;
	for (;;) {
		uint32_t delta, step;

		if (!take_varint(&bytes, end, &delta))
			return -EINVAL;
		if (!delta && !first)
			return -ENOENT;
		first = false;
		/* zigzag: the lowest bit is the sign */
		running += (delta & 1) ? ~(delta >> 1) : delta >> 1;
		if (!take_varint(&bytes, end, &step))
			return -EINVAL;
		pc += (uint64_t)step * min_lc;
		if (offset < pc) {
			*value = (int32_t)running;
			return 0;
		}
	}
}
