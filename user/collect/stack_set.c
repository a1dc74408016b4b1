// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "collect/stack_set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_FIRST 256

static uint32_t hash_of(const uint64_t *pcs, size_t count)
{
	uint64_t hash = count;

	for (size_t i = 0; i < count; i++)
		hash = (hash ^ pcs[i]) * 0x9e3779b97f4a7c15ULL ^ hash >> 29;
	return (uint32_t)(hash >> 32);
}

static void place(struct stack_set *set, uint32_t index)
{
	size_t at = set->stacks.data[index].hash & set->mask;

	while (set->slots[at])
		at = (at + 1) & set->mask;
	set->slots[at] = index + 1;
}

static int grow(struct stack_set *set)
{
	size_t count = set->slots ? (set->mask + 1) * 2 : SLOTS_FIRST;
	uint32_t *slots = calloc(count, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	free(set->slots);
	set->slots = slots;
	set->mask = count - 1;
	for (size_t i = 0; i < set->stacks.len; i++)
		place(set, i);
	return 0;
}

static int append(struct stack_set *set, const uint64_t *pcs, size_t count, uint32_t hash)
{
	struct stack_span *span;

	if (set->pcs.len + count > UINT32_MAX || (set->stacks.len * 2 >= set->mask && grow(set)))
		return -ENOMEM;
	span = vec_push(&set->stacks);
	if (!span)
		return -ENOMEM;
	*span = (struct stack_span){ .first = set->pcs.len, .count = count, .hash = hash };
	for (size_t i = 0; i < count; i++) {
		uint64_t *pc = vec_push(&set->pcs);

		if (!pc)
			return -ENOMEM;
		*pc = pcs[i];
	}
	place(set, set->stacks.len - 1);
	return 0;
}

int stack_set_add(struct stack_set *set, const uint64_t *pcs, size_t count, uint32_t *index)
{
	uint32_t hash = hash_of(pcs, count);
	int status;

	for (size_t at = hash & set->mask; set->slots && set->slots[at];
	     at = (at + 1) & set->mask) {
		const struct stack_span *span = &set->stacks.data[set->slots[at] - 1];

		if (span->hash == hash && span->count == count &&
		    !memcmp(set->pcs.data + span->first, pcs, count * sizeof(*pcs))) {
			*index = set->slots[at] - 1;
			return 0;
		}
	}
	status = append(set, pcs, count, hash);
	*index = set->stacks.len - 1;
	return status;
}

void stack_set_clear(struct stack_set *set)
{
	set->pcs.len = set->stacks.len = 0;
	if (set->slots)
		memset(set->slots, 0, (set->mask + 1) * sizeof(*set->slots));
}

void stack_set_free(struct stack_set *set)
{
	vec_free(&set->pcs);
	vec_free(&set->stacks);
	free(set->slots);
	memset(set, 0, sizeof(*set));
}
