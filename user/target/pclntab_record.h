/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Reading the parts of the table: what the files that implement pclntab.h share. */
#ifndef TARGET_PCLNTAB_RECORD_H
#define TARGET_PCLNTAB_RECORD_H

#include <stdint.h>
#include <string.h>

#include "target/pclntab.h"

#define PCLNTAB_NAME_MAX (1U << 16)

/* Offsets in a _func record (runtime/runtime2.go). */
enum {
	FUNC_NAME = 4,
	FUNC_ARGS = 8,
	FUNC_PCSP = 16,
	FUNC_PCFILE = 20,
	FUNC_PCLN = 24,
	FUNC_NPCDATA = 28,
	FUNC_CU = 32,
};

/* Where the fields are that moved in 1.20, in a _func and in an inlinedCall. */
struct pclntab_shape {
	unsigned start_line; /* 0: no such field */
	unsigned func_id, flag, nfuncdata;
	unsigned len; /* of the _func; the offsets of its PCDATA and FUNCDATA follow */
	unsigned inline_len, inline_func_id, inline_name, inline_parent_pc, inline_start_line;
};

const struct pclntab_shape *pclntab_shape(const struct pclntab *tab);

static inline uint32_t u32_at(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static inline uint64_t u64_at(const uint8_t *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

/* [offset, offset + len) of the table, or NULL. */
static inline const uint8_t *within(const struct pclntab *tab, uint64_t offset, uint64_t len)
{
	if (offset > tab->size || len > tab->size - offset)
		return NULL;
	return tab->bytes + offset;
}

static inline const uint8_t *functab(const struct pclntab *tab)
{
	return tab->bytes + tab->funcdata_off;
}

static inline uint32_t entry_offset(const struct pclntab *tab, uint32_t index)
{
	return u32_at(functab(tab) + (size_t)index * 8);
}

/* A 0-terminated string at an offset of a sub-table that begins at `base`; "" when there is none. */
static inline const char *string_at(const struct pclntab *tab, uint64_t base, uint32_t offset)
{
	const uint8_t *text = within(tab, base + offset, 1);
	uint64_t room = tab->size - (base + offset);

	if (!text || !memchr(text, 0, room < PCLNTAB_NAME_MAX ? room : PCLNTAB_NAME_MAX))
		return "";
	return (const char *)text;
}

/* A function's PCDATA at a pc in it: 0, or -errno when it has none. */
int pclntab_pcdata(const struct pclntab *tab, const struct pclntab_func *func, uint32_t which,
		   uint64_t pc, int32_t *value);
/* Link-time address of a function's FUNCDATA, 0 when it has none. */
uint64_t pclntab_funcdata(const struct pclntab *tab, const struct pclntab_func *func,
			  unsigned which);
/* Where the function itself, not what is inlined at pc, is at that time. */
uint64_t pclntab_outer_pc(const struct pclntab *tab, const struct pclntab_func *func, uint64_t pc);

#endif
