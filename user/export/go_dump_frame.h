/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Lines of a dump by pc, made once: which frames a pc stands for, and when Go shows them. */
#ifndef EXPORT_GO_DUMP_FRAME_H
#define EXPORT_GO_DUMP_FRAME_H

#include <stdbool.h>

#include "export/go_dump.h"

/* One logical frame. */
struct dump_frame {
	char *text; /* both lines of it, as they are when the arguments are not known */
	size_t text_len;
	size_t args_at;   /* in `text`: DUMP_ARGS_UNKNOWN, in the place of the arguments */
	bool inlined;     /* Go does not print arguments */
	bool shown;       /* by its name */
	bool is_wrapper;  /* hidden unless what it calls is a panic */
	bool is_panic;    /* gopanic, sigpanic, panicwrap: what called them is not hidden */
	bool is_gopanic;  /* shown unless it is the first */
	bool is_injected; /* its caller was interrupted by a signal, it did not call */
};

#define DUMP_ARGS_UNKNOWN "..."

struct dump_frames {
	uint64_t entry; /* of the function */
	size_t count;   /* innermost first */
	struct dump_frame *frames;
	/* of the last one, which is not inlined; `values` of them are ARG_VALUE */
	struct pclntab_arg *args;
	size_t arg_count, values;
};

struct dump_cache;

struct dump_cache *dump_cache_new(const struct go_dump_source *source); /* NULL: no memory */
void dump_cache_free(struct dump_cache *cache);

/*
 * `pc` as in snapshot.pcs; `offset` is how far behind it Go takes the frame to be: 1 for a return
 * address, 0 for an interrupted frame or one that has not begun. NULL: no memory.
 */
const struct dump_frames *dump_cache_look_up(struct dump_cache *cache, uint64_t pc,
					     unsigned offset);

/* printArgs: the arguments, with the frame's `values`. */
void dump_args_write(FILE *out, const struct dump_frames *frames, const uint64_t *values);

/* Both lines of "created by", but for the goroutine that did it. */
struct dump_creator {
	char *who;   /* ends behind the name; "" when Go prints none of this */
	char *place; /* begins with the end of that line */
};

/* Of a goroutine made before `gopc`. NULL: no memory. */
const struct dump_creator *dump_created_by(struct dump_cache *cache, uint64_t gopc);

#endif
