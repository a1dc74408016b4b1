// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "collect/lock_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "collect/g_struct.h"
#include "collect/unwind.h"
#include "target/debug_info.h"
#include "target/debug_type.h"
#include "target/elf_image.h"
#include "target/memory.h"

#define FRAMES_MAX 16
#define TRIES 3
#define READS_MAX 400   /* words of the target for one lock */
#define NAMES_MAX 16384 /* remembered */
#define ELEMENTS_MAX (1U << 20)

struct known_name {
	uint64_t key; /* address of the lock */
	struct lock_name name;
	UT_hash_handle hh;
};

struct lock_names {
	struct target *target;
	struct debug_info *info;
	bool opened;
	struct pc_cache *pcs;
	struct known_name *known;
};

struct lock_names *lock_names_new(struct target *target)
{
	struct lock_names *names = calloc(1, sizeof(*names));

	if (names)
		names->target = target;
	return names;
}

void lock_names_free(struct lock_names *names)
{
	if (!names)
		return;
	hash_free(names->known);
	debug_info_close(names->info);
	pc_cache_free(names->pcs);
	free(names);
}

static bool is_open(struct lock_names *names)
{
	if (!names->opened) {
		names->opened = true;
		names->pcs = pc_cache_new();
		if (names->pcs && names->target->image.has_dwarf)
			names->info = debug_info_open(names->target->exe_path);
	}
	return names->info;
}

/* One lock, and the way to it. */
struct search {
	struct lock_names *names;
	uint64_t addr;
	const char *type;
	unsigned reads;
	struct lock_name *name;
};

static bool is_lock(void *ctx, const char *name, uint64_t offset)
{
	const struct search *search = ctx;

	if (!offset && !strcmp(name, search->type))
		return true;
	if (strcmp(search->type, "sync.Mutex") != 0)
		return false;
	/* the only mutex that there is in a Once; internal/sync has maps with such locks */
	return !strcmp(name, "sync.Once") || (!offset && !strcmp(name, "internal/sync.Mutex"));
}

static bool read_word(struct search *search, uint64_t addr, uint64_t *word)
{
	return search->reads++ < READS_MAX &&
	       !memory_read_u64(search->names->target->pid, addr, word);
}

static bool is_standard_type(const char *name)
{
	return !strncmp(name, "sync.", 5) || !strncmp(name, "internal/", 9);
}

/* A pointer to it is no name of a lock, nor is what the standard library has inside of its own. */
static bool take_path(struct search *search, const char *of, const char *path)
{
	char full[2 * LOCK_NAME_MAX];

	if (!*of || !*path || is_standard_type(of))
		return false;
	snprintf(full, sizeof(full), "%s%s", of, path);
	pclntab_display_name(full, search->name->text, sizeof(search->name->text));
	search->name->source = LOCK_NAME_SHARED;
	return true;
}

/* The lock is in the value at `start` of this type, or in those of the same type behind it. */
static bool lies_in(struct search *search, const Dwarf_Die *type, uint64_t start, uint64_t count,
		    char *path, size_t path_size)
{
	uint64_t size, offset = search->addr - start;

	*path = '\0';
	return search->addr >= start && debug_type_size(type, &size) && size &&
	       offset / size < count &&
	       debug_type_path(type, offset % size, is_lock, search, path, path_size);
}

struct fields {
	struct search *search;
	uint64_t start;
	const char *of;
	bool found;
};

/* A field that is a pointer or a slice leads to the lock. */
static bool leads_there(void *ctx, const struct debug_field *field)
{
	struct fields *fields = ctx;
	struct search *search = fields->search;
	char path[LOCK_NAME_MAX], own[LOCK_NAME_MAX];
	uint64_t to, count = 1;
	enum debug_type_kind kind;
	Dwarf_Die peeled, element;

	if (!debug_type_peel(&field->type, &peeled))
		return true;
	kind = debug_type_kind(&peeled);
	if ((kind != DEBUG_POINTER && kind != DEBUG_SLICE) ||
	    !debug_type_element(&peeled, &element) ||
	    !read_word(search, fields->start + field->offset, &to) || !to)
		return true;
	if (kind == DEBUG_SLICE &&
	    (!read_word(search, fields->start + field->offset + 8, &count) || count > ELEMENTS_MAX))
		return true;
	if (!lies_in(search, &element, to, count, path, sizeof(path)))
		return true;
	fields->found = take_path(search, debug_type_name(&element), path);
	if (!fields->found &&
	    snprintf(own, sizeof(own), ".%s%s", field->name, path) < LOCK_NAME_MAX)
		fields->found = take_path(search, fields->of, own);
	return !fields->found;
}

/* "main.run.func1" is a part of main.run, and what it has of that is its variable. */
static void take_local(struct search *search, const struct debug_value *value)
{
	const char *end = strstr(value->function, ".func");
	int len = (int)(end && end > value->function ? end - value->function :
						       (long)strlen(value->function));
	char full[2 * LOCK_NAME_MAX];

	snprintf(full, sizeof(full), "%.*s.%s", len, value->function,
		 value->name + (value->name[0] == '&'));
	pclntab_display_name(full, search->name->text, sizeof(search->name->text));
	search->name->source = LOCK_NAME_SHARED;
}

/* By one pointer. */
static bool try_value(struct search *search, const struct debug_value *value, uint64_t cfa)
{
	Dwarf_Die peeled, element;
	char path[LOCK_NAME_MAX];
	uint64_t to;

	if (!debug_type_peel(&value->type, &peeled) || debug_type_kind(&peeled) != DEBUG_POINTER ||
	    !debug_type_element(&peeled, &element) ||
	    !read_word(search, cfa + (uint64_t)value->offset, &to) ||
	    !lies_in(search, &element, to, 1, path, sizeof(path)))
		return false;
	if (take_path(search, debug_type_name(&element), path))
		return true;
	if (*path || value->is_parameter || !value->function || is_standard_type(value->function))
		return false;
	take_local(search, value);
	return true;
}

/* By a pointer in what it points to, or in itself when it is a struct. */
static bool try_fields(struct search *search, const struct debug_value *value, uint64_t cfa)
{
	struct fields fields = { .search = search, .start = cfa + (uint64_t)value->offset };
	Dwarf_Die peeled, element;

	if (!debug_type_peel(&value->type, &peeled))
		return false;
	if (debug_type_kind(&peeled) == DEBUG_POINTER) {
		if (!debug_type_element(&peeled, &element) ||
		    !read_word(search, fields.start, &fields.start) || !fields.start ||
		    !debug_type_peel(&element, &peeled))
			return false;
	}
	if (debug_type_kind(&peeled) != DEBUG_STRUCT)
		return false;
	fields.of = debug_type_name(&peeled);
	debug_type_fields(&peeled, leads_there, &fields);
	return fields.found;
}

static bool try_frames(struct search *search, const struct unwind_frame *frames,
		       const uint64_t *pcs, size_t count,
		       bool (*attempt)(struct search *, const struct debug_value *, uint64_t))
{
	for (size_t i = 0; i < count; i++) {
		uint64_t cfa = frames[i].sp + (uint64_t)frames[i].size + 8;
		uint64_t bias = search->names->target->load_bias;
		size_t value_count;
		const struct debug_value *values = debug_info_values(
			search->names->info, pcs[i] - bias, frames[i].pc - bias, &value_count);

		for (size_t j = 0; j < value_count; j++)
			if (attempt(search, &values[j], cfa))
				return true;
	}
	return false;
}

/* By what is on the stack of who waits, which must not move meanwhile. */
static bool look_at_stack(struct search *search, const struct goroutine *waiter)
{
	struct target *target = search->names->target;
	size_t size = target->layout.g_size, count;
	struct unwind_frame frames[FRAMES_MAX];
	uint8_t *g = malloc(2 * size), *spill = malloc(UNWIND_SPILL);
	uint64_t pcs[FRAMES_MAX];
	bool found = false, cut;
	struct g_rest rest;

	if (g && spill && !memory_read(target->pid, waiter->g, g, size) &&
	    g_rests(&target->layout, g, &rest) &&
	    struct_word(g, target->layout.g_goid) == waiter->goid) {
		struct unwind unwind = { .target = target,
					 .cache = search->names->pcs,
					 .pc = rest.pc,
					 .sp = rest.sp,
					 .stack_hi = rest.hi,
					 .in_syscall = rest.in_syscall,
					 .spill = spill,
					 .frames = frames };

		count = unwind_stack(&unwind, pcs, FRAMES_MAX, &cut);
		found = (try_frames(search, frames, pcs, count, try_value) ||
			 try_frames(search, frames, pcs, count, try_fields)) &&
			!memory_read(target->pid, waiter->g, g + size, size) &&
			g_is_same_rest(&target->layout, g, g + size);
	}
	free(g);
	free(spill);
	return found;
}

static bool search_stack(struct search *search, const struct goroutine *waiter)
{
	for (int i = 0; i < TRIES; i++)
		if (look_at_stack(search, waiter))
			return true;
	return false;
}

/* It is, or lies in, a variable of a package. */
static bool search_variables(struct search *search)
{
	struct target *target = search->names->target;
	uint64_t start, link_addr = search->addr - target->load_bias;
	const char *symbol = elf_data_symbol_at(&target->image, link_addr, &start);
	char path[LOCK_NAME_MAX] = "";
	Dwarf_Die type;

	if (!symbol)
		return false;
	if (!debug_info_variable(search->names->info, symbol, &type) ||
	    !debug_type_path(&type, link_addr - start, is_lock, search, path, sizeof(path)))
		return false;
	if (snprintf(search->name->text, LOCK_NAME_MAX, "%s%s", symbol, path) >= LOCK_NAME_MAX)
		return false;
	search->name->source = LOCK_NAME_VARIABLE;
	return true;
}

static struct known_name *known_name(const struct lock_names *names, uint64_t addr)
{
	struct known_name *known;

	HASH_FIND(hh, names->known, &addr, sizeof(addr), known);
	return known;
}

static const struct lock_name *remember(struct lock_names *names, uint64_t addr,
					const struct lock_name *name)
{
	struct known_name *known;

	if (HASH_COUNT(names->known) >= NAMES_MAX && !known_name(names, addr))
		hash_free(names->known);
	known = hash_entry(names->known, &addr);
	if (!known)
		return NULL;
	known->name = *name;
	return &known->name;
}

const struct lock_name *lock_names_known(const struct lock_names *names, uint64_t addr)
{
	const struct known_name *known = known_name(names, addr);

	return known ? &known->name : NULL;
}

const struct lock_name *lock_names_find(struct lock_names *names, uint64_t addr, const char *type,
					const struct goroutine *waiter)
{
	struct lock_name name = { .source = LOCK_NAME_NONE };
	struct search search = { .names = names, .addr = addr, .type = type, .name = &name };
	const struct lock_name *before = lock_names_known(names, addr);

	/* a variable of a package stays where it is */
	if ((before && before->source == LOCK_NAME_VARIABLE) || !is_open(names))
		return before;
	/* memory is used again: who waits now knows it better */
	if (search_variables(&search) || (waiter && search_stack(&search, waiter)))
		return remember(names, addr, &name);
	return before;
}
