/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Go's types as DWARF has them (cmd/link/internal/ld/dwarf.go). */
#ifndef TARGET_DEBUG_TYPE_H
#define TARGET_DEBUG_TYPE_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Behind the names given to it. False: it leads nowhere. */
bool debug_type_peel(const Dwarf_Die *type, Dwarf_Die *peeled);
bool debug_type_size(const Dwarf_Die *type, uint64_t *size);
/* "main.Store"; "": it has none. */
const char *debug_type_name(const Dwarf_Die *type);

enum debug_type_kind { DEBUG_OTHER, DEBUG_POINTER, DEBUG_STRUCT, DEBUG_ARRAY, DEBUG_SLICE };

enum debug_type_kind debug_type_kind(const Dwarf_Die *peeled);
/* What a pointer, array or slice is of. */
bool debug_type_element(const Dwarf_Die *peeled, Dwarf_Die *element);

/* A value of a type of that name is asked for, which begins so many bytes before the place. */
typedef bool (*debug_type_wanted)(void *ctx, const char *name, uint64_t offset);
/*
 * The way from a value to the outermost one that is wanted of those around the place so many bytes into it:
 * ".stats.mu", "[3].mu"; "" when the value itself is. Added to `path`, which is a string.
 */
bool debug_type_path(const Dwarf_Die *type, uint64_t offset, debug_type_wanted is_wanted, void *ctx,
		     char *path, size_t size);

/* Calls `visit` for each field of a struct; false ends it. */
struct debug_field {
	const char *name;
	uint64_t offset;
	Dwarf_Die type;
};
void debug_type_fields(const Dwarf_Die *peeled, bool (*visit)(void *, const struct debug_field *),
		       void *ctx);

#endif
