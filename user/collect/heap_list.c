// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "collect/heap_list.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "collect/g_struct.h"
#include "target/memory.h"

#define PAGE_SIZE (1ULL << HEAP_PAGE_SHIFT)
#define LOWEST (1ULL << 16)
#define HIGHEST (1ULL << HEAP_ADDRESS_BITS)
#define SPANS_MAX (1ULL << 27)
#define AT_ONCE 1024 /* spans: what is read of them stays in the cache */
#define THREADS 2
#define SPANS_A_THREAD 16384 /* fewer are not worth one */
#define MSPAN_MAX 512
#define MSPAN_IN_USE 1 /* runtime/mheap.go mSpanInUse, from Go 1.18 to 1.27 */
#define METADATA_SHIFT 16
#define MAGIC_MAX (1ULL << 32) /* a quotient is exact while offset times size is less */

/* One thread's buffers. */
struct reader {
	struct memory_scratch *scratch;
	uint64_t addrs[AT_ONCE];
	struct memory_piece pieces[AT_ONCE];
	struct heap_span found[AT_ONCE];
	uint8_t *mspans; /* AT_ONCE */
};

struct heap_lister {
	const struct target *target;
	struct reader *readers[THREADS]; /* NULL: not needed so far */
};

/* One list. */
struct listing {
	const struct target *target;
	const struct heap *known; /* what is as it is there is left out; NULL: nothing is */
	struct heap *heap;
	uint64_t table, count; /* addresses of mspans */
	pthread_mutex_t lock;  /* of all that follows, and of *heap */
	uint64_t next;         /* that nobody reads yet */
	uint64_t listed;       /* in use, left out or not */
	int status;
};
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

/* Of several objects: no version of Go makes larger ones. */
static bool is_too_large(const struct heap_span *span)
{
	uint64_t bytes = heap_whole_pages(span->limit - span->start);

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
	    (!heap_has_one_object(span) && is_too_large(span))) {
		(*odd)++;
		return false;
	}
	return true;
}

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

static int read_mspans(const struct listing *listing, struct reader *reader, uint64_t first,
		       size_t count)
{
	size_t size = listing->target->layout.mspan_size;
	pid_t pid = listing->target->pid;
	int status = memory_read(pid, listing->table + 8 * first, reader->addrs, count * 8);

	for (size_t i = 0; i < count && !status; i++)
		reader->pieces[i] = (struct memory_piece){ .addr = reader->addrs[i],
							   .to = reader->mspans + i * size,
							   .len = size };
	return status ? status : memory_read_many_with(pid, reader->pieces, count, reader->scratch);
}

static int hand_over(struct listing *listing, const struct reader *reader, size_t count,
		     size_t found)
{
	int status = 0;

	for (size_t i = 0; i < count && !listing->known && !status; i++)
		status = reader->pieces[i].ok ? note_metadata(listing->heap, reader->addrs[i]) : 0;
	for (size_t i = 0; i < found && !status; i++) {
		struct heap_span *slot = vec_push(&listing->heap->spans);

		if (slot)
			*slot = reader->found[i];
		else
			status = -ENOMEM;
	}
	return status;
}

static int list_some(struct listing *listing, struct reader *reader, uint64_t first, size_t count)
{
	const struct layout *layout = &listing->target->layout;
	uint64_t odd = 0, listed = 0;
	size_t found = 0;
	int status = read_mspans(listing, reader, first, count);

	for (size_t i = 0; i < count && !status; i++) {
		struct heap_span *span = &reader->found[found];

		if (!reader->pieces[i].ok) {
			odd++;
			continue;
		}
		if (!take_span(layout, reader->mspans + i * layout->mspan_size, span, &odd))
			continue;
		listed++;
		found += !listing->known || !is_known(listing->known, span);
	}
	pthread_mutex_lock(&listing->lock);
	listing->heap->odd += odd;
	listing->listed += listed;
	if (!status)
		status = hand_over(listing, reader, count, found);
	pthread_mutex_unlock(&listing->lock);
	return status;
}

static void list_in_turn(struct listing *listing, struct reader *reader)
{
	pthread_mutex_lock(&listing->lock);
	while (listing->next < listing->count && !listing->status) {
		uint64_t first = listing->next, left = listing->count - first;
		size_t count = left < AT_ONCE ? left : AT_ONCE;
		int status;

		listing->next += count;
		pthread_mutex_unlock(&listing->lock);
		status = list_some(listing, reader, first, count);
		pthread_mutex_lock(&listing->lock);
		if (status)
			listing->status = status;
	}
	pthread_mutex_unlock(&listing->lock);
}

struct helper {
	struct listing *listing;
	struct reader *reader;
	pthread_t thread;
};

static void *help(void *arg)
{
	struct helper *helper = arg;

	list_in_turn(helper->listing, helper->reader);
	return NULL;
}

static void reader_free(struct reader *reader)
{
	if (!reader)
		return;
	memory_scratch_free(reader->scratch);
	free(reader->mspans);
	free(reader);
}

static struct reader *reader_new(size_t mspan_size)
{
	struct reader *reader = calloc(1, sizeof(*reader));

	if (!reader)
		return NULL;
	reader->scratch = memory_scratch_new();
	reader->mspans = malloc(AT_ONCE * mspan_size);
	if (reader->scratch && reader->mspans)
		return reader;
	reader_free(reader);
	return NULL;
}

static struct reader *reader_at(struct heap_lister *lister, size_t number)
{
	struct reader **reader = &lister->readers[number];

	if (!*reader)
		*reader = reader_new(lister->target->layout.mspan_size);
	return *reader;
}

/* Without memory, or threads, one reads them all. */
static int list_by_threads(struct heap_lister *lister, struct listing *listing)
{
	struct reader *first = reader_at(lister, 0);
	struct helper helpers[THREADS - 1];
	size_t started = 0;

	if (!first)
		return -ENOMEM;
	while (listing->count > SPANS_A_THREAD && started < THREADS - 1) {
		struct helper *helper = &helpers[started];

		*helper = (struct helper){ listing, reader_at(lister, started + 1), 0 };
		if (!helper->reader || pthread_create(&helper->thread, NULL, help, helper))
			break;
		started++;
	}
	list_in_turn(listing, first);
	for (size_t i = 0; i < started; i++)
		pthread_join(helpers[i].thread, NULL);
	return listing->status;
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

int heap_sort_spans(heap_spans *spans, uint64_t *odd)
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

static int list(struct heap_lister *lister, const struct heap *known, struct heap *heap)
{
	const struct target *target = lister->target;
	struct listing listing = {
		.target = target, .known = known, .heap = heap, .lock = PTHREAD_MUTEX_INITIALIZER
	};
	uint64_t slice[3]; /* address, length, capacity */
	int status;

	heap->spans.len = heap->metadata.len = heap->odd = 0;
	if (!knows_spans(target))
		return -ENODATA;
	status = memory_read(target->pid, target->mheap + target->layout.mheap_allspans, slice,
			     sizeof(slice));
	if (!status && (!slice[1] || slice[1] > slice[2] || slice[2] > SPANS_MAX))
		status = -ENODATA;
	listing.table = slice[0];
	listing.count = slice[1];
	if (!status && !known)
		vec_reserve(&heap->spans, listing.count);
	if (!status)
		status = list_by_threads(lister, &listing);
	if (status)
		return status == -EFAULT ? -ENODATA : status;
	status = heap_sort_spans(&heap->spans, &heap->odd);
	if (status)
		return status;
	sort_metadata(heap);
	/* a handful change at any time; when most make no sense, this is not the list */
	return listing.listed && heap->odd <= listing.listed / 2 ? 0 : -ENODATA;
}

int heap_list(struct heap_lister *lister, struct heap *heap)
{
	return list(lister, NULL, heap);
}

int heap_list_news(struct heap_lister *lister, const struct heap *known, struct heap *heap)
{
	return list(lister, known, heap);
}

struct heap_lister *heap_lister_new(const struct target *target)
{
	struct heap_lister *lister = calloc(1, sizeof(*lister));

	if (lister)
		lister->target = target;
	return lister;
}

void heap_lister_free(struct heap_lister *lister)
{
	if (!lister)
		return;
	for (size_t i = 0; i < THREADS; i++)
		reader_free(lister->readers[i]);
	free(lister);
}
