/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The values of the arguments that Go prints of a frame, which are on the stack, from behind its
 * return address on. Which ones those are is known by the pc and remembered, as in pc_cache.h.
 */
#ifndef COLLECT_FRAME_ARGS_H
#define COLLECT_FRAME_ARGS_H

#include "base/vec.h"
#include "target/target.h"

/* Where a frame's values are, in the order in which they are printed. */
struct frame_args_plan {
	uint64_t pc; /* as in snapshot.pcs */
	uint8_t count;
	struct {
		uint8_t offset; /* from the byte behind the return address on */
		uint8_t size;   /* bytes, at most 8 */
	} values[PCLNTAB_ARG_VALUES_MAX];
};

struct frame_args {
	const struct target *target;
	struct frame_args_plan *plans;
	VEC(uint64_t) values; /* of one goroutine, innermost frame first; zero-extended */
	bool cut;             /* there are more, which could not be read or kept */
};

struct frame_args *frame_args_new(const struct target *target); /* NULL: no memory */
void frame_args_free(struct frame_args *args);

/* Good until the next call. */
const struct frame_args_plan *frame_args_plan(struct frame_args *args, uint64_t pc);

#endif
