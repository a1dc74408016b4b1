// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The table's parts, all inside one block (cmd/link/internal/ld/pcln.go): the header, function
 * names, the file table with an index of it by compilation unit, pc-value tables, and the function
 * table with its records. A pc-value table is a sequence of (value delta, pc delta) varints.
 */
#include "target/pclntab.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "target/pclntab_record.h"

#define PROBES_MAX 512 /* hash collisions in a row; a real table has a few dozen at most */

/* inlinedCall: runtime/symtab.go (1.18, 1.19), runtime/symtabinl.go (from 1.20). */
static const struct pclntab_shape shape_118 = { 0, 36, 37, 39, 40, 20, 2, 12, 16, 0 };
static const struct pclntab_shape shape_120 = { 36, 40, 41, 43, 44, 16, 0, 4, 8, 12 };

const struct pclntab_shape *pclntab_shape(const struct pclntab *tab)
{
	return tab->minor >= 20 ? &shape_120 : &shape_118;
}

int pclntab_func_by_index(const struct pclntab *tab, uint32_t index, struct pclntab_func *func)
{
	const struct pclntab_shape *shape = pclntab_shape(tab);
	uint32_t offset;

	if (index >= tab->func_count)
		return -ENOENT;
	offset = u32_at(functab(tab) + (size_t)index * 8 + 4);
	func->raw = within(tab, tab->funcdata_off + offset, shape->len);
	if (!func->raw || entry_offset(tab, index) > entry_offset(tab, index + 1))
		return -ENOENT;
	func->index = index;
	func->entry = tab->text_start + entry_offset(tab, index);
	func->end = tab->text_start + entry_offset(tab, index + 1);
	func->name = string_at(tab, tab->funcname_off, u32_at(func->raw + FUNC_NAME));
	func->args = (int32_t)u32_at(func->raw + FUNC_ARGS);
	func->func_id = func->raw[shape->func_id];
	func->flag = func->raw[shape->flag];
	func->start_line = shape->start_line ? (int32_t)u32_at(func->raw + shape->start_line) : 0;
	return 0;
}

int pclntab_func_at(const struct pclntab *tab, uint64_t pc, struct pclntab_func *func)
{
	uint32_t low = 0, high = tab->func_count;
	uint64_t offset = pc - tab->text_start;

	if (pc < tab->text_start || offset < entry_offset(tab, 0) ||
	    offset >= entry_offset(tab, tab->func_count))
		return -ENOENT;
	/* the last function that begins at or before pc is in [low, high) */
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (entry_offset(tab, middle) <= offset)
			low = middle;
		else
			high = middle;
	}
	return pclntab_func_by_index(tab, low, func);
}

static uint32_t hash_name(const char *name, uint64_t *len)
{
	uint32_t hash = 2166136261U;

	for (; *name; (*len)++)
		hash = (hash ^ (uint8_t)*name++) * 16777619U;
	return hash ^ hash >> 15;
}

/*
 * by_name: by_name[0] is the mask; the slots behind it hold index + 1, 0 when empty. Damaged tables,
 * where names overlap or are all the same, must not take long: what is over a limit is left out.
 */
static int index_names(struct pclntab *tab)
{
	struct pclntab_func func;
	uint32_t slots = 16;
	uint64_t read = 0;

	while (slots < tab->func_count * 2)
		slots *= 2;
	tab->by_name = calloc((size_t)slots + 1, sizeof(*tab->by_name));
	if (!tab->by_name)
		return -ENOMEM;
	tab->by_name[0] = slots - 1;
	for (uint32_t i = 0; i < tab->func_count && read <= tab->size; i++) {
		uint32_t slot, probes = 0;

		if (pclntab_func_by_index(tab, i, &func) || !*func.name)
			continue;
		slot = hash_name(func.name, &read) & (slots - 1);
		for (; tab->by_name[slot + 1] && probes < PROBES_MAX; probes++)
			slot = (slot + 1) & (slots - 1);
		if (probes < PROBES_MAX)
			tab->by_name[slot + 1] = i + 1;
	}
	return 0;
}

int pclntab_func_by_name(struct pclntab *tab, const char *name, struct pclntab_func *func)
{
	uint32_t mask, slot;
	uint64_t len = 0;

	if (!tab->by_name && index_names(tab))
		return -ENOMEM;
	mask = tab->by_name[0];
	for (slot = hash_name(name, &len) & mask; tab->by_name[slot + 1]; slot = (slot + 1) & mask)
		if (!pclntab_func_by_index(tab, tab->by_name[slot + 1] - 1, func) &&
		    !strcmp(func->name, name))
			return 0;
	return -ENOENT;
}
