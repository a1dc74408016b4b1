// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Snapshots at random times meet a stack as often as goroutines wait there, whatever the length of the
 * waits. Each of n samples stands for an n-th of the time.
 */
#include <errno.h>
#include <stdlib.h>

#include "model/build.h"
#include "model/flame_table.h"

#define STACK_CACHE 256

/* Goroutines with equal stacks share the snapshot's copy of it. */
struct stack_cache {
	struct {
		uint32_t first, count;
		struct stack *stack;
	} slots[STACK_CACHE];
};

struct flame_samples *flame_samples_new(const struct flame_options *options, uint64_t begin_ns)
{
	struct flame_samples *samples = calloc(1, sizeof(*samples));

	if (!samples)
		return NULL;
	samples->options = *options;
	samples->begin_ns = samples->end_ns = begin_ns;
	return samples;
}

void flame_samples_free(struct flame_samples *samples)
{
	if (!samples)
		return;
	flame_table_free(&samples->table);
	free(samples);
}

uint64_t flame_samples_count(const struct flame_samples *samples)
{
	return samples->count;
}

double flame_samples_ns(const struct flame_samples *samples)
{
	uint64_t ns = samples->end_ns - samples->begin_ns;

	return samples->count ? (double)ns / (double)samples->count : 0;
}

static struct stack *stack_of(struct stack_cache *cache, struct model *model,
			      const struct snapshot *snapshot, const struct goroutine *goroutine)
{
	size_t slot = (goroutine->first_pc * 2654435761U >> 16) % STACK_CACHE;

	if (!cache->slots[slot].stack || cache->slots[slot].first != goroutine->first_pc ||
	    cache->slots[slot].count != goroutine->pc_count) {
		cache->slots[slot].first = goroutine->first_pc;
		cache->slots[slot].count = goroutine->pc_count;
		cache->slots[slot].stack = build_snapshot_stack(model, snapshot, goroutine);
	}
	return cache->slots[slot].stack;
}

static bool by_object(const struct flame_options *options)
{
	return options->object || options->of == FLAME_LOCK || options->of == FLAME_CHAN;
}

static bool is_wanted(const struct flame_options *options, const struct goroutine *goroutine)
{
	return goroutine->status == G_WAITING && goroutine->pc_count &&
	       (!goroutine->system || options->system) &&
	       (!options->goid || goroutine->goid == options->goid);
}

static int add(struct flame_samples *samples, struct model *model, const struct snapshot *snapshot,
	       const struct goroutine *goroutine, struct stack_cache *cache)
{
	struct stack *stack = stack_of(cache, model, snapshot, goroutine);
	struct flame_key key = { .stack = stack,
				 .gopc = goroutine->gopc,
				 .reason = goroutine->wait_reason };
	struct flame_entry *entry;

	if (!stack)
		return -ENOMEM;
	if (by_object(&samples->options))
		flame_object_of(model, goroutine->wait_kind, goroutine->wait_addr, &key);
	/* it waits for all of them, and so for the one that is asked for */
	if (key.object == FLAME_A_SELECT && samples->options.object &&
	    flame_selects(snapshot, goroutine, samples->options.object))
		key.addr = samples->options.object;
	if (samples->options.object && key.addr != samples->options.object)
		return 0;
	entry = flame_table_get(&samples->table, &key);
	if (!entry)
		return -ENOMEM;
	entry->hits++;
	if (goroutine->since_ns && goroutine->since_ns <= samples->begin_ns)
		entry->old_hits++;
	return 0;
}

int flame_samples_add(struct flame_samples *samples, struct model *model,
		      const struct snapshot *snapshot)
{
	struct stack_cache cache = { 0 };
	int status = 0;

	if (snapshot->at_ns <= samples->end_ns)
		return 0;
	samples->end_ns = snapshot->at_ns;
	samples->count++;
	for (size_t i = 0; i < snapshot->goroutines.len && !status; i++)
		if (is_wanted(&samples->options, &snapshot->goroutines.data[i]))
			status = add(samples, model, snapshot, &snapshot->goroutines.data[i],
				     &cache);
	return status;
}
