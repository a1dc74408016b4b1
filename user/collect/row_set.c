// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "collect/row_set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct node {
	UT_hash_handle hh;
	uint64_t round;
	uint8_t row[];
};

struct row_set {
	size_t row_size, key_size;
	struct node *nodes;
};

struct row_set *row_set_new(size_t row_size, size_t key_size)
{
	struct row_set *set = calloc(1, sizeof(*set));

	if (set)
		*set = (struct row_set){ .row_size = row_size, .key_size = key_size };
	return set;
}

void row_set_clear(struct row_set *set)
{
	struct node *node, *next;

	HASH_ITER(hh, set->nodes, node, next) {
		HASH_DEL(set->nodes, node);
		free(node);
	}
}

void row_set_free(struct row_set *set)
{
	if (!set)
		return;
	row_set_clear(set);
	free(set);
}

size_t row_set_count(const struct row_set *set)
{
	return HASH_COUNT(set->nodes);
}

int row_set_put(struct row_set *set, const void *row, uint64_t round)
{
	struct node *node;

	HASH_FIND(hh, set->nodes, row, set->key_size, node);
	if (node) {
		node->round = round;
		if (!memcmp(node->row, row, set->row_size))
			return 0;
		memcpy(node->row, row, set->row_size);
		return 1;
	}
	node = malloc(sizeof(*node) + set->row_size);
	if (!node)
		return -ENOMEM;
	node->round = round;
	memcpy(node->row, row, set->row_size);
	HASH_ADD_KEYPTR(hh, set->nodes, node->row, set->key_size, node);
	return 1;
}

void row_set_remove(struct row_set *set, const void *row)
{
	struct node *node;

	HASH_FIND(hh, set->nodes, row, set->key_size, node);
	if (!node)
		return;
	HASH_DEL(set->nodes, node);
	free(node);
}

int row_set_sweep(struct row_set *set, uint64_t round, int (*removed)(void *ctx, const void *row),
		  void *ctx)
{
	struct node *node, *next;
	int status = 0;

	HASH_ITER(hh, set->nodes, node, next) {
		if (node->round == round)
			continue;
		status = removed(ctx, node->row);
		if (status)
			return status;
		HASH_DEL(set->nodes, node);
		free(node);
	}
	return 0;
}

const void *row_set_get(const struct row_set *set, const void *key)
{
	struct node *node;

	HASH_FIND(hh, set->nodes, key, set->key_size, node);
	return node ? node->row : NULL;
}

int row_set_each(const struct row_set *set, int (*each)(void *ctx, const void *row), void *ctx)
{
	struct node *node, *next;
	int status = 0;

	HASH_ITER(hh, set->nodes, node, next) {
		status = each(ctx, node->row);
		if (status)
			break;
	}
	return status;
}
