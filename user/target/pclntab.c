// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The table's parts, all inside one block (cmd/link/internal/ld/pcln.go): the header, function
 * names, the file table with an index of it by compilation unit, pc-value tables, and the function
 * table with its records. A pc-value table is a sequence of (value delta, pc delta) varints.
 */
#include "target/pclntab.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "target/pclntab_value.h"

#define WHAT "reading the function table"
#define MAGIC_118 0xfffffff0U
#define MAGIC_120 0xfffffff1U
#define HEADER_LEN 72 /* 8 bytes and 8 words */
#define FUNCTIONS_MAX (1U << 24)
#define INLINE_DEPTH_MAX 256
#define NAME_LEN_MAX (1U << 16)
#define PROBES_MAX 512 /* hash collisions in a row; a real table has a few dozen at most */

enum { PCDATA_INL_TREE = 2, FUNCDATA_INL_TREE = 3 };

/* Offsets in a _func record (runtime/runtime2.go). */
enum {
	FUNC_ENTRY = 0,
	FUNC_NAME = 4,
	FUNC_ARGS = 8,
	FUNC_PCSP = 16,
	FUNC_PCFILE = 20,
	FUNC_PCLN = 24,
	FUNC_NPCDATA = 28,
	FUNC_CU = 32,
};

struct record_shape {
	unsigned start_line; /* 0: no such field */
	unsigned func_id, flag, nfuncdata;
	unsigned len;
	unsigned inline_len, inline_func_id, inline_name, inline_parent_pc, inline_start_line;
};

/* inlinedCall: runtime/symtab.go (1.18, 1.19), runtime/symtabinl.go (from 1.20). */
static const struct record_shape shape_118 = { 0, 36, 37, 39, 40, 20, 2, 12, 16, 0 };
static const struct record_shape shape_120 = { 36, 40, 41, 43, 44, 16, 0, 4, 8, 12 };

static const struct record_shape *shape_of(const struct pclntab *tab)
{
	return tab->minor >= 20 ? &shape_120 : &shape_118;
}

static uint32_t u32_at(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static uint64_t u64_at(const uint8_t *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

/* [offset, offset + len) of the table, or NULL. */
static const uint8_t *within(const struct pclntab *tab, uint64_t offset, uint64_t len)
{
	if (offset > tab->size || len > tab->size - offset)
		return NULL;
	return tab->bytes + offset;
}

static const uint8_t *functab(const struct pclntab *tab)
{
	return tab->bytes + tab->funcdata_off;
}

static uint32_t entry_offset(const struct pclntab *tab, uint32_t index)
{
	return u32_at(functab(tab) + (size_t)index * 8);
}

/* A 0-terminated string at an offset of a sub-table that begins at `base`; "" when there is none. */
static const char *string_at(const struct pclntab *tab, uint64_t base, uint32_t offset)
{
	const uint8_t *text = within(tab, base + offset, 1);
	uint64_t room = tab->size - (base + offset);

	if (!text || !memchr(text, 0, room < NAME_LEN_MAX ? room : NAME_LEN_MAX))
		return "";
	return (const char *)text;
}

/* The header at `bytes` is one of ours: numbers in range, functions ascending (a sample of them). */
static bool take_header(struct pclntab *tab, const uint8_t *bytes, size_t size)
{
	uint64_t counts[2], offsets[5];

	if (size < HEADER_LEN || bytes[4] || bytes[5])
		return false;
	if (u32_at(bytes) != (tab->minor >= 20 ? MAGIC_120 : MAGIC_118))
		return false;
	tab->min_lc = bytes[6];
	tab->ptr_size = bytes[7];
	if ((tab->min_lc != 1 && tab->min_lc != 2 && tab->min_lc != 4) || tab->ptr_size != 8)
		return false;
	counts[0] = u64_at(bytes + 8);
	counts[1] = u64_at(bytes + 16);
	if (!counts[0] || counts[0] > FUNCTIONS_MAX || counts[1] > FUNCTIONS_MAX)
		return false;
	for (int i = 0; i < 5; i++) {
		offsets[i] = u64_at(bytes + 32 + 8 * i);
		if (offsets[i] < HEADER_LEN || offsets[i] >= size)
			return false;
	}
	if (counts[0] * 8 + 4 > size - offsets[4])
		return false;
	tab->bytes = bytes;
	tab->size = size;
	tab->func_count = counts[0];
	tab->file_count = counts[1];
	tab->text_start = u64_at(bytes + 24);
	tab->funcname_off = offsets[0];
	tab->cu_off = offsets[1];
	tab->filetab_off = offsets[2];
	tab->pctab_off = offsets[3];
	tab->funcdata_off = offsets[4];
	for (uint32_t i = 0; i < tab->func_count; i += tab->func_count / 512 + 1)
		if (entry_offset(tab, i) > entry_offset(tab, i + 1))
			return false;
	return true;
}

static bool take_range(struct pclntab *tab, uint64_t addr, const uint8_t *bytes, size_t size)
{
	if (!take_header(tab, bytes, size))
		return false;
	tab->addr = addr;
	return true;
}

/* The linker aligns the table to 32 bytes; externally linked ones keep at least 8. */
static bool search(struct pclntab *tab, uint64_t addr, uint64_t offset, uint64_t size)
{
	uint32_t magic = tab->minor >= 20 ? MAGIC_120 : MAGIC_118;

	for (uint64_t at = (8 - addr % 8) % 8; at + HEADER_LEN <= size; at += 8) {
		const uint8_t *bytes = tab->image->bytes + offset + at;

		if (u32_at(bytes) == magic && take_range(tab, addr + at, bytes, size - at))
			return true;
	}
	return false;
}

static bool find_table(struct pclntab *tab)
{
	static const char *const exact[] = { ".gopclntab", ".data.rel.ro.gopclntab" };
	const struct elf_image *image = tab->image;
	const struct elf_section *section;

	for (int i = 0; i < 2; i++) {
		section = elf_section_by_name(image, exact[i]);
		if (section && section->type != SHT_NOBITS &&
		    take_range(tab, section->addr, image->bytes + section->offset, section->size))
			return true;
	}
	section = elf_section_by_name(image, ".data.rel.ro");
	if (section && section->type != SHT_NOBITS &&
	    search(tab, section->addr, section->offset, section->size))
		return true;
	for (size_t i = 0; i < image->segment_count; i++) {
		const struct elf_segment *segment = &image->segments[i];

		if (!(segment->flags & PF_X) &&
		    search(tab, segment->vaddr, segment->offset, segment->filesz))
			return true;
	}
	return false;
}

int pclntab_open(const struct elf_image *image, int minor, struct pclntab *tab, struct err *err)
{
	memset(tab, 0, sizeof(*tab));
	tab->image = image;
	tab->minor = minor;
	if (!find_table(tab))
		return err_set(err, ENOEXEC, WHAT, "check that the file is whole and not packed",
			       "the program has no usable Go function table (pclntab)");
	return 0;
}

void pclntab_close(struct pclntab *tab)
{
	free(tab->by_name);
	memset(tab, 0, sizeof(*tab));
}

void pclntab_set_text(struct pclntab *tab, uint64_t text_start, uint64_t gofunc)
{
	tab->text_start = text_start;
	tab->gofunc = gofunc;
}

int pclntab_func_by_index(const struct pclntab *tab, uint32_t index, struct pclntab_func *func)
{
	const struct record_shape *shape = shape_of(tab);
	uint32_t offset;

	if (index >= tab->func_count)
		return -ENOENT;
	offset = u32_at(functab(tab) + (size_t)index * 8 + 4);
	func->raw = within(tab, tab->funcdata_off + offset, shape->len);
	if (!func->raw)
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

static int pcdata_at(const struct pclntab *tab, const struct pclntab_func *func, uint32_t which,
		     uint64_t pc, int32_t *value)
{
	const uint8_t *tables = func->raw + shape_of(tab)->len;

	if (which >= u32_at(func->raw + FUNC_NPCDATA) ||
	    !within(tab, tables - tab->bytes + 4ULL * which, 4))
		return -ENOENT;
	return value_at(tab, func, u32_at(tables + 4ULL * which), pc, value);
}

/* Link-time address of a function's data, 0 when it has none. */
static uint64_t funcdata_of(const struct pclntab *tab, const struct pclntab_func *func, unsigned which)
{
	uint64_t at = (func->raw - tab->bytes) + shape_of(tab)->len;
	const uint8_t *slot;

	if (!tab->gofunc || which >= func->raw[shape_of(tab)->nfuncdata])
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
	if (value_at(tab, func, u32_at(func->raw + FUNC_PCFILE), pc, &file) || file < 0)
		return;
	slot = within(tab, tab->cu_off + 4ULL * u32_at(func->raw + FUNC_CU) + 4ULL * file, 4);
	if (!slot || u32_at(slot) == UINT32_MAX)
		return;
	frame->file = string_at(tab, tab->filetab_off, u32_at(slot));
	if (!value_at(tab, func, u32_at(func->raw + FUNC_PCLN), pc, &line))
		frame->line = line;
}

size_t pclntab_frames(const struct pclntab *tab, uint64_t pc, struct pclntab_frame *frames, size_t max)
{
	const struct record_shape *shape = shape_of(tab);
	struct pclntab_func func;
	uint64_t tree;
	size_t count = 0;

	if (!max || pclntab_func_at(tab, pc, &func))
		return 0;
	tree = funcdata_of(tab, &func, FUNCDATA_INL_TREE);
	for (int depth = 0; tree && depth < INLINE_DEPTH_MAX && count + 1 < max; depth++) {
		struct pclntab_frame *frame = &frames[count];
		const uint8_t *call;
		int32_t index;

		if (pcdata_at(tab, &func, PCDATA_INL_TREE, pc, &index) || index < 0)
			break;
		call = elf_at(tab->image, tree + (uint64_t)index * shape->inline_len, shape->inline_len);
		if (!call)
			break;
		position_at(tab, &func, pc, frame);
		frame->function = string_at(tab, tab->funcname_off, u32_at(call + shape->inline_name));
		frame->func_id = call[shape->inline_func_id];
		frame->start_line =
			shape->inline_start_line ? (int32_t)u32_at(call + shape->inline_start_line) : 0;
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
