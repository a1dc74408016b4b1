/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The text of Go's own goroutine dump (runtime.Stack, goroutine?debug=2), as the target's version
 * of Go would print it: which frames are hidden, where a long stack is cut, the words.
 *
 * On purpose different: arguments that are not known (of a snapshot that was made without them, or
 * that could not be read) are "(...)", which Go itself prints for inlined calls; goroutines that run,
 * and torn ones, have no stack and say so in Go's words; the labels that 1.27 can print behind the
 * state are left out, because the tools that read dumps do not know them.
 */
#ifndef EXPORT_GO_DUMP_H
#define EXPORT_GO_DUMP_H

#include <stdint.h>
#include <stdio.h>

#include "collect/snapshot.h"
#include "target/pclntab_args.h"

/* What the text takes from the target. */
struct go_dump_source {
	int minor;          /* Go 1.minor: the rules differ */
	int reasons_minor;  /* whose wait reasons the snapshot has */
	uint8_t wrapper_id; /* abi.FuncIDWrapper of that version: code made by the compiler */
	/* frames of a run-time pc, innermost first, as target_frames; the strings stay */
	size_t (*look_up)(void *ctx, uint64_t pc, struct pclntab_frame *frames, size_t max);
	/* as target_args; NULL: arguments are not known */
	size_t (*look_up_args)(void *ctx, uint64_t pc, struct pclntab_arg *args, size_t max);
	void *ctx;
};

/* *target must outlive *source. */
void go_dump_source_init(struct go_dump_source *source, struct target *target);

/* In the snapshot's order. 0, -ENOMEM, or -EIO when the text could not be written. */
int go_dump_write(FILE *out, const struct go_dump_source *source, const struct snapshot *snapshot);

#endif
