// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Finding the table and believing its header. */
#include <elf.h>
#include <errno.h>
#include <stdlib.h>

#include "target/pclntab_record.h"

#define WHAT "reading the function table"
#define MAGIC_118 0xfffffff0U
#define MAGIC_120 0xfffffff1U
#define HEADER_LEN 72 /* 8 bytes and 8 words */
#define FUNCTIONS_MAX (1U << 24)

static uint32_t magic_of(const struct pclntab *tab)
{
	return tab->minor >= 20 ? MAGIC_120 : MAGIC_118;
}

/* The header at `bytes` is one of ours: numbers in range, functions ascending (a sample of them). */
static bool take_header(struct pclntab *tab, const uint8_t *bytes, size_t size)
{
	uint64_t counts[2], offsets[5];

	if (size < HEADER_LEN || bytes[4] || bytes[5])
		return false;
	if (u32_at(bytes) != magic_of(tab))
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

/* The linker aligns the table to 32 bytes, from 1.26 on to 8. */
static bool search(struct pclntab *tab, uint64_t addr, uint64_t offset, uint64_t size)
{
	for (uint64_t at = (8 - addr % 8) % 8; at + HEADER_LEN <= size; at += 8) {
		const uint8_t *bytes = tab->image->bytes + offset + at;

		if (u32_at(bytes) == magic_of(tab) && take_range(tab, addr + at, bytes, size - at))
			return true;
	}
	return false;
}

static const struct elf_section *file_section(const struct elf_image *image, const char *name)
{
	const struct elf_section *section = elf_section_by_name(image, name);

	return section && section->type != SHT_NOBITS ? section : NULL;
}

static const struct elf_section *own_section(const struct elf_image *image)
{
	const struct elf_section *section = file_section(image, ".gopclntab");

	return section ? section : file_section(image, ".data.rel.ro.gopclntab");
}

/* Executable segments come last: only old linkers put read-only data there. */
static bool search_segments(struct pclntab *tab, bool executable)
{
	for (size_t i = 0; i < tab->image->segment_count; i++) {
		const struct elf_segment *segment = &tab->image->segments[i];

		if (!!(segment->flags & PF_X) == executable &&
		    search(tab, segment->vaddr, segment->offset, segment->filesz))
			return true;
	}
	return false;
}

static bool find_table(struct pclntab *tab)
{
	const struct elf_section *section = own_section(tab->image);

	if (section)
		return take_range(tab, section->addr, tab->image->bytes + section->offset,
				  section->size);
	section = file_section(tab->image, ".data.rel.ro");
	if (section && search(tab, section->addr, section->offset, section->size))
		return true;
	return search_segments(tab, false) || search_segments(tab, true);
}

int pclntab_open(const struct elf_image *image, int minor, struct pclntab *tab, struct err *err)
{
	const struct elf_section *section;

	memset(tab, 0, sizeof(*tab));
	tab->image = image;
	tab->minor = minor;
	if (find_table(tab))
		return 0;
	section = own_section(image);
	if (!section)
		return err_set(err, ENOEXEC, WHAT, "check that the file is whole and not packed",
			       "the program has no Go function table (pclntab)");
	if (section->size >= HEADER_LEN && u32_at(image->bytes + section->offset) != magic_of(tab))
		return err_set(err, ENOEXEC, WHAT,
			       "check that the file is whole, or use a newer conctrace",
			       "the pclntab of Go 1.%d begins with 0x%x, not with 0x%x", minor,
			       u32_at(image->bytes + section->offset), magic_of(tab));
	return err_set(err, ENOEXEC, WHAT, "check that the file is whole",
		       "the program's Go function table (pclntab) is damaged");
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
