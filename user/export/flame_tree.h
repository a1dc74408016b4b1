/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Stacks that begin alike, laid together: the boxes of a flamegraph. */
#ifndef EXPORT_FLAME_TREE_H
#define EXPORT_FLAME_TREE_H

#include "export/flame.h"

struct flame_node {
	const char *name; /* UTF-8 */
	const struct flame_frame *frame;
	uint64_t value, count; /* of all stacks through it */
	size_t parent;         /* the root's is itself */
	uint32_t depth;        /* 0: the root */
	bool same_line;        /* the frames laid together are of one source line */
	uint64_t start;        /* value of what lies before it, in its row */
	uint32_t reason;       /* in `reasons`, of most of its value */
};

struct flame_reason {
	const char *text;
	uint64_t value;
};

struct flame_tree {
	VEC(struct flame_node) nodes;     /* the root first; a parent before its children */
	VEC(struct flame_reason) reasons; /* greatest first */
	struct flame_name *names;
	uint32_t depth; /* of the deepest node */
};

/* Zero-initialised; siblings are laid greatest first. 0 or -ENOMEM. */
int flame_tree_make(const struct flame *flame, struct flame_tree *tree);
void flame_tree_free(struct flame_tree *tree);

#endif
