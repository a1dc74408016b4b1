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

#include "collect/g_struct.h"
#include "collect/heap_copy.h"
#include "target/memory.h"

#define PAGE_SIZE (1ULL << HEAP_PAGE_SHIFT)
#define LOWEST (1ULL << 16)
#define HIGHEST (1ULL << HEAP_ADDRESS_BITS)
#define SPANS_MAX (1ULL << 27)
#define SPANS_AT_ONCE 8192
#define MSPAN_MAX 512
#define MSPAN_IN_USE 1 /* runtime/mheap.go mSpanInUse, from Go 1.18 to 1.27 */
#define METADATA_SHIFT 16
#define MAGIC_MAX (1ULL << 32) /* a quotient is exact while offset times size is less */

static bool knows_spans(const struct target *target)
{
	const struct layout *layout = &target->layout;
	const uint32_t needed[] = { layout->mheap_allspans, layout->mspan_startaddr,
				    layout->mspan_npages,   layout->mspan_spanclass,
				    layout->mspan_state,    layout->mspan_elemsize,
				    layout->mspan_limit,    layout->mspan_specials,
				    layout->mspan_size };

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (needed[i] == LAYOUT_ABSENT)
			return false;
	return target->mheap && layout->mspan_size <= MSPAN_MAX;
}

static uint64_t whole_pages(uint64_t bytes)
{
	return (bytes + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
}

static bool has_one_object(const struct heap_span *span)
{
	return span->elem_size >= span->limit - span->start;
}

/* Of several objects: no version of Go makes larger ones. */
static bool is_too_large(const struct heap_span *span)
{
	uint64_t bytes = whole_pages(span->limit - span->start);

	return bytes > (uint64_t)HEAP_PAGES_OF_MANY << HEAP_PAGE_SHIFT ||
	       bytes * span->elem_size >= MAGIC_MAX;
}

/* False: not in use. *odd counts those that cannot be. */
static bool take_span(const struct layout *layout, const uint8_t *mspan, struct heap_span *span,
		      uint64_t *odd)
{
	uint64_t pages = struct_word(mspan, layout->mspan_npages);

	if (mspan[layout->mspan_state] != MSPAN_IN_USE)
		return false;
	*span = (struct heap_span){
		.start = struct_word(mspan, layout->mspan_startaddr),
		.limit = struct_word(mspan, layout->mspan_limit),
		.elem_size = struct_word(mspan, layout->mspan_elemsize),
		.specials = struct_word(mspan, layout->mspan_specials),
		.noscan = mspan[layout->mspan_spanclass] & 1,
	};
	if (!span->limit)
		return false;
	if (span->start % PAGE_SIZE || span->start < LOWEST || span->start >= HIGHEST || !pages ||
	    pages > HIGHEST >> HEAP_PAGE_SHIFT || span->limit <= span->start ||
	    span->limit - span->start > pages << HEAP_PAGE_SHIFT || span->elem_size < 8 ||
	    span->elem_size > pages << HEAP_PAGE_SHIFT ||
	    (!has_one_object(span) && is_too_large(span))) {
		(*odd)++;
		return false;
	}
	return true;
}

struct lister {
	const struct target *target;
	const struct heap *known; /* spans that are as they are there are left out; NULL: all are listed */
	uint64_t listed;          /* in use, left out or not */
	struct memory_scratch *scratch;
	uint64_t addrs[SPANS_AT_ONCE];
	struct memory_piece pieces[SPANS_AT_ONCE];
	uint8_t *mspans; /* SPANS_AT_ONCE */
};

/* In which blocks of memory there are mspans. */
static int note_metadata(struct heap *heap, uint64_t mspan)
{
	uint64_t block = mspan >> METADATA_SHIFT, *slot;

	if (heap->metadata.len && heap->metadata.data[heap->metadata.len - 1] == block)
		return 0;
	slot = vec_push(&heap->metadata);
	if (!slot)
		return -ENOMEM;
	*slot = block;
	return 0;
}

static int by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void sort_metadata(struct heap *heap)
{
	uint64_t *blocks = heap->metadata.data;
	size_t kept = 0;

	if (heap->metadata.len)
		qsort(blocks, heap->metadata.len, sizeof(*blocks), by_number);
	for (size_t i = 0; i < heap->metadata.len; i++)
		if (!kept || blocks[kept - 1] != blocks[i])
			blocks[kept++] = blocks[i];
	heap->metadata.len = kept;
}

/* Neither its objects can hold pointers that the copy does not have, nor have they ever been seen to change. */
static bool is_known(const struct heap *heap, const struct heap_span *span)
{
	const struct heap_span *known = heap_span_at(heap, span->start);

	return span->noscan || (known && !known->hot && heap_is_same_span(known, span));
}

static int list_some(struct lister *lister, uint64_t table, size_t count, struct heap *heap)
{
	const struct layout *layout = &lister->target->layout;
	size_t size = layout->mspan_size;
	int status = memory_read(lister->target->pid, table, lister->addrs, count * 8);

	if (status)
		return status;
	for (size_t i = 0; i < count; i++)
		lister->pieces[i] = (struct memory_piece){ .addr = lister->addrs[i],
							   .to = lister->mspans + i * size,
							   .len = size };
	status = memory_read_many_with(lister->target->pid, lister->pieces, count, lister->scratch);
	for (size_t i = 0; i < count && !status; i++) {
		struct heap_span span, *slot;

		if (!lister->pieces[i].ok)
			heap->odd++;
		else if (!lister->known && note_metadata(heap, lister->addrs[i]))
			return -ENOMEM;
		else if (take_span(layout, lister->mspans + i * size, &span, &heap->odd)) {
			lister->listed++;
			if (lister->known && is_known(lister->known, &span))
				continue;
			slot = vec_push(&heap->spans);
			if (!slot)
				return -ENOMEM;
			*slot = span;
		}
	}
	return status;
}

#define DIGIT_BITS 11
#define DIGITS (1U << DIGIT_BITS)

/* One round of a radix sort, by some bits of the page. */
static void sort_by_digit(const heap_spans *from, struct heap_span *to, uint64_t lowest,
			  unsigned shift)
{
	uint32_t places[DIGITS + 1] = { 0 };

	for (size_t i = 0; i < from->len; i++)
		places[((from->data[i].start - lowest) >> shift & (DIGITS - 1)) + 1]++;
	for (unsigned i = 1; i < DIGITS; i++)
		places[i] += places[i - 1];
	for (size_t i = 0; i < from->len; i++)
		to[places[(from->data[i].start - lowest) >> shift & (DIGITS - 1)]++] =
			from->data[i];
}

/* There are many, and they are listed at each look: two rounds for a heap of 32 GiB. */
static int sort_by_start(heap_spans *spans)
{
	struct heap_span *other = calloc(spans->len + 1, sizeof(*other));
	uint64_t lowest = UINT64_MAX, highest = 0;

	if (!other)
		return -ENOMEM;
	for (size_t i = 0; i < spans->len; i++) {
		uint64_t start = spans->data[i].start;

		lowest = start < lowest ? start : lowest;
		highest = start > highest ? start : highest;
	}
	for (unsigned shift = HEAP_PAGE_SHIFT;
	     shift < HEAP_ADDRESS_BITS && spans->len && (highest - lowest) >> shift;
	     shift += DIGIT_BITS) {
		struct heap_span *swap = spans->data;

		sort_by_digit(spans, other, lowest, shift);
		spans->data = other;
		other = swap;
		spans->cap = spans->len + 1;
	}
	free(other);
	return 0;
}

/* Sorted; of two that overlap one was read while it changed: neither place counts twice. */
static int sort_spans(heap_spans *spans, uint64_t *odd)
{
	size_t kept = 0;
	int status = sort_by_start(spans);

	for (size_t i = 0; i < spans->len && !status; i++) {
		const struct heap_span *last = kept ? &spans->data[kept - 1] : NULL;

		if (last && spans->data[i].start < last->limit)
			(*odd)++;
		else
			spans->data[kept++] = spans->data[i];
	}
	if (!status)
		spans->len = kept;
	return status;
}

static int list_spans(struct lister *lister, struct heap *heap)
{
	const struct target *target = lister->target;
	uint64_t slice[3]; /* address, length, capacity */
	int status = memory_read(target->pid, target->mheap + target->layout.mheap_allspans, slice,
				 sizeof(slice));

	heap->spans.len = heap->metadata.len = heap->odd = 0;
	lister->listed = 0;
	if (status)
		return status == -EFAULT ? -ENODATA : status;
	if (!slice[1] || slice[1] > slice[2] || slice[2] > SPANS_MAX)
		return -ENODATA;
	for (uint64_t i = 0; i < slice[1]; i += SPANS_AT_ONCE) {
		size_t count = slice[1] - i < SPANS_AT_ONCE ? slice[1] - i : SPANS_AT_ONCE;

		status = list_some(lister, slice[0] + 8 * i, count, heap);
		if (status)
			return status == -EFAULT ? -ENODATA : status;
	}
	status = sort_spans(&heap->spans, &heap->odd);
	if (status)
		return status;
	sort_metadata(heap);
	/* a handful change at any time; when most make no sense, this is not the list */
	return lister->listed && heap->odd <= lister->listed / 2 ? 0 : -ENODATA;
}

static struct lister *lister_new(const struct target *target)
{
	struct lister *lister = calloc(1, sizeof(*lister));

	if (!lister)
		return NULL;
	lister->target = target;
	lister->scratch = memory_scratch_new();
	lister->mspans = malloc((size_t)SPANS_AT_ONCE * target->layout.mspan_size);
	if (lister->scratch && lister->mspans)
		return lister;
	memory_scratch_free(lister->scratch);
	free(lister->mspans);
	free(lister);
	return NULL;
}

static void lister_free(struct lister *lister)
{
	if (!lister)
		return;
	memory_scratch_free(lister->scratch);
	free(lister->mspans);
	free(lister);
}

static int list(const struct target *target, const struct heap *known, struct heap *heap)
{
	struct lister *lister;
	int status;

	if (!knows_spans(target))
		return -ENODATA;
	lister = lister_new(target);
	if (!lister)
		return -ENOMEM;
	lister->known = known;
	status = list_spans(lister, heap);
	lister_free(lister);
	return status;
}

int heap_list(const struct target *target, struct heap *heap)
{
	return list(target, NULL, heap);
}

int heap_list_news(const struct target *target, const struct heap *known, struct heap *heap)
{
	return list(target, known, heap);
}

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
		pages += whole_pages(bytes) >> HEAP_PAGE_SHIFT;
		objects += heap_object_count(span);
	}
	return scan + scan / 16 + objects / 2 + pages * sizeof(struct heap_page) +
	       spans->len * (2 * sizeof(struct heap_span) + 48);
}

int heap_read(const struct target *target, const struct heap_options *options, struct heap *heap,
	      uint64_t *needed)
{
	struct heap before = { 0 };
	struct lister *lister;
	int status;

	*needed = 0;
	if (!knows_spans(target))
		return -ENODATA;
	lister = lister_new(target);
	status = lister ? list_spans(lister, &before) : -ENOMEM;
	if (!status)
		*needed = memory_for(&before.spans);
	if (!status && *needed > options->max_bytes)
		status = -E2BIG;
	if (!status)
		status = copy_all(target, options, heap, &before.spans);
	if (!status)
		status = list_spans(lister, heap);
	if (!status)
		status = copy_what_is_new(target, options, heap, &before.spans);
	if (!status)
		status = heap_index(heap);
	heap_free(&before);
	lister_free(lister);
	return status;
}

static void number_objects(struct heap *heap)
{
	heap->objects = heap->numbers = heap->scan_bytes = heap->noscan_bytes = 0;
	for (size_t i = 0; i < heap->spans.len; i++) {
		struct heap_span *span = &heap->spans.data[i];
		uint64_t bytes = span->limit - span->start;

		span->first_object = heap->numbers;
		span->magic = has_one_object(span) ? 0 : UINT32_MAX / (uint32_t)span->elem_size + 1;
		/* what is behind the last object has numbers, too */
		heap->objects += heap_object_count(span);
		heap->numbers += has_one_object(span) ? 1 :
							(whole_pages(bytes) + span->elem_size - 1) /
								span->elem_size;
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

	status = sort_spans(&heap->spans, &odd);
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
