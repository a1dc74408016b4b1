// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "target/gotype.h"

#include <errno.h>
#include <string.h>

#include "target/memory.h"

#define TFLAG_EXTRA_STAR 2
#define KIND_MASK 31
#define KIND_PTR 22
#define KIND_STRING 24
#define KIND_STRUCT 25

struct raw_type {
	uint64_t size, pointer_bytes;
	uint32_t hash;
	uint8_t tflag, align, field_align, kind;
	uint64_t equal, gc_data;
	int32_t name, pointer_to_this;
};

/* abi.PtrType and abi.StructType go on after the type with: */
struct raw_struct {
	struct raw_type type;
	uint64_t package, fields, field_count;
};
struct raw_field {
	uint64_t name, type, offset;
};

static bool read_bytes(const struct target *target, uint64_t addr, void *to, size_t len)
{
	const uint8_t *in_file;

	if (!memory_read(target->pid, addr, to, len))
		return true;
	in_file = elf_at(&target->image, addr - target->load_bias, len);
	if (in_file)
		memcpy(to, in_file, len);
	return in_file;
}

static bool read_type(const struct target *target, uint64_t addr, struct raw_type *raw)
{
	return addr >= target->types && addr < target->etypes &&
	       read_bytes(target, addr, raw, sizeof(*raw));
}

/* A name is a byte of flags, its length in base 128, and its bytes (internal/abi/type.go, Name). */
static bool read_name(const struct target *target, const struct raw_type *raw, char *name,
		      size_t size)
{
	uint64_t addr = target->types + (uint32_t)raw->name;
	size_t len = 0, at = 1;
	uint8_t head[8];

	if (raw->name <= 0 || addr >= target->etypes ||
	    !read_bytes(target, addr, head, sizeof(head)))
		return false;
	for (int shift = 0; at < 4; at++, shift += 7) {
		len |= (size_t)(head[at] & 0x7f) << shift;
		if (!(head[at] & 0x80))
			break;
	}
	addr += at + 1;
	if (raw->tflag & TFLAG_EXTRA_STAR && len) {
		addr++;
		len--;
	}
	if (len >= size)
		len = size - 1;
	name[len] = '\0';
	return len && read_bytes(target, addr, name, len);
}

static bool begins_with_text(const struct target *target, uint64_t addr, int depth)
{
	struct raw_struct whole;
	struct raw_field field;
	uint64_t element;

	if (!depth || !read_type(target, addr, &whole.type))
		return false;
	switch (whole.type.kind & KIND_MASK) {
	case KIND_STRING:
		return true;
	case KIND_PTR:
		return read_bytes(target, addr + sizeof(whole.type), &element, sizeof(element)) &&
		       depth == 3 && begins_with_text(target, element, depth - 1);
	case KIND_STRUCT:
		return read_bytes(target, addr, &whole, sizeof(whole)) && whole.field_count &&
		       read_bytes(target, whole.fields, &field, sizeof(field)) && !field.offset &&
		       begins_with_text(target, field.type, 1);
	default:
		return false;
	}
}

/* Pointers between types are relocations in PIE: with the process gone, these are known by name. */
static bool is_known_text(const char *name)
{
	return !strcmp(name, "*errors.errorString") || !strcmp(name, "*fmt.wrapError") ||
	       !strcmp(name, "*fmt.wrapErrors");
}

int gotype_read(const struct target *target, uint64_t addr, struct gotype *type)
{
	struct raw_type raw;

	memset(type, 0, sizeof(*type));
	if (!read_type(target, addr, &raw) ||
	    !read_name(target, &raw, type->name, sizeof(type->name)))
		return -ENOENT;
	type->kind = raw.kind & KIND_MASK;
	type->text_first = is_known_text(type->name) || begins_with_text(target, addr, 3);
	return 0;
}
