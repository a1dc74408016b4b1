/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Frames of a pc, remembered, and which of them are the application's own. */
#ifndef MODEL_SYMBOLS_H
#define MODEL_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "target/pclntab.h"

/* Looks up a run-time pc as it is (of the call, not behind it); as pclntab_frames. */
typedef size_t (*symbols_look_up)(void *ctx, uint64_t pc, struct pclntab_frame *frames, size_t max);
/*
 * Name of the data object at a run-time address, and its start; 0: it is a name that others of its type or
 * function have, too, "main.Store.mu". NULL: none.
 */
typedef const char *(*symbols_data)(void *ctx, uint64_t addr, uint64_t *start);

struct symbols;

/* goroot_file: source file of runtime.gopark, from which the standard library's place is told. */
struct symbols *symbols_new(symbols_look_up look_up, symbols_data data, void *ctx,
			    const char *goroot_file);
void symbols_free(struct symbols *symbols);

/* Innermost first; good as long as symbols. Returns how many, 0 when pc is no Go code. */
size_t symbols_frames(struct symbols *symbols, uint64_t pc, const struct pclntab_frame **frames);

/* The first element of a package's path is one of the standard library's: "net", "sync". */
bool symbols_is_standard_directory(const char *name, size_t len);
/* A frame of the standard library, or of golang.org/x/sync: not the application's. */
bool symbols_is_standard(const struct symbols *symbols, const struct pclntab_frame *frame);

enum symbol_source {
	SYMBOL_NONE,
	SYMBOL_VARIABLE, /* of a package: "main.cache.mu", or "main.cache+0x18" */
	SYMBOL_SHARED, /* others of the same type or function have that name, too: "main.Store.mu" */
};
enum symbol_source symbols_variable(const struct symbols *symbols, uint64_t addr, char *name,
				    size_t size);

#endif
