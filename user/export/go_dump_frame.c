// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* runtime/traceback.go: showfuncinfo, isExportedRuntime, printFuncName, printArgs, printcreatedby1. */
#include "export/go_dump_frame.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#define INLINE_MAX 64
#define NAME_MAX_LEN 2048

struct entry {
	uint64_t key[2]; /* pc, offset */
	struct dump_frames frames;
	UT_hash_handle hh;
};

struct creator {
	uint64_t gopc;
	struct dump_creator text;
	UT_hash_handle hh;
};

struct dump_cache {
	const struct go_dump_source *source;
	struct entry *entries;
	struct creator *creators;
};

struct dump_cache *dump_cache_new(const struct go_dump_source *source)
{
	struct dump_cache *cache = calloc(1, sizeof(*cache));

	if (cache)
		cache->source = source;
	return cache;
}

static void entry_free(struct entry *entry)
{
	for (size_t i = 0; i < entry->frames.count; i++)
		free(entry->frames.frames[i].text);
	free(entry->frames.frames);
	free(entry->frames.args);
	free(entry);
}

static void creator_free(struct creator *creator)
{
	free(creator->text.who);
	free(creator->text.place);
	free(creator);
}

void dump_cache_free(struct dump_cache *cache)
{
	struct creator *creator, *next_creator;
	struct entry *entry, *next;

	if (!cache)
		return;
	HASH_ITER(hh, cache->entries, entry, next) {
		HASH_DEL(cache->entries, entry);
		entry_free(entry);
	}
	HASH_ITER(hh, cache->creators, creator, next_creator) {
		HASH_DEL(cache->creators, creator);
		creator_free(creator);
	}
	free(cache);
}

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

/* `name` is behind "runtime.": an exported function, or (from 1.23 on) method of an exported type. */
static bool is_exported(const char *name, int minor)
{
	const char *method = strrchr(name, '.');

	if (minor < 23 || !method)
		return is_upper(*name);
	if (!strncmp(name, "(*", 2) && method[-1] == ')')
		name += 2;
	return is_upper(method[1]) && (name == method || is_upper(*name));
}

static bool is_shown(const char *name, int minor)
{
	static const char runtime[] = "runtime.";

	/* so that one sees whose goroutine runs a finalizer or cleanup */
	if (minor >= 25 &&
	    (!strcmp(name, "runtime.runFinalizers") || !strcmp(name, "runtime.runCleanups")))
		return true;
	if (strncmp(name, runtime, strlen(runtime)))
		return strchr(name, '.');
	return is_exported(name + strlen(runtime), minor);
}

static void display_name(const struct pclntab_frame *frame, int minor, char *name)
{
	if (!strcmp(frame->function, "runtime.gopanic") && (minor >= 21 || !frame->inlined))
		snprintf(name, NAME_MAX_LEN, "panic");
	else
		pclntab_display_name(frame->function, name, NAME_MAX_LEN);
}

static int describe(const struct go_dump_source *source, const struct pclntab_frame *from,
		    uint64_t behind, struct dump_frame *frame)
{
	const char *function = from->function;
	char name[NAME_MAX_LEN], offset[32] = "";
	int len;

	frame->is_gopanic = !strcmp(function, "runtime.gopanic");
	frame->is_panic = frame->is_gopanic || !strcmp(function, "runtime.sigpanic") ||
			  !strcmp(function, "runtime.panicwrap");
	frame->is_injected = !from->inlined && (!strcmp(function, "runtime.sigpanic") ||
						!strcmp(function, "runtime.asyncPreempt") ||
						!strcmp(function, "runtime.debugCallV2"));
	frame->is_wrapper = from->func_id == source->wrapper_id;
	frame->shown = is_shown(function, source->minor);
	display_name(from, source->minor, name);
	if (!from->inlined && behind > from->entry)
		snprintf(offset, sizeof(offset), " +0x%llx",
			 (unsigned long long)(behind - from->entry));
	frame->inlined = from->inlined;
	frame->args_at = strlen(name) + 1;
	len = asprintf(&frame->text, "%s(" DUMP_ARGS_UNKNOWN ")\n\t%s:%d%s\n", name, from->file,
		       from->line, offset);
	if (len < 0) {
		frame->text = NULL;
		return -1;
	}
	frame->text_len = len;
	return 0;
}

static int look_up_args(const struct go_dump_source *source, uint64_t pc,
			struct dump_frames *frames)
{
	struct pclntab_arg args[PCLNTAB_ARGS_MAX];

	if (!source->look_up_args)
		return 0;
	frames->arg_count = source->look_up_args(source->ctx, pc, args, PCLNTAB_ARGS_MAX);
	if (!frames->arg_count)
		return 0;
	frames->args = reallocarray(NULL, frames->arg_count, sizeof(*args));
	if (!frames->args)
		return -1;
	memcpy(frames->args, args, frames->arg_count * sizeof(*args));
	for (size_t i = 0; i < frames->arg_count; i++)
		frames->values += args[i].kind == ARG_VALUE;
	return 0;
}

static struct entry *make_entry(struct dump_cache *cache, const uint64_t key[2])
{
	struct pclntab_frame frames[INLINE_MAX];
	struct entry *entry = calloc(1, sizeof(*entry));
	size_t count;

	if (!entry)
		return NULL;
	memcpy(entry->key, key, sizeof(entry->key));
	count = cache->source->look_up(cache->source->ctx, key[0], frames, INLINE_MAX);
	entry->frames.frames = calloc(count + 1, sizeof(*entry->frames.frames));
	if (!entry->frames.frames || look_up_args(cache->source, key[0], &entry->frames)) {
		entry_free(entry);
		return NULL;
	}
	for (size_t i = 0; i < count; i++) {
		if (describe(cache->source, &frames[i], key[0] + key[1],
			     &entry->frames.frames[i])) {
			entry_free(entry);
			return NULL;
		}
		entry->frames.count++;
	}
	entry->frames.entry = count ? frames[0].entry : 0;
	HASH_ADD(hh, cache->entries, key, sizeof(entry->key), entry);
	return entry;
}

const struct dump_frames *dump_cache_look_up(struct dump_cache *cache, uint64_t pc, unsigned offset)
{
	const uint64_t key[2] = { pc, offset };
	struct entry *entry;

	HASH_FIND(hh, cache->entries, key, sizeof(key), entry);
	if (!entry)
		entry = make_entry(cache, key);
	return entry ? &entry->frames : NULL;
}

static void write_hex(FILE *out, uint64_t value)
{
	char text[2 + 16], *at = text + sizeof(text);

	do {
		*--at = "0123456789abcdef"[value & 15];
		value >>= 4;
	} while (value);
	*--at = 'x';
	*--at = '0';
	fwrite_unlocked(at, 1, text + sizeof(text) - at, out);
}

void dump_args_write(FILE *out, const struct dump_frames *frames, const uint64_t *values)
{
	bool first = true;

	for (size_t i = 0; i < frames->arg_count; i++) {
		const struct pclntab_arg *arg = &frames->args[i];

		if (!first && arg->kind != ARG_CLOSE)
			fputs_unlocked(", ", out);
		first = arg->kind == ARG_OPEN;
		switch (arg->kind) {
		case ARG_OPEN:
			putc_unlocked('{', out);
			break;
		case ARG_CLOSE:
			putc_unlocked('}', out);
			break;
		case ARG_MORE:
			fputs_unlocked("...", out);
			break;
		case ARG_TOO_FAR:
			putc_unlocked('_', out);
			break;
		case ARG_VALUE:
			write_hex(out, *values++);
			if (arg->stale)
				putc_unlocked('?', out);
			break;
		}
	}
}

static struct creator *make_creator(struct dump_cache *cache, uint64_t gopc)
{
	const struct go_dump_source *source = cache->source;
	struct pclntab_frame frames[INLINE_MAX];
	struct creator *creator = calloc(1, sizeof(*creator));
	const struct pclntab_frame *function;
	char name[NAME_MAX_LEN];
	size_t count;

	if (!creator)
		return NULL;
	creator->gopc = gopc;
	count = gopc ? source->look_up(source->ctx, gopc - 1, frames, INLINE_MAX) : 0;
	function = count ? &frames[count - 1] : NULL;
	if (function && function->func_id != source->wrapper_id &&
	    is_shown(function->function, source->minor)) {
		pclntab_display_name(function->function, name, sizeof(name));
		if (asprintf(&creator->text.who, "created by %s", name) < 0)
			creator->text.who = NULL;
		if (asprintf(&creator->text.place, "\n\t%s:%d +0x%llx\n", frames[0].file,
			     frames[0].line, (unsigned long long)(gopc - function->entry)) < 0)
			creator->text.place = NULL;
	} else {
		creator->text.who = strdup("");
		creator->text.place = strdup("");
	}
	if (!creator->text.who || !creator->text.place) {
		creator_free(creator);
		return NULL;
	}
	HASH_ADD(hh, cache->creators, gopc, sizeof(creator->gopc), creator);
	return creator;
}

/* The name is that of the function whose code it is, the place that of what was inlined there. */
const struct dump_creator *dump_created_by(struct dump_cache *cache, uint64_t gopc)
{
	struct creator *creator;

	HASH_FIND(hh, cache->creators, &gopc, sizeof(gopc), creator);
	if (!creator)
		creator = make_creator(cache, gopc);
	return creator ? &creator->text : NULL;
}
