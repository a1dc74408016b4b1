// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * cmd/link writes a unit for each package, named by its path, and no table of their addresses; where a
 * variable lies is a list by pc (cmd/compile/internal/ssa/debug.go). DWARF 4, from Go 1.25 on 5.
 */
#include "target/debug_info.h"

#include <dwarf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/vec.h"

#define UNITS_MAX 65536
#define CHILDREN_MAX (1U << 20) /* of one entry: functions and variables of a package */
#define SCOPES_DEEP 32
#define VALUES_MAX 256
#define PCS_KEPT 256 /* a power of 2 */

struct values {
	uint64_t pc, resumes;
	bool known;
	VEC(struct debug_value) list;
};

struct debug_info {
	int fd;
	Dwarf *dwarf;
	VEC(Dwarf_Die) units;
	struct values kept[PCS_KEPT]; /* by pc; the next one on the same place takes it */
};

static int find_units(struct debug_info *info)
{
	Dwarf_Off offset = 0, next;
	size_t header_size;

	while (info->units.len < UNITS_MAX &&
	       !dwarf_nextcu(info->dwarf, offset, &next, &header_size, NULL, NULL, NULL) &&
	       next > offset) {
		Dwarf_Die unit, *slot;

		if (dwarf_offdie(info->dwarf, offset + header_size, &unit)) {
			slot = vec_push(&info->units);
			if (!slot)
				return -1;
			*slot = unit;
		}
		offset = next;
	}
	return info->units.len ? 0 : -1;
}

struct debug_info *debug_info_open(const char *path)
{
	struct debug_info *info = calloc(1, sizeof(*info));

	if (!info)
		return NULL;
	info->fd = open(path, O_RDONLY | O_CLOEXEC);
	info->dwarf = info->fd >= 0 ? dwarf_begin(info->fd, DWARF_C_READ) : NULL;
	if (info->dwarf && !find_units(info))
		return info;
	debug_info_close(info);
	return NULL;
}

void debug_info_close(struct debug_info *info)
{
	if (!info)
		return;
	for (size_t i = 0; i < PCS_KEPT; i++)
		vec_free(&info->kept[i].list);
	vec_free(&info->units);
	if (info->dwarf)
		dwarf_end(info->dwarf);
	if (info->fd >= 0)
		close(info->fd);
	free(info);
}

/* At this pc it is in the frame, at *offset from the CFA, and not in a register. */
static bool lies_in_frame(Dwarf_Die *variable, uint64_t pc, int64_t *offset)
{
	Dwarf_Attribute attribute;
	size_t len;
	Dwarf_Op *ops;

	if (!dwarf_attr(variable, DW_AT_location, &attribute) ||
	    dwarf_getlocation_addr(&attribute, pc, &ops, &len, 1) != 1)
		return false;
	if (len == 1 && ops[0].atom == DW_OP_fbreg) {
		*offset = (int64_t)ops[0].number;
		return true;
	}
	if (!len || ops[0].atom != DW_OP_call_frame_cfa)
		return false;
	*offset = 0;
	if (len == 1)
		return true;
	if (len != 3 || ops[1].atom != DW_OP_consts || ops[2].atom != DW_OP_plus)
		return false;
	*offset = (int64_t)ops[1].number;
	return true;
}

static bool type_of(Dwarf_Die *entry, Dwarf_Die *type)
{
	Dwarf_Attribute attribute;

	return dwarf_attr_integrate(entry, DW_AT_type, &attribute) &&
	       dwarf_formref_die(&attribute, type);
}

static const char *name_of(Dwarf_Die *entry)
{
	Dwarf_Attribute attribute;

	return dwarf_formstring(dwarf_attr_integrate(entry, DW_AT_name, &attribute));
}

static void take_value(struct values *values, Dwarf_Die *entry, const char *function)
{
	struct debug_value value = { .name = name_of(entry),
				     .function = function,
				     .is_parameter = dwarf_tag(entry) == DW_TAG_formal_parameter };
	struct debug_value *slot;

	if (!value.name || values->list.len >= VALUES_MAX ||
	    (!lies_in_frame(entry, values->resumes, &value.offset) &&
	     !lies_in_frame(entry, values->pc, &value.offset)) ||
	    !type_of(entry, &value.type))
		return;
	slot = vec_push(&values->list);
	if (slot)
		*slot = value;
}

/* Variables of a scope around the pc, and of those within it. */
static void take_scope(struct values *values, Dwarf_Die *scope, const char *function, int deep)
{
	unsigned children = 0;
	Dwarf_Die child;

	if (deep > SCOPES_DEEP || dwarf_child(scope, &child))
		return;
	do {
		switch (dwarf_tag(&child)) {
		case DW_TAG_formal_parameter:
		case DW_TAG_variable:
			take_value(values, &child, function);
			break;
		case DW_TAG_lexical_block:
			if (dwarf_haspc(&child, values->pc) > 0)
				take_scope(values, &child, function, deep + 1);
			break;
		case DW_TAG_inlined_subroutine:
			if (dwarf_haspc(&child, values->pc) > 0)
				take_scope(values, &child, name_of(&child), deep + 1);
			break;
		default:
			break;
		}
	} while (++children < CHILDREN_MAX && !dwarf_siblingof(&child, &child));
}

static void take_function(struct values *values, Dwarf_Die *unit)
{
	unsigned children = 0;
	Dwarf_Die child;

	if (dwarf_child(unit, &child))
		return;
	do {
		if (dwarf_tag(&child) == DW_TAG_subprogram && dwarf_haspc(&child, values->pc) > 0) {
			take_scope(values, &child, name_of(&child), 0);
			return;
		}
	} while (++children < CHILDREN_MAX && !dwarf_siblingof(&child, &child));
}

const struct debug_value *debug_info_values(struct debug_info *info, uint64_t pc, uint64_t resumes,
					    size_t *count)
{
	struct values *values = &info->kept[pc * 0x9e3779b97f4a7c15ULL >> 32 & (PCS_KEPT - 1)];

	if (!values->known || values->pc != pc || values->resumes != resumes) {
		values->pc = pc;
		values->resumes = resumes;
		values->known = true;
		values->list.len = 0;
		for (size_t i = 0; i < info->units.len; i++)
			if (dwarf_haspc(&info->units.data[i], pc) > 0) {
				take_function(values, &info->units.data[i]);
				break;
			}
	}
	*count = values->list.len;
	return values->list.data;
}

/* "main.cache" is of package "main"; a dot in the last part of a path is escaped: "a/b%2ec.x". */
static bool is_of_package(const char *symbol, const char *package)
{
	for (; *package; package++) {
		if (!strncmp(symbol, "%2e", 3) && *package == '.')
			symbol += 3;
		else if (*symbol++ != *package)
			return false;
	}
	return *symbol == '.' && !strchr(symbol, '/');
}

static bool take_variable(Dwarf_Die *unit, const char *symbol, Dwarf_Die *type)
{
	unsigned children = 0;
	Dwarf_Die child;

	if (dwarf_child(unit, &child))
		return false;
	do {
		const char *name = dwarf_tag(&child) == DW_TAG_variable ? dwarf_diename(&child) :
									  NULL;

		if (name && !strcmp(name, symbol))
			return type_of(&child, type);
	} while (++children < CHILDREN_MAX && !dwarf_siblingof(&child, &child));
	return false;
}

bool debug_info_variable(struct debug_info *info, const char *symbol, Dwarf_Die *type)
{
	for (size_t i = 0; i < info->units.len; i++) {
		const char *package = dwarf_diename(&info->units.data[i]);

		if (package && is_of_package(symbol, package) &&
		    take_variable(&info->units.data[i], symbol, type))
			return true;
	}
	return false;
}
