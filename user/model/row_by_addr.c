// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "model/row_by_addr.h"

#include <errno.h>
#include <stdlib.h>
#include <uthash.h>

struct node {
	uint64_t addr;
	size_t row;
	UT_hash_handle hh;
};

struct row_by_addr {
	struct node *nodes;
};

struct row_by_addr *row_by_addr_new(void)
{
	return calloc(1, sizeof(struct row_by_addr));
}

void row_by_addr_free(struct row_by_addr *index)
{
	struct node *node, *next;

	if (!index)
		return;
	HASH_ITER(hh, index->nodes, node, next) {
		HASH_DEL(index->nodes, node);
		free(node);
	}
	free(index);
}

const size_t *row_by_addr_find(const struct row_by_addr *index, uint64_t addr)
{
	struct node *node;

	HASH_FIND(hh, index->nodes, &addr, sizeof(addr), node);
	return node ? &node->row : NULL;
}

int row_by_addr_add(struct row_by_addr *index, uint64_t addr, size_t row)
{
	struct node *node = calloc(1, sizeof(*node));

	if (!node)
		return -ENOMEM;
	node->addr = addr;
	node->row = row;
	HASH_ADD(hh, index->nodes, addr, sizeof(node->addr), node);
	return 0;
}
