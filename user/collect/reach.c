// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "collect/reach.h"

#include <errno.h>
#include <stdlib.h>

#include "collect/reach_mark.h"

static void bar_gs(struct mark *mark)
{
	const struct reach *reach = mark->reach;

	for (size_t i = 0; i < reach->g_count; i++) {
		uint64_t object = heap_object(reach->heap, reach->gs[i]);

		if (object != HEAP_NONE)
			mark_set_bit(mark->barred, object);
	}
}

/* One wait of a goroutine: it stands in line with others that wait for the same object. */
static int add_wait(struct mark *mark, uint32_t goroutine, uint32_t wait)
{
	uint64_t object = heap_object(mark->reach->heap, mark->reach->waits[wait]);
	uint32_t *slot;

	mark->owners[wait] = goroutine;
	mark->next_waiter[wait] = MARK_NONE;
	if (object == HEAP_NONE) {
		mark_wake(mark->workers[0], goroutine);
		return 0;
	}
	slot = addr_map_put(&mark->waiters, object + 1);
	if (!slot)
		return -ENOMEM;
	mark->next_waiter[wait] = *slot ? *slot - 1 : MARK_NONE;
	*slot = wait + 1;
	mark_set_bit(mark->awaited, object);
	return 0;
}

static int add_waits(struct mark *mark)
{
	const struct reach *reach = mark->reach;

	for (size_t i = 0; i < reach->goroutine_count; i++) {
		struct reach_goroutine *goroutine = &reach->goroutines[i];

		goroutine->alive = false;
		if (goroutine->role != REACH_WAITS)
			continue;
		if (!goroutine->wait_count)
			mark_wake(mark->workers[0], i);
		for (uint32_t j = 0; j < goroutine->wait_count; j++) {
			uint32_t wait = goroutine->first_wait + j;

			if (wait >= reach->wait_count)
				break;
			if (add_wait(mark, i, wait))
				return -ENOMEM;
		}
	}
	return 0;
}

static void mark_touched(struct mark *mark)
{
	const struct heap *heap = mark->reach->heap;
	const uint64_t *touched = mark->reach->touched;

	for (size_t i = 0; touched && i < heap->spans.len; i++) {
		const struct heap_span *span = &heap->spans.data[i];
		uint64_t end = span->first_object + heap_object_count(span);

		for (uint64_t object = span->first_object; object < end; object++) {
			uint64_t fresh = touched[object / 64] & ~mark->marked[object / 64];

			if (!fresh)
				object |= 63;
			else if (fresh >> object % 64 & 1)
				mark_object(mark->workers[0], span, object - span->first_object);
		}
	}
}

static int mark_open(struct mark *mark, struct reach *reach)
{
	const struct heap *heap = reach->heap;
	size_t words = heap->numbers / 64 + 1;

	mark->reach = reach;
	pthread_mutex_init(&mark->lock, NULL);
	pthread_cond_init(&mark->more, NULL);
	if (heap->spans.len) {
		mark->lowest = heap->spans.data[0].start;
		mark->size = heap->spans.data[heap->spans.len - 1].limit - mark->lowest;
	}
	mark->marked = calloc(words, sizeof(*mark->marked));
	mark->barred = calloc(words, sizeof(*mark->barred));
	mark->awaited = calloc(words, sizeof(*mark->awaited));
	mark->next_waiter = calloc(reach->wait_count + 1, sizeof(*mark->next_waiter));
	mark->owners = calloc(reach->wait_count + 1, sizeof(*mark->owners));
	return mark_first_worker(mark) && mark->marked && mark->barred && mark->awaited &&
			       mark->next_waiter && mark->owners ?
		       0 :
		       -ENOMEM;
}

static int begin(struct reach *reach)
{
	struct mark *mark = calloc(1, sizeof(*mark));
	int status;

	if (!mark)
		return -ENOMEM;
	reach->mark = mark;
	reach->marked = 0;
	status = mark_open(mark, reach);
	if (!status) {
		bar_gs(mark);
		status = add_waits(mark);
	}
	for (size_t i = 0; i < reach->root_count && !status; i++)
		mark_bytes(mark->workers[0], reach->roots[i]);
	return status;
}

int reach_run(struct reach *reach)
{
	int status = reach->mark ? 0 : begin(reach);

	if (status)
		return status;
	for (size_t i = 0; i < reach->goroutine_count; i++)
		if (reach->goroutines[i].role == REACH_ROOT)
			mark_wake(reach->mark->workers[0], i);
	mark_touched(reach->mark);
	mark_run(reach->mark);
	return reach->mark->no_memory ? -ENOMEM : 0;
}

void reach_free(struct reach *reach)
{
	struct mark *mark = reach->mark;

	if (!mark)
		return;
	mark_workers_free(mark);
	free(mark->marked);
	free(mark->barred);
	free(mark->awaited);
	free(mark->next_waiter);
	free(mark->owners);
	vec_free(&mark->given);
	addr_map_free(&mark->waiters);
	pthread_mutex_destroy(&mark->lock);
	pthread_cond_destroy(&mark->more);
	free(mark);
	reach->mark = NULL;
}
