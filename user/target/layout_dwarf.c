// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "target/layout_dwarf.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

struct wanted_field {
	const char *type, *field; /* field "": the struct's size */
	size_t at;                /* of the value in struct layout */
};

static const struct wanted_field wanted[] = {
#define X(name, type, field) { type, field, offsetof(struct layout, name) },
	LAYOUT_FIELDS(X)
#undef X
	/* names that other versions use */
	{ "internal/sync.Mutex", "state", offsetof(struct layout, mutex_state) },
	{ "internal/sync.Mutex", "sema", offsetof(struct layout, mutex_sema) },
	{ "sync.WaitGroup", "state2", offsetof(struct layout, waitgroup_sema) },
	{ "runtime.g", "", offsetof(struct layout, g_size) },
	{ "runtime.m", "", offsetof(struct layout, m_size) },
	{ "runtime.hchan", "", offsetof(struct layout, hchan_size) },
	{ "runtime.sudog", "", offsetof(struct layout, sudog_size) },
	{ "runtime.moduledata", "", offsetof(struct layout, moduledata_size) },
};

static void take(struct layout *layout, const char *type, const char *field, Dwarf_Word value)
{
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		uint32_t *slot = (uint32_t *)((char *)layout + wanted[i].at);

		if (*slot == LAYOUT_ABSENT && !strcmp(wanted[i].type, type) &&
		    !strcmp(wanted[i].field, field) && value < LAYOUT_ABSENT)
			*slot = value;
	}
}

static void take_struct(Dwarf_Die *type, struct layout *layout)
{
	const char *name = dwarf_diename(type);
	Dwarf_Attribute attribute;
	Dwarf_Word value;
	Dwarf_Die member;

	if (!name)
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
	} while (!dwarf_siblingof(&member, &member));
}

static void take_unit(Dwarf_Die *unit, struct layout *layout)
{
	Dwarf_Die entry;

	if (dwarf_child(unit, &entry))
		return;
	do {
		if (dwarf_tag(&entry) == DW_TAG_structure_type)
			take_struct(&entry, layout);
	} while (!dwarf_siblingof(&entry, &entry));
}

int layout_from_dwarf(const char *path, struct layout *layout)
{
	Dwarf_Off offset = 0, next;
	size_t header_size;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	Dwarf *dwarf;

	memset(layout, 0xff, sizeof(*layout)); /* every field LAYOUT_ABSENT */
	layout->minor = 0;
	if (fd < 0)
		return -errno;
	dwarf = dwarf_begin(fd, DWARF_C_READ);
	while (dwarf && !dwarf_nextcu(dwarf, offset, &next, &header_size, NULL, NULL, NULL)) {
		Dwarf_Die unit;

		if (dwarf_offdie(dwarf, offset + header_size, &unit))
			take_unit(&unit, layout);
		offset = next;
	}
	if (dwarf)
		dwarf_end(dwarf);
	close(fd);
	return layout->g_size == LAYOUT_ABSENT ? -ENOENT : 0;
}
