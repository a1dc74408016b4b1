// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "target/debug_type.h"

#include <dwarf.h>
#include <stdio.h>
#include <string.h>

#define FIELDS_MAX 1024
#define DEEP_MAX 16
#define NAMES_MAX 16 /* of one type */

static bool refers_to(Dwarf_Die *entry, Dwarf_Die *type)
{
	Dwarf_Attribute attribute;

	return dwarf_attr(entry, DW_AT_type, &attribute) && dwarf_formref_die(&attribute, type);
}

bool debug_type_peel(const Dwarf_Die *type, Dwarf_Die *peeled)
{
	*peeled = *type;
	for (int i = 0; i < NAMES_MAX; i++) {
		Dwarf_Die next;

		if (dwarf_tag(peeled) != DW_TAG_typedef)
			return true;
		if (!refers_to(peeled, &next))
			return false;
		*peeled = next;
	}
	return false;
}

const char *debug_type_name(const Dwarf_Die *type)
{
	Dwarf_Die entry = *type;
	const char *name = dwarf_diename(&entry);

	return name ? name : "";
}

enum debug_type_kind debug_type_kind(const Dwarf_Die *peeled)
{
	Dwarf_Die entry = *peeled;

	switch (dwarf_tag(&entry)) {
	case DW_TAG_pointer_type:
		return DEBUG_POINTER;
	case DW_TAG_structure_type:
		return strncmp(debug_type_name(&entry), "[]", 2) ? DEBUG_STRUCT : DEBUG_SLICE;
	case DW_TAG_array_type:
		return DEBUG_ARRAY;
	default:
		return DEBUG_OTHER;
	}
}

bool debug_type_size(const Dwarf_Die *type, uint64_t *size)
{
	Dwarf_Attribute attribute;
	Dwarf_Die entry;
	Dwarf_Word value;

	if (!debug_type_peel(type, &entry))
		return false;
	if (debug_type_kind(&entry) == DEBUG_POINTER)
		value = 8;
	else if (!dwarf_attr(&entry, DW_AT_byte_size, &attribute) ||
		 dwarf_formudata(&attribute, &value))
		return false;
	*size = value;
	return true;
}

static bool read_field(Dwarf_Die *member, struct debug_field *field)
{
	Dwarf_Attribute attribute;
	Dwarf_Word offset;

	field->name = dwarf_diename(member);
	if (dwarf_tag(member) != DW_TAG_member || !field->name ||
	    !dwarf_attr(member, DW_AT_data_member_location, &attribute) ||
	    dwarf_formudata(&attribute, &offset))
		return false;
	field->offset = offset;
	return refers_to(member, &field->type);
}

void debug_type_fields(const Dwarf_Die *peeled, bool (*visit)(void *, const struct debug_field *),
		       void *ctx)
{
	Dwarf_Die entry = *peeled, member;
	unsigned count = 0;

	if (dwarf_child(&entry, &member))
		return;
	do {
		struct debug_field field;

		if (read_field(&member, &field) && !visit(ctx, &field))
			return;
	} while (++count < FIELDS_MAX && !dwarf_siblingof(&member, &member));
}

struct covering {
	uint64_t offset;
	struct debug_field field;
	bool found;
};

static bool covers(void *ctx, const struct debug_field *field)
{
	struct covering *covering = ctx;
	uint64_t size;

	if (field->offset <= covering->offset && debug_type_size(&field->type, &size) &&
	    covering->offset - field->offset < size) {
		covering->field = *field;
		covering->found = true;
	}
	return !covering->found;
}

struct slice {
	Dwarf_Die array;
	bool found;
};

static bool is_array_of_slice(void *ctx, const struct debug_field *field)
{
	struct slice *slice = ctx;

	slice->found = !strcmp(field->name, "array");
	slice->array = field->type;
	return !slice->found;
}

bool debug_type_element(const Dwarf_Die *peeled, Dwarf_Die *element)
{
	struct slice slice = { .found = false };
	Dwarf_Die entry = *peeled;

	if (debug_type_kind(peeled) != DEBUG_SLICE)
		return refers_to(&entry, element);
	debug_type_fields(peeled, is_array_of_slice, &slice);
	return slice.found && debug_type_peel(&slice.array, &entry) && refers_to(&entry, element);
}

/* What is cut off would be another name. */
static bool fits(int len, size_t room)
{
	return len >= 0 && (size_t)len < room;
}

static bool append_field(char *path, size_t size, const char *name)
{
	size_t used = strlen(path);

	return fits(snprintf(path + used, size - used, ".%s", name), size - used);
}

static bool append_index(char *path, size_t size, uint64_t index)
{
	size_t used = strlen(path);

	return fits(snprintf(path + used, size - used, "[%llu]", (unsigned long long)index),
		    size - used);
}

bool debug_type_path(const Dwarf_Die *type, uint64_t offset, debug_type_wanted is_wanted, void *ctx,
		     char *path, size_t size)
{
	Dwarf_Die here = *type;

	for (int deep = 0; deep < DEEP_MAX; deep++) {
		struct covering covering = { .offset = offset };
		uint64_t element_size;
		Dwarf_Die peeled;

		if (is_wanted(ctx, debug_type_name(&here), offset))
			return true;
		if (!debug_type_peel(&here, &peeled))
			return false;
		switch (debug_type_kind(&peeled)) {
		case DEBUG_STRUCT:
			debug_type_fields(&peeled, covers, &covering);
			if (!covering.found || !append_field(path, size, covering.field.name))
				return false;
			here = covering.field.type;
			offset -= covering.field.offset;
			break;
		case DEBUG_ARRAY:
			if (!debug_type_element(&peeled, &here) ||
			    !debug_type_size(&here, &element_size) || !element_size ||
			    !append_index(path, size, offset / element_size))
				return false;
			offset %= element_size;
			break;
		default:
			return false;
		}
	}
	return false;
}
