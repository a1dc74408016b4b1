/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the executable's DWARF says of the variables of a function, and of the program's own. Only the
 * units and functions asked for are read, and of each so much at most: the file is not trusted.
 * Addresses are link-time.
 */
#ifndef TARGET_DEBUG_INFO_H
#define TARGET_DEBUG_INFO_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct debug_info;

/* Sections that are compressed are expanded here. NULL: no DWARF in it, or no memory. */
struct debug_info *debug_info_open(const char *path);
void debug_info_close(struct debug_info *info); /* NULL is fine */

/* A variable that lies in a frame. Strings are good as long as the info. */
struct debug_value {
	const char *name; /* "&mu" is a pointer to the variable mu, which was moved to the heap */
	const char *function; /* whose it is: of the one inlined there, not the one around it */
	bool is_parameter;
	int64_t offset; /* from the frame's CFA: the address behind the return address */
	Dwarf_Die type;
};

/*
 * Of the function that calls at pc, and goes on at `resumes`, and those inlined there, innermost last; good
 * until the next call. What the code has in a register before a call it takes from the stack behind it.
 */
const struct debug_value *debug_info_values(struct debug_info *info, uint64_t pc, uint64_t resumes,
					    size_t *count);

/* The type of a variable of a package by its symbol, "main.cache". False: it is not there. */
bool debug_info_variable(struct debug_info *info, const char *symbol, Dwarf_Die *type);

#endif
