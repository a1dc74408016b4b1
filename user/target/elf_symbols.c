// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "target/elf_symbols.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "target/elf_image.h"

struct data_symbol {
	uint64_t addr, size;
	const char *name;
};

struct elf_symbols {
	const Elf64_Sym *table; /* in the mapped file */
	size_t count;
	const char *strings;
	size_t strings_size;      /* the last byte is 0 */
	struct data_symbol *data; /* ascending by address; made at the first look-up by address */
	size_t data_count;
};

void elf_symbols_free(struct elf_symbols *symbols)
{
	if (!symbols)
		return;
	free(symbols->data);
	free(symbols);
}

static const struct elf_section *strings_of(const struct elf_image *image,
					    const struct elf_section *symtab)
{
	return elf_section_by_name(image, !strcmp(symtab->name, ".symtab") ? ".strtab" : ".dynstr");
}

static struct elf_symbols *symbols_of(struct elf_image *image)
{
	const struct elf_section *symtab = elf_section_by_name(image, ".symtab"), *strings;

	if (image->symbols)
		return image->symbols;
	if (!symtab)
		symtab = elf_section_by_name(image, ".dynsym");
	image->symbols = calloc(1, sizeof(*image->symbols));
	if (!image->symbols || !symtab || symtab->type == SHT_NOBITS || symtab->offset % 8)
		return image->symbols;
	strings = strings_of(image, symtab);
	if (!strings || strings->type == SHT_NOBITS || !strings->size ||
	    image->bytes[strings->offset + strings->size - 1])
		return image->symbols;
	image->symbols->table = (const Elf64_Sym *)(image->bytes + symtab->offset);
	image->symbols->count = symtab->size / sizeof(Elf64_Sym);
	image->symbols->strings = (const char *)image->bytes + strings->offset;
	image->symbols->strings_size = strings->size;
	return image->symbols;
}

static const char *symbol_name(const struct elf_symbols *symbols, const Elf64_Sym *symbol)
{
	return symbol->st_name < symbols->strings_size ? symbols->strings + symbol->st_name : "";
}

int elf_symbol_by_name(struct elf_image *image, const char *name, uint64_t *addr, uint64_t *size)
{
	const struct elf_symbols *symbols = symbols_of(image);

	for (size_t i = 0; symbols && i < symbols->count; i++) {
		const Elf64_Sym *symbol = &symbols->table[i];

		if (symbol->st_shndx == SHN_UNDEF || strcmp(symbol_name(symbols, symbol), name))
			continue;
		*addr = symbol->st_value;
		if (size)
			*size = symbol->st_size;
		return 0;
	}
	return -ENOENT;
}

static int by_address(const void *a, const void *b)
{
	const struct data_symbol *x = a, *y = b;

	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

static void sort_data_symbols(struct elf_symbols *symbols)
{
	symbols->data = calloc(symbols->count + 1, sizeof(*symbols->data));
	if (!symbols->data)
		return;
	for (size_t i = 0; i < symbols->count; i++) {
		const Elf64_Sym *symbol = &symbols->table[i];
		const char *name = symbol_name(symbols, symbol);

		if (ELF64_ST_TYPE(symbol->st_info) != STT_OBJECT || !symbol->st_size || !*name)
			continue;
		symbols->data[symbols->data_count++] =
			(struct data_symbol){ symbol->st_value, symbol->st_size, name };
	}
	qsort(symbols->data, symbols->data_count, sizeof(*symbols->data), by_address);
}

const char *elf_data_symbol_at(struct elf_image *image, uint64_t addr, uint64_t *start)
{
	struct elf_symbols *symbols = symbols_of(image);
	size_t low = 0, high;

	if (!symbols)
		return NULL;
	if (!symbols->data)
		sort_data_symbols(symbols);
	if (!symbols->data)
		return NULL;
	/* [low, high) narrows to the first symbol behind addr */
	for (high = symbols->data_count; low < high;) {
		size_t middle = low + (high - low) / 2;

		if (symbols->data[middle].addr <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low || addr - symbols->data[low - 1].addr >= symbols->data[low - 1].size)
		return NULL;
	*start = symbols->data[low - 1].addr;
	return symbols->data[low - 1].name;
}
