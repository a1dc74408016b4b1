// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "collect/interner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct node {
	UT_hash_handle hh;
	uint64_t number;
	uint8_t bytes[];
};

struct interner {
	struct node *nodes;
	uint64_t last;
};

struct interner *interner_new(void)
{
	return calloc(1, sizeof(struct interner));
}

void interner_clear(struct interner *interner)
{
	struct node *node, *next;

	HASH_ITER(hh, interner->nodes, node, next) {
		HASH_DEL(interner->nodes, node);
		free(node);
	}
}

void interner_free(struct interner *interner)
{
	if (!interner)
		return;
	interner_clear(interner);
	free(interner);
}

size_t interner_count(const struct interner *interner)
{
	return HASH_COUNT(interner->nodes);
}

uint64_t interner_next(const struct interner *interner)
{
	return interner->last + 1;
}

int interner_get(struct interner *interner, const void *bytes, size_t len, uint64_t *number)
{
	struct node *node;

	*number = 0;
	if (!len)
		return 0;
	HASH_FIND(hh, interner->nodes, bytes, len, node);
	if (node) {
		*number = node->number;
		return 0;
	}
	node = malloc(sizeof(*node) + len);
	if (!node)
		return -ENOMEM;
	node->number = *number = ++interner->last;
	memcpy(node->bytes, bytes, len);
	HASH_ADD_KEYPTR(hh, interner->nodes, node->bytes, len, node);
	return 1;
}
