// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The list of spans is read, then the spans that can hold pointers are copied in large pieces, by
 * two threads when there is much; then the list is read again, and what is new in it is copied.
 */
#include "collect/heap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "collect/heap_copy.h"
#include "collect/heap_list.h"

bool heap_is_same_span(const struct heap_span *a, const struct heap_span *b)
{
	return a->start == b->start && a->limit == b->limit && a->elem_size == b->elem_size &&
	       a->noscan == b->noscan;
}

/* What the first list's spans have been copied to is taken over; the rest is copied now. */
static int copy_what_is_new(const struct target *target, const struct heap_options *options,
			    struct heap *heap, const heap_spans *before)
{
	struct heap_copy copy = { .target = target, .options = options, .quiet = true };
	size_t old = 0;
	int status = 0;

	for (size_t i = 0; i < heap->spans.len && !status; i++) {
		struct heap_span *span = &heap->spans.data[i];

		while (old < before->len && before->data[old].start < span->start)
			old++;
		if (old < before->len && heap_is_same_span(&before->data[old], span))
			span->bytes = before->data[old].bytes;
		else if (!span->noscan)
			status = heap_copy_add(&copy, span);
	}
	if (!status)
		status = heap_copy_run(&copy, heap);
	heap_copy_free(&copy);
	return status;
}

static int copy_all(const struct target *target, const struct heap_options *options,
		    struct heap *heap, heap_spans *spans)
{
	struct heap_copy copy = { .target = target, .options = options };
	int status = 0;

	for (size_t i = 0; i < spans->len && !status; i++)
		if (!spans->data[i].noscan)
			status = heap_copy_add(&copy, &spans->data[i]);
	if (!status)
		status = heap_copy_run(&copy, heap);
	heap_copy_free(&copy);
	return status;
}

/*
 * What a copy, its mark and its watch take at their height: per page of the heap its place in the index; per span
 * two lists of them and a part of a comparison; per object four bits; and entries that are to be scanned, of which
 * there are more than a few only where lists of many objects meet.
 */
static uint64_t memory_for(const heap_spans *spans)
{
	uint64_t scan = 0, objects = 0, pages = 0;

	for (size_t i = 0; i < spans->len; i++) {
		const struct heap_span *span = &spans->data[i];
		uint64_t bytes = span->limit - span->start;

		scan += span->noscan ? 0 : bytes;
		pages += heap_whole_pages(bytes) >> HEAP_PAGE_SHIFT;
		objects += heap_object_count(span);
	}
	return scan + scan / 16 + objects / 2 + pages * sizeof(struct heap_page) +
	       spans->len * (2 * sizeof(struct heap_span) + 48);
}

int heap_read(const struct target *target, const struct heap_options *options, struct heap *heap,
	      uint64_t *needed)
{
	struct heap before = { 0 };
	struct heap_lister *lister = heap_lister_new(target);
	int status = lister ? heap_list(lister, &before) : -ENOMEM;

	*needed = 0;
	if (!status)
		*needed = memory_for(&before.spans);
	if (!status && *needed > options->max_bytes)
		status = -E2BIG;
	if (!status)
		status = copy_all(target, options, heap, &before.spans);
	if (!status)
		status = heap_list(lister, heap);
	if (!status)
		status = copy_what_is_new(target, options, heap, &before.spans);
	if (!status)
		status = heap_index(heap);
	heap_free(&before);
	heap_lister_free(lister);
	return status;
}

static void number_objects(struct heap *heap)
{
	heap->objects = heap->numbers = heap->scan_bytes = heap->noscan_bytes = 0;
	for (size_t i = 0; i < heap->spans.len; i++) {
		struct heap_span *span = &heap->spans.data[i];
		uint64_t bytes = span->limit - span->start;

		span->first_object = heap->numbers;
		span->magic =
			heap_has_one_object(span) ? 0 : UINT32_MAX / (uint32_t)span->elem_size + 1;
		/* what is behind the last object has numbers, too */
		heap->objects += heap_object_count(span);
		heap->numbers +=
			heap_has_one_object(span) ?
				1 :
				(heap_whole_pages(bytes) + span->elem_size - 1) / span->elem_size;
		if (span->noscan)
			heap->noscan_bytes += bytes;
		else
			heap->scan_bytes += bytes;
	}
}

static int index_span(struct heap *heap, size_t number)
{
	const struct heap_span *span = &heap->spans.data[number];
	const uint64_t pages_an_arena = 1ULL << (HEAP_ARENA_SHIFT - HEAP_PAGE_SHIFT);
	uint64_t first = span->start >> HEAP_PAGE_SHIFT;
	uint64_t last = (span->limit - 1) >> HEAP_PAGE_SHIFT;

	for (uint64_t page = first; page <= last; page++) {
		struct heap_page **arena = &heap->arenas[page / pages_an_arena - heap->first_arena];

		if (!*arena)
			*arena = calloc(pages_an_arena, sizeof(**arena));
		if (!*arena)
			return -ENOMEM;
		(*arena)[page % pages_an_arena] = (struct heap_page){
			.first_object = span->first_object,
			.before = span->magic ? page - first : 0,
			.magic = span->magic,
			.span = number + 1,
		};
	}
	return 0;
}

int heap_index(struct heap *heap)
{
	uint64_t odd = 0, end;
	int status;

	status = heap_sort_spans(&heap->spans, &odd);
	if (status)
		return status;
	heap->odd += odd;
	number_objects(heap);
	if (!heap->spans.len)
		return 0;
	heap->first_arena = heap->spans.data[0].start >> HEAP_ARENA_SHIFT;
	end = (heap->spans.data[heap->spans.len - 1].limit - 1) >> HEAP_ARENA_SHIFT;
	heap->arena_count = end - heap->first_arena + 1;
	heap->arenas = calloc(heap->arena_count, sizeof(*heap->arenas));
	if (!heap->arenas)
		return -ENOMEM;
	for (size_t i = 0; i < heap->spans.len; i++)
		if (index_span(heap, i))
			return -ENOMEM;
	return 0;
}

void heap_free(struct heap *heap)
{
	for (uint64_t i = 0; heap->arenas && i < heap->arena_count; i++)
		free(heap->arenas[i]);
	free(heap->arenas);
	for (size_t i = 0; i < heap->blocks.len; i++)
		munmap(heap->blocks.data[i].bytes, heap->blocks.data[i].size);
	vec_free(&heap->blocks);
	vec_free(&heap->metadata);
	vec_free(&heap->spans);
	memset(heap, 0, sizeof(*heap));
}
