// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "target/layout_dwarf.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

struct wanted_field {
	const char *type, *field; /* field "": the struct's size */
	size_t at;                /* of the value in struct layout */
};

static const struct wanted_field wanted[] = {
#define X(name, type, field) { type, field, offsetof(struct layout, name) },
	LAYOUT_FIELDS(X) LAYOUT_ALIASES(X)
#undef X
#define X(name, type) { type, "", offsetof(struct layout, name) },
		LAYOUT_SIZES(X)
#undef X
};

/* What is read of the file is bounded: a damaged tree of entries may have loops. */
#define ENTRIES_MAX (1U << 25)
#define MEMBERS_MAX 1024

static void take(struct layout *layout, const char *type, const char *field, Dwarf_Word value)
{
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		uint32_t *slot = (uint32_t *)((char *)layout + wanted[i].at);

		if (*slot == LAYOUT_ABSENT && !strcmp(wanted[i].type, type) &&
		    !strcmp(wanted[i].field, field) && value < LAYOUT_ABSENT)
			*slot = value;
	}
}

static bool is_wanted(const char *type)
{
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (!strcmp(wanted[i].type, type))
			return true;
	return false;
}

static void take_struct(Dwarf_Die *type, struct layout *layout)
{
	const char *name = dwarf_diename(type);
	Dwarf_Attribute attribute;
	unsigned members = 0;
	Dwarf_Word value;
	Dwarf_Die member;

	if (!name || !is_wanted(name))
		return;
	if (dwarf_attr(type, DW_AT_byte_size, &attribute) && !dwarf_formudata(&attribute, &value))
		take(layout, name, "", value);
	if (dwarf_child(type, &member))
		return;
	do {
		const char *field = dwarf_diename(&member);

		if (field && dwarf_attr(&member, DW_AT_data_member_location, &attribute) &&
		    !dwarf_formudata(&attribute, &value))
			take(layout, name, field, value);
	} while (++members < MEMBERS_MAX && !dwarf_siblingof(&member, &member));
}

static void take_unit(Dwarf_Die *unit, struct layout *layout, unsigned *entries)
{
	Dwarf_Die entry;

	if (dwarf_child(unit, &entry))
		return;
	do {
		if (dwarf_tag(&entry) == DW_TAG_structure_type)
			take_struct(&entry, layout);
	} while (++*entries < ENTRIES_MAX && !dwarf_siblingof(&entry, &entry));
}

int layout_from_dwarf(const char *path, struct layout *layout)
{
	Dwarf_Off offset = 0, next;
	unsigned entries = 0;
	size_t header_size;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	Dwarf *dwarf;

	memset(layout, 0xff, sizeof(*layout)); /* every field LAYOUT_ABSENT */
	layout->minor = 0;
	if (fd < 0)
		return -errno;
	dwarf = dwarf_begin(fd, DWARF_C_READ);
	while (dwarf && entries < ENTRIES_MAX &&
	       !dwarf_nextcu(dwarf, offset, &next, &header_size, NULL, NULL, NULL)) {
		Dwarf_Die unit;

		if (dwarf_offdie(dwarf, offset + header_size, &unit))
			take_unit(&unit, layout, &entries);
		if (next <= offset)
			break;
		offset = next;
	}
	if (dwarf)
		dwarf_end(dwarf);
	close(fd);
	return layout->g_size == LAYOUT_ABSENT ? -ENOENT : 0;
}
