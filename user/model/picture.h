/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The waits-for graph as a picture that stays small: goroutines that wait alike and that nobody waits for are
 * one box, and what keeps few waiting is left out when there is too much.
 */
#ifndef MODEL_PICTURE_H
#define MODEL_PICTURE_H

#include "model/graph.h"

struct picture_box {
	const struct waits_object *object; /* NULL: goroutines */
	size_t task;                       /* the first of them */
	uint64_t count;
	uint8_t fate; /* enum waits_fate of goroutines */
	bool cycle;   /* in a deadlock */
	bool may_cycle;
	bool any; /* any one of them would do */
};

struct picture_arrow {
	size_t from, to;   /* boxes */
	const char *label; /* NULL: waits for it */
	bool certain;
};

struct picture {
	VEC(struct picture_box) boxes;
	VEC(struct picture_arrow) arrows;
	uint64_t left_out; /* objects */
};

/* *picture is zero-initialised by the caller, who frees it. 0 or -ENOMEM. */
int picture_make(const struct waits_graph *graph, struct picture *picture);
void picture_free(struct picture *picture);

#endif
