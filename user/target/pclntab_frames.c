// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What the records say of a pc: its frame size, its source position, and the calls that were
 * inlined there. PCDATA_InlTreeIndex gives the innermost inlined call; the position of the call
 * itself is that of the instruction at its parentPc, and so on outwards (runtime/symtabinl.go).
 */
#include <errno.h>

#include "target/pclntab_record.h"
#include "target/pclntab_value.h"

#define INLINE_DEPTH_MAX 256

enum { PCDATA_INL_TREE = 2, FUNCDATA_INL_TREE = 3 }; /* internal/abi/symtab.go */

/* Value of the pc-value table at pctab offset `table`, for a pc inside func. */
static int value_at(const struct pclntab *tab, const struct pclntab_func *func, uint32_t table,
		    uint64_t pc, int32_t *value)
{
	const uint8_t *bytes;

	if (!table)
		return -ENOENT;
	bytes = within(tab, tab->pctab_off + table, 1);
	if (!bytes)
		return -ENOENT;
	return pclntab_value(bytes, tab->bytes + tab->size, tab->min_lc, pc - func->entry, value);
}

int pclntab_pcdata(const struct pclntab *tab, const struct pclntab_func *func, uint32_t which,
		   uint64_t pc, int32_t *value)
{
	const uint8_t *tables = func->raw + pclntab_shape(tab)->len;

	if (which >= u32_at(func->raw + FUNC_NPCDATA) ||
	    !within(tab, tables - tab->bytes + 4ULL * which, 4))
		return -ENOENT;
	return value_at(tab, func, u32_at(tables + 4ULL * which), pc, value);
}

uint64_t pclntab_funcdata(const struct pclntab *tab, const struct pclntab_func *func,
			  unsigned which)
{
	uint64_t at = (func->raw - tab->bytes) + pclntab_shape(tab)->len;
	const uint8_t *slot;

	if (!tab->gofunc || which >= func->raw[pclntab_shape(tab)->nfuncdata])
		return 0;
	at += 4ULL * u32_at(func->raw + FUNC_NPCDATA) + 4ULL * which;
	slot = within(tab, at, 4);
	if (!slot || u32_at(slot) == UINT32_MAX)
		return 0;
	return tab->gofunc + u32_at(slot);
}

static void position_at(const struct pclntab *tab, const struct pclntab_func *func, uint64_t pc,
			struct pclntab_frame *frame)
{
	int32_t file = -1, line = 0;
	const uint8_t *slot;

	frame->file = "?";
	frame->line = 0;
	frame->entry = func->entry;
	if (value_at(tab, func, u32_at(func->raw + FUNC_PCFILE), pc, &file) || file < 0)
		return;
	slot = within(tab, tab->cu_off + 4ULL * u32_at(func->raw + FUNC_CU) + 4ULL * file, 4);
	if (!slot || u32_at(slot) == UINT32_MAX)
		return;
	frame->file = string_at(tab, tab->filetab_off, u32_at(slot));
	if (!value_at(tab, func, u32_at(func->raw + FUNC_PCLN), pc, &line))
		frame->line = line;
}

/* The inlinedCall that the instruction at pc belongs to, or NULL. */
static const uint8_t *inlined_at(const struct pclntab *tab, const struct pclntab_func *func,
				 uint64_t tree, uint64_t pc)
{
	unsigned len = pclntab_shape(tab)->inline_len;
	int32_t index;

	if (!tree || pclntab_pcdata(tab, func, PCDATA_INL_TREE, pc, &index) || index < 0)
		return NULL;
	return elf_at(tab->image, tree + (uint64_t)index * len, len);
}

uint64_t pclntab_outer_pc(const struct pclntab *tab, const struct pclntab_func *func, uint64_t pc)
{
	uint64_t tree = pclntab_funcdata(tab, func, FUNCDATA_INL_TREE);

	for (int depth = 0; depth < INLINE_DEPTH_MAX; depth++) {
		const uint8_t *call = inlined_at(tab, func, tree, pc);

		if (!call)
			break;
		pc = func->entry + u32_at(call + pclntab_shape(tab)->inline_parent_pc);
		if (pc >= func->end)
			break;
	}
	return pc;
}

size_t pclntab_frames(const struct pclntab *tab, uint64_t pc, struct pclntab_frame *frames,
		      size_t max)
{
	const struct pclntab_shape *shape = pclntab_shape(tab);
	struct pclntab_func func;
	uint64_t tree;
	size_t count = 0;

	if (!max || pclntab_func_at(tab, pc, &func))
		return 0;
	tree = pclntab_funcdata(tab, &func, FUNCDATA_INL_TREE);
	for (int depth = 0; depth < INLINE_DEPTH_MAX && count + 1 < max; depth++) {
		struct pclntab_frame *frame = &frames[count];
		const uint8_t *call = inlined_at(tab, &func, tree, pc);

		if (!call)
			break;
		position_at(tab, &func, pc, frame);
		frame->function =
			string_at(tab, tab->funcname_off, u32_at(call + shape->inline_name));
		frame->func_id = call[shape->inline_func_id];
		frame->start_line = shape->inline_start_line ?
					    (int32_t)u32_at(call + shape->inline_start_line) :
					    0;
		frame->inlined = true;
		count++;
		pc = func.entry + u32_at(call + shape->inline_parent_pc);
		if (pc < func.entry || pc >= func.end)
			break;
	}
	position_at(tab, &func, pc, &frames[count]);
	frames[count].function = func.name;
	frames[count].func_id = func.func_id;
	frames[count].start_line = func.start_line;
	frames[count].inlined = false;
	return count + 1;
}

int pclntab_frame_size(const struct pclntab *tab, uint64_t pc, int32_t *bytes)
{
	struct pclntab_func func;
	int status = pclntab_func_at(tab, pc, &func);

	if (!status)
		status = value_at(tab, &func, u32_at(func.raw + FUNC_PCSP), pc, bytes);
	return status;
}
