/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Weighted stacks in the formats of other people's tools, and as a picture of our own.
 *
 * Names are as Go prints them ("main.(*queue[...]).pop"). What comes from the target need not be
 * UTF-8: bytes that are not become U+FFFD.
 */
#ifndef EXPORT_FLAME_H
#define EXPORT_FLAME_H

#include <jansson.h>
#include <stdio.h>

#include "model/capture.h"
#include "model/flame.h"
#include "target/facts.h"

/* Where the code is that addresses are of, for tools that look them up. */
struct flame_binary {
	uint64_t start, limit, offset;       /* run-time addresses, and in the file; 0: unknown */
	char build_id[41], go_build_id[128]; /* GNU's and Go's; "": none */
	uint8_t wrapper_id;                  /* func_id of what the compiler made; 0: unknown */
};

void flame_binary_of(struct target *target, struct flame_binary *binary);

struct flame_source {
	const struct target_facts *facts;
	const struct flame_binary *binary;
	const struct capture *capture;
	struct model *model;
	const struct flame *flame;
};

/* All: 0 or -ENOMEM; errors of the stream stay in it (ferror). */

/*
 * A line a stack: frames from the outermost on with ; between them, a space, and the value: ns, or a
 * count. Of a name ; and control characters are written as %3b and so on, the way Go's linker escapes
 * what is special in a symbol's name; spaces stay.
 */
int flame_folded(FILE *out, const struct flame_source *source);

/* One file that loads nothing: zoom, search, numbers on hover; #q=TEXT and #z=BOX begin with those. */
int flame_svg(FILE *out, const struct flame_source *source);

/* https://www.speedscope.app/file-format-schema.json; NULL: no memory. */
json_t *flame_speedscope(const struct flame_source *source);

/*
 * A gzipped profile.proto. Sample types are those of Go's own profiles: "goroutine"/count of
 * FLAME_TASKS, "goroutineleak"/count of FLAME_LEAKS; "contentions"/count and "delay"/nanoseconds of all that is time, "spawns"/count.
 * Inlined frames are lines of one location. FLAME_TASKS, FLAME_BLOCK and FLAME_MUTEX are Go's own
 * profiles goroutine, block and mutex, down to the frames that those leave out; names have their type
 * arguments. The others are labelled with the wait reason and the lock or channel, too.
 */
int flame_pprof(FILE *out, const struct flame_source *source);

#endif
