/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Rows of text in aligned columns, fitted to a width. At most one column is elastic: it takes what
 * the others leave, and its texts lose their beginning when there is too little room. Columns marked
 * optional are left out, last first, when even that does not do, and when they have nothing to show.
 */
#ifndef VIEW_TABLE_H
#define VIEW_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct table_column {
	const char *title;
	bool left; /* aligned; else right */
	bool elastic;
	bool optional;
};

struct table;

struct table *table_new(const struct table_column *columns, size_t count); /* NULL: no memory */
void table_free(struct table *table);

/*
 * The next cell, row by row. Memory running out shows when it is printed. Control characters are
 * printed as "?".
 */
void table_cell(struct table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* 0 or -ENOMEM. `bold`: the titles in bold. */
int table_print(const struct table *table, FILE *out, int width, bool bold);

#endif
