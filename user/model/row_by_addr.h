/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Rows of a table by an address of the target; several addresses may name one row. */
#ifndef MODEL_ROW_BY_ADDR_H
#define MODEL_ROW_BY_ADDR_H

#include <stddef.h>
#include <stdint.h>

struct row_by_addr;

struct row_by_addr *row_by_addr_new(void); /* NULL: no memory */
void row_by_addr_free(struct row_by_addr *index);

/* NULL: none. */
const size_t *row_by_addr_find(const struct row_by_addr *index, uint64_t addr);
int row_by_addr_add(struct row_by_addr *index, uint64_t addr, size_t row); /* 0 or -ENOMEM */

#endif
