/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a copied runtime.g says. */
#ifndef COLLECT_G_STRUCT_H
#define COLLECT_G_STRUCT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "collect/snapshot.h"

/* A word of a copied struct, 0 where the version has no such field. */
static inline uint64_t struct_word(const uint8_t *bytes, uint32_t offset)
{
	uint64_t value;

	if (offset == LAYOUT_ABSENT)
		return 0;
	memcpy(&value, bytes + offset, sizeof(value));
	return value;
}

/* Where a goroutine rests. */
struct g_rest {
	uint64_t pc, sp, lo, hi;
	bool in_syscall; /* pc and sp are those that entersyscall saved */
};

/* Its status without the scan bit is one of a goroutine that exists. */
bool g_exists(const struct layout *layout, const uint8_t *g);
/* False: it does not rest, or says what cannot be. */
bool g_rests(const struct layout *layout, const uint8_t *g, struct g_rest *rest);
/* Nothing that a walk of the stack depends on differs. */
bool g_is_same_rest(const struct layout *layout, const uint8_t *a, const uint8_t *b);
/*
 * Of the whole struct. Whenever a goroutine stops running, runtime.casgstatus counts up a field of
 * it (trackingSeq): the same hash means that it has not run in between.
 */
uint64_t g_hash(const uint8_t *g, size_t size);

/* Fills in what the struct alone tells, wait_kind included; `system` is left to the caller. */
void g_describe(const struct target *target, uint64_t addr, const uint8_t *g,
		struct goroutine *goroutine);

#endif
