/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Rows of fixed size by the key that they begin with: the latest of each. */
#ifndef COLLECT_ROW_SET_H
#define COLLECT_ROW_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct row_set;

struct row_set *row_set_new(size_t row_size, size_t key_size); /* NULL: no memory */
void row_set_free(struct row_set *set);
void row_set_clear(struct row_set *set);
size_t row_set_count(const struct row_set *set);

/* Keep the row, of round `round`. 1: it is new or another than before; 0: the same; -ENOMEM. */
int row_set_put(struct row_set *set, const void *row, uint64_t round);
/* By the key of the row. */
void row_set_remove(struct row_set *set, const void *row);
/* Remove every row that was not put in this round; `removed` may stop it with another value than 0. */
int row_set_sweep(struct row_set *set, uint64_t round, int (*removed)(void *ctx, const void *row),
		  void *ctx);
/* The row that begins with the key; NULL: none. */
const void *row_set_get(const struct row_set *set, const void *key);
/* In the order of their coming. Stops with what `each` returns when it is not 0. */
int row_set_each(const struct row_set *set, int (*each)(void *ctx, const void *row), void *ctx);

#endif
