// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "model/symbols.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#define FRAMES_MAX 64

struct entry {
	uint64_t pc;
	size_t count;
	struct pclntab_frame *frames;
	UT_hash_handle hh;
};

struct symbols {
	symbols_look_up look_up;
	symbols_data data;
	void *ctx;
	char goroot[512]; /* "/usr/lib/go-1.24/src/"; "": built with -trimpath */
	struct entry *entries;
};

struct symbols *symbols_new(symbols_look_up look_up, symbols_data data, void *ctx,
			    const char *goroot_file)
{
	static const char tail[] = "runtime/proc.go";
	struct symbols *symbols = calloc(1, sizeof(*symbols));
	size_t len = goroot_file ? strlen(goroot_file) : 0;

	if (!symbols)
		return NULL;
	symbols->look_up = look_up;
	symbols->data = data;
	symbols->ctx = ctx;
	if (len > strlen(tail) && !strcmp(goroot_file + len - strlen(tail), tail))
		snprintf(symbols->goroot, sizeof(symbols->goroot), "%.*s",
			 (int)(len - strlen(tail)), goroot_file);
	return symbols;
}

void symbols_free(struct symbols *symbols)
{
	struct entry *entry, *next;

	if (!symbols)
		return;
	HASH_ITER(hh, symbols->entries, entry, next) {
		HASH_DEL(symbols->entries, entry);
		free(entry->frames);
		free(entry);
	}
	free(symbols);
}

static struct entry *make_entry(struct symbols *symbols, uint64_t pc)
{
	struct pclntab_frame frames[FRAMES_MAX];
	struct entry *entry = calloc(1, sizeof(*entry));

	if (!entry)
		return NULL;
	entry->pc = pc;
	entry->count = symbols->look_up(symbols->ctx, pc, frames, FRAMES_MAX);
	entry->frames = calloc(entry->count + 1, sizeof(*frames));
	if (!entry->frames) {
		free(entry);
		return NULL;
	}
	memcpy(entry->frames, frames, entry->count * sizeof(*frames));
	HASH_ADD(hh, symbols->entries, pc, sizeof(pc), entry);
	return entry;
}

size_t symbols_frames(struct symbols *symbols, uint64_t pc, const struct pclntab_frame **frames)
{
	struct entry *entry;

	HASH_FIND(hh, symbols->entries, &pc, sizeof(pc), entry);
	if (!entry)
		entry = make_entry(symbols, pc);
	*frames = entry ? entry->frames : NULL;
	return entry ? entry->count : 0;
}

/* First path elements of the standard library's packages (GOROOT/src, Go 1.18 to 1.27). */
bool symbols_is_standard_directory(const char *name, size_t len)
{
	static const char *const names[] = {
		"archive",   "bufio",   "builtin",  "bytes",    "cmd",   "cmp",     "compress",
		"container", "context", "crypto",   "database", "debug", "embed",   "encoding",
		"errors",    "expvar",  "flag",     "fmt",      "go",    "hash",    "html",
		"image",     "index",   "internal", "io",       "iter",  "log",     "maps",
		"math",      "mime",    "net",      "os",       "path",  "plugin",  "reflect",
		"regexp",    "runtime", "simd",     "slices",   "sort",  "strconv", "strings",
		"structs",   "sync",    "syscall",  "testing",  "text",  "time",    "unicode",
		"unique",    "unsafe",  "uuid",     "vendor",   "weak",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i]) == len && !strncmp(names[i], name, len))
			return true;
	return false;
}

bool symbols_is_standard(const struct symbols *symbols, const struct pclntab_frame *frame)
{
	static const char locks[] = "golang.org/x/sync/";
	size_t len = strcspn(frame->file, "/");

	if (!strncmp(frame->function, locks, strlen(locks)))
		return true;
	if (symbols->goroot[0])
		return !strncmp(frame->file, symbols->goroot, strlen(symbols->goroot)) ||
		       !strcmp(frame->file, "_cgo_gotypes.go") || frame->file[0] == '<';
	if (!strncmp(frame->function, "main.", 5))
		return false;
	return frame->file[0] == '<' ||
	       (frame->file[len] == '/' && symbols_is_standard_directory(frame->file, len));
}

enum symbol_source symbols_variable(const struct symbols *symbols, uint64_t addr, char *name,
				    size_t size)
{
	uint64_t start;
	const char *object = symbols->data ? symbols->data(symbols->ctx, addr, &start) : NULL;

	if (!object)
		return SYMBOL_NONE;
	if (addr == start || !start)
		snprintf(name, size, "%s", object);
	else
		snprintf(name, size, "%s+0x%llx", object, (unsigned long long)(addr - start));
	return start ? SYMBOL_VARIABLE : SYMBOL_SHARED;
}
