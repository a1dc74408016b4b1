// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "collect/next_ops_parts.h"

#include <errno.h>

static int watch(struct finder *finder, uint64_t addr)
{
	uint32_t *slot = addr_map_put(&finder->watched, addr);

	if (!slot)
		return -ENOMEM;
	*slot = 1;
	return 0;
}

/* A semaphore may be part of any of these; which one, the stacks of its waiters tell later. */
static int watch_semaphore(struct finder *finder, uint64_t semaphore)
{
	const struct layout *layout = &finder->target->layout;
	const uint32_t offsets[] = { layout->mutex_sema, layout->rwmutex_writersem,
				     layout->rwmutex_readersem, layout->waitgroup_sema };
	int status = 0;

	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]) && !status; i++)
		if (offsets[i] < semaphore)
			status = watch(finder, semaphore - offsets[i]);
	return status;
}

static int watch_waits_of(struct finder *finder, const struct goroutine *goroutine,
			  enum ahead_of of)
{
	uint32_t cond = finder->target->layout.cond_notify;
	int status = 0;

	if (goroutine->wait_kind == WAIT_SEMA && goroutine->wait_addr)
		status = watch_semaphore(finder, goroutine->wait_addr);
	else if (goroutine->wait_kind == WAIT_COND && cond < goroutine->wait_addr)
		status = watch(finder, goroutine->wait_addr - cond);
	else if (goroutine->wait_kind == WAIT_SELECT && goroutine->wait_addr)
		status = watch(finder, goroutine->wait_addr);
	for (uint32_t i = 0; of == AHEAD_OF_ALL && i < goroutine->case_count && !status; i++) {
		uint64_t chan = finder->snapshot->cases.data[goroutine->first_case + i].chan;

		if (chan)
			status = watch(finder, chan);
	}
	return status;
}

int next_ops_watch(struct finder *finder, enum ahead_of of)
{
	const struct snapshot *snapshot = finder->snapshot;
	int status = 0;

	for (size_t i = 0; i < snapshot->goroutines.len && !status; i++)
		if (next_ops_wants(finder, i))
			status = watch_waits_of(finder, &snapshot->goroutines.data[i], of);
	return status;
}

bool next_ops_watches(void *ctx, uint64_t object)
{
	const struct finder *finder = ctx;

	return object && addr_map_get(&finder->watched, object);
}
