/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The Go heap of the target at about one moment: its spans (runtime/mheap.go: mheap_.allspans), and
 * a copy of those whose objects can hold pointers. The program runs on meanwhile: spans that came
 * while others were copied are copied, too, but words may have moved from where nobody had looked
 * yet to where somebody had.
 */
#ifndef COLLECT_HEAP_H
#define COLLECT_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/vec.h"
#include "target/target.h"

#define HEAP_PAGE_SHIFT 13
#define HEAP_ARENA_SHIFT 26 /* runtime/malloc.go: heapArenaBytes on linux/amd64 */
#define HEAP_ADDRESS_BITS 47
#define HEAP_PAGES_OF_MANY 128 /* runtime/sizeclasses.go: 10 */
#define HEAP_NONE UINT64_MAX

struct heap_span {
	uint64_t start, limit; /* objects lie in [start, limit) */
	uint64_t elem_size;
	uint64_t first_object; /* number of its first object among all of the heap */
	uint64_t specials;     /* address of the first special record, 0: none */
	uint32_t magic;        /* offset * magic >> 32 is the object; 0: there is but one */
	bool noscan;
	bool hot;       /* it has changed since it was copied */
	uint8_t *bytes; /* copy of [start, limit); NULL: noscan, or not copied */
};

typedef VEC(struct heap_span) heap_spans;

/* What tells the object of an address without a look at its span: a mark asks for each word. */
struct heap_page {
	uint64_t first_object : 56, before : 8; /* of its span; pages of the span before it */
	uint32_t magic;                         /* of its span */
	uint32_t span;                          /* its number + 1; 0: none */
};

/* Mapped memory that copies are in. */
struct heap_block {
	uint8_t *bytes;
	size_t size;
};

struct heap {
	heap_spans spans; /* in use, ascending by start, not overlapping */
	uint64_t objects;
	uint64_t numbers; /* of objects are below; a few belong to none */
	uint64_t scan_bytes, noscan_bytes;
	uint64_t unreadable;    /* pages that were to be copied */
	uint64_t odd;           /* spans that made no sense: they changed while they were read */
	VEC(uint64_t) metadata; /* 64 KiB blocks (address >> 16) that have mspans, ascending */
	/* by page, for each arena in [first_arena, first_arena + arena_count) */
	struct heap_page **arenas;
	uint64_t first_arena, arena_count;
	VEC(struct heap_block) blocks;
};

/* Copied memory whose words may be pointers into the heap. */
struct heap_bytes {
	const uint8_t *bytes;
	size_t len;
};

struct heap_options {
	uint64_t max_bytes;
	void (*progress)(void *ctx, uint64_t done, uint64_t total); /* bytes; NULL: nobody asks */
	void *ctx;
};

/*
 * *heap is zero-initialised; free it also after an error. 0; -ENODATA: the list of spans is not known
 * of this program, or makes no sense; -E2BIG: *needed bytes are more than max_bytes; -ENOMEM;
 * -ESRCH, -EPERM.
 */
int heap_read(const struct target *target, const struct heap_options *options, struct heap *heap,
	      uint64_t *needed);
void heap_free(struct heap *heap);
/* The same place, cut into the same objects. */
bool heap_is_same_span(const struct heap_span *a, const struct heap_span *b);

/*
 * From spans (not sorted; bytes set) that somebody else put together. Those of several objects have at most
 * HEAP_PAGES_OF_MANY pages, and their length times the objects' is below 2^32. 0, -ENOMEM.
 */
int heap_index(struct heap *heap);

/* The page at `addr`; NULL: there is no arena. */
static inline const struct heap_page *heap_page(const struct heap *heap, uint64_t addr)
{
	uint64_t arena = (addr >> HEAP_ARENA_SHIFT) - heap->first_arena;
	const struct heap_page *pages = arena < heap->arena_count ? heap->arenas[arena] : NULL;

	return pages ? &pages[addr >> HEAP_PAGE_SHIFT &
			      ((1U << (HEAP_ARENA_SHIFT - HEAP_PAGE_SHIFT)) - 1)] :
		       NULL;
}

/* The span that has an object at `addr`, or NULL. */
static inline const struct heap_span *heap_span_at(const struct heap *heap, uint64_t addr)
{
	const struct heap_page *page = heap_page(heap, addr);
	const struct heap_span *span;

	if (!page || !page->span)
		return NULL;
	span = &heap->spans.data[page->span - 1];
	return addr < span->limit ? span : NULL;
}

static inline uint64_t heap_whole_pages(uint64_t bytes)
{
	return (bytes + (1ULL << HEAP_PAGE_SHIFT) - 1) & ~((1ULL << HEAP_PAGE_SHIFT) - 1);
}

static inline bool heap_has_one_object(const struct heap_span *span)
{
	return span->elem_size >= span->limit - span->start;
}

static inline uint64_t heap_object_count(const struct heap_span *span)
{
	return (span->limit - span->start + span->elem_size - 1) / span->elem_size;
}

/* Which object of the span has the address. */
static inline uint64_t heap_slot(const struct heap_span *span, uint64_t addr)
{
	return (addr - span->start) * span->magic >> 32;
}

/*
 * Number of the object at `addr`, which is in the page. Behind the last object of a span it is a number that
 * no object has.
 */
static inline uint64_t heap_page_object(const struct heap_page *page, uint64_t addr)
{
	uint64_t offset = (addr & ((1ULL << HEAP_PAGE_SHIFT) - 1)) +
			  ((uint64_t)page->before << HEAP_PAGE_SHIFT);

	return page->first_object + (offset * page->magic >> 32);
}

/* Number of the object at `addr`, or HEAP_NONE. */
static inline uint64_t heap_object(const struct heap *heap, uint64_t addr)
{
	const struct heap_span *span = heap_span_at(heap, addr);

	return span ? span->first_object + heap_slot(span, addr) : HEAP_NONE;
}

#endif
