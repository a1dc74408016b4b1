// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "model/object_sites.h"

#include <errno.h>

#include "base/hash.h"

struct site_key {
	size_t row;
	struct stack *stack;
	uint64_t op;
};

struct node {
	struct site_key key;
	struct model_object_site site;
	UT_hash_handle hh;
};

struct object_sites {
	struct node *nodes;
};

struct object_sites *object_sites_new(void)
{
	return calloc(1, sizeof(struct object_sites));
}

void object_sites_free(struct object_sites *sites)
{
	if (!sites)
		return;
	hash_free(sites->nodes);
	free(sites);
}

struct model_object_site *object_sites_get(struct object_sites *sites, size_t row,
					   struct stack *stack, uint8_t op)
{
	struct site_key key = { .row = row, .stack = stack, .op = op };
	struct node *node;

	node = hash_entry(sites->nodes, &key);
	if (!node)
		return NULL;
	node->site.stack = stack;
	node->site.op = op;
	return &node->site;
}

static int by_row_and_wait(struct node *a, struct node *b)
{
	const struct wait_stats *x = &a->site.stats, *y = &b->site.stats;

	if (a->key.row != b->key.row)
		return a->key.row < b->key.row ? -1 : 1;
	if (x->wait_ns_total != y->wait_ns_total)
		return x->wait_ns_total < y->wait_ns_total ? 1 : -1;
	if (a->site.waiting_now != b->site.waiting_now)
		return a->site.waiting_now < b->site.waiting_now ? 1 : -1;
	if (a->key.stack != b->key.stack)
		return a->site.stack->number < b->site.stack->number ? -1 : 1;
	return a->key.op - b->key.op;
}

int object_sites_lay_out(struct object_sites *sites, struct model *model,
			 struct object_sites_span *spans, size_t rows)
{
	struct node *node, *next;

	HASH_SORT(sites->nodes, by_row_and_wait);
	HASH_ITER(hh, sites->nodes, node, next) {
		struct model_object_site *site = vec_push(&model->object_sites);

		if (!site)
			return -ENOMEM;
		*site = node->site;
		if (node->key.row >= rows)
			continue;
		if (!spans[node->key.row].count)
			spans[node->key.row].first = model->object_sites.len - 1;
		spans[node->key.row].count++;
	}
	return 0;
}
