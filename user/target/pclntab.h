/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The runtime's function table (runtime/symtab.go, internal/abi/symtab.go; Go 1.18 to 1.27, magics
 * 0xfffffff0 and 0xfffffff1). Present in every Go binary, stripped or not. All addresses are
 * link-time addresses. The table is not trusted: every offset is checked.
 */
#ifndef TARGET_PCLNTAB_H
#define TARGET_PCLNTAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "target/elf_image.h"

/* funcID values differ between versions; these are the ones callers ask for (internal/abi). */
struct pclntab_func {
	uint64_t entry, end; /* [entry, end) */
	const char *name;    /* in the mapped file */
	const uint8_t *raw;  /* the _func record; its bounds were checked */
	uint32_t index;
	uint8_t func_id;    /* as stored */
	uint8_t flag;       /* abi.FuncFlag: 1 top frame, 2 SPWrite, 4 asm */
	int32_t args;       /* bytes of arguments; 0x80000000: variadic or unknown */
	int32_t start_line; /* 0 before Go 1.20 */
};

struct pclntab {
	const struct elf_image *image;
	const uint8_t *bytes;
	size_t size;
	uint64_t addr;       /* of the pcHeader */
	uint64_t text_start; /* runtime.text: function offsets count from here */
	uint64_t gofunc;     /* go:func.*: inline trees count from here; 0: unknown, no inlining */
	uint32_t func_count, file_count;
	uint32_t min_lc, ptr_size;
	/* offsets of the sub-tables within bytes */
	uint64_t funcname_off, cu_off, filetab_off, pctab_off, funcdata_off;
	int minor;         /* Go minor version, decides the record layouts */
	uint32_t *by_name; /* hash table of function indices, built at first use */
};

/* A source position of a pc; innermost first when inlined. Strings live in the mapped file. */
struct pclntab_frame {
	const char *function; /* as Go stores it: pclntab_display_name for people */
	const char *file;
	int line;
	bool inlined;    /* this frame was inlined into the next one */
	uint8_t func_id; /* of the (inlined) function, as stored */
	int32_t start_line;
	uint64_t entry; /* of the function whose code this is, inlined or not */
};

/*
 * Find and open the table: section .gopclntab or .data.rel.ro.gopclntab, else its magic in
 * .data.rel.ro or in the segments, checked by its structure. Sets text_start where the header
 * has it (to 1.25), else the caller supplies it by pclntab_set_text. minor: Go's minor version.
 */
int pclntab_open(const struct elf_image *image, int minor, struct pclntab *tab, struct err *err);
void pclntab_close(struct pclntab *tab);
/* From moduledata: runtime.text and go:func.* (link-time addresses). */
void pclntab_set_text(struct pclntab *tab, uint64_t text_start, uint64_t gofunc);

int pclntab_func_at(const struct pclntab *tab, uint64_t pc, struct pclntab_func *func);
int pclntab_func_by_index(const struct pclntab *tab, uint32_t index, struct pclntab_func *func);
int pclntab_func_by_name(struct pclntab *tab, const char *name, struct pclntab_func *func);

/*
 * Frames of one pc, innermost first; `pc` is that of the instruction itself (callers subtract 1
 * from a return address). Returns how many were written, 0 when pc is in no function.
 */
size_t pclntab_frames(const struct pclntab *tab, uint64_t pc, struct pclntab_frame *frames,
		      size_t max);

/*
 * The name as Go prints it: type arguments, which are stored from 1.21 on, become "[...]". Cut to
 * `size`, always terminated.
 */
void pclntab_display_name(const char *name, char *to, size_t size);

/*
 * Bytes between the stack pointer at pc and the return address slot of the caller
 * (pcsp table): 0 or -errno when the table has no answer.
 */
int pclntab_frame_size(const struct pclntab *tab, uint64_t pc, int32_t *bytes);

#endif
