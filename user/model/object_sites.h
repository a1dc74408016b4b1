/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Gathers the sites of locks or channels in any order, then lays them side by side, row by row. */
#ifndef MODEL_OBJECT_SITES_H
#define MODEL_OBJECT_SITES_H

#include "model/model.h"

struct object_sites;

struct object_sites *object_sites_new(void); /* NULL: no memory */
void object_sites_free(struct object_sites *sites);

/* The site of this row, stack and operation, made when new. NULL: no memory. */
struct model_object_site *object_sites_get(struct object_sites *sites, size_t row,
					   struct stack *stack, uint8_t op);

/*
 * Append them to model->object_sites, most waited for first, and tell for each of `rows` rows where
 * its own begin and how many they are.
 */
struct object_sites_span {
	size_t first, count;
};
int object_sites_lay_out(struct object_sites *sites, struct model *model,
			 struct object_sites_span *spans, size_t rows);

#endif
