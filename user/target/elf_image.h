/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * An ELF executable, mapped read-only. Every access is bounds-checked: the file may be truncated
 * or hostile. Addresses here are those of the file ("link-time"); the process adds load_bias.
 */
#ifndef TARGET_ELF_IMAGE_H
#define TARGET_ELF_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct elf_section {
	const char *name;
	uint64_t addr, offset, size, flags;
	uint32_t type;
};

struct elf_segment {
	uint64_t vaddr, offset, filesz, memsz;
	uint32_t flags; /* PF_R | PF_W | PF_X */
};

struct elf_image {
	const uint8_t *bytes; /* the whole file */
	size_t size;
	bool pie;                     /* ET_DYN */
	bool dynamic;                 /* has PT_INTERP */
	uint16_t machine;             /* EM_X86_64, EM_AARCH64 */
	struct elf_section *sections; /* may be none: sections can be stripped */
	size_t section_count;
	struct elf_segment *segments; /* PT_LOAD only */
	size_t segment_count;
	char build_id[41]; /* GNU build id in hex, "" when there is none */
	char go_build_id[128];
	bool has_symtab, has_dwarf;
	struct elf_symbols *symbols; /* read at first use */
};

/* Only 64-bit little-endian. Errors say whether it is no ELF, truncated, or of another machine. */
int elf_image_open(const char *path, struct elf_image *image, struct err *err);
void elf_image_close(struct elf_image *image);

const struct elf_section *elf_section_by_name(const struct elf_image *image, const char *name);
/* `len` file-backed bytes at a link-time address, or NULL. */
const uint8_t *elf_at(const struct elf_image *image, uint64_t addr, size_t len);
/* How many file-backed bytes follow a link-time address in its segment; 0: none. */
size_t elf_bytes_from(const struct elf_image *image, uint64_t addr);
/* Offset in the file of a link-time address, as uprobes want it; -1: none. */
int64_t elf_file_offset(const struct elf_image *image, uint64_t addr);

/* Symbol table (.symtab, then .dynsym), read at first use. 0, or -ENOENT. */
int elf_symbol_by_name(struct elf_image *image, const char *name, uint64_t *addr, uint64_t *size);
/* Name of the data object that contains a link-time address, and its start; NULL: none. */
const char *elf_data_symbol_at(struct elf_image *image, uint64_t addr, uint64_t *start);

#endif
