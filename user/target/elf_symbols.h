/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The symbol table behind elf_symbol_by_name and elf_data_symbol_at: sorted at first use. */
#ifndef TARGET_ELF_SYMBOLS_H
#define TARGET_ELF_SYMBOLS_H

struct elf_symbols;

void elf_symbols_free(struct elf_symbols *symbols); /* NULL is fine */

#endif
