// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Copies of heaps that lie, and that change while they are read: this process, with spans made up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "collect/heap.h"
#include "collect/heap_roots.h"
#include "collect/heap_list.h"
#include "collect/heap_watch.h"
#include "target/target.h"

#define PAGE (1ULL << HEAP_PAGE_SHIFT)
#define SPANS 64
#define PAGES 256
#define MSPAN 192

struct liar {
	struct target target;
	uint8_t *pages;    /* aligned to pages */
	uint64_t mheap[3]; /* allspans alone */
	uint64_t table[SPANS];
	uint8_t mspans[SPANS][MSPAN];
};

static void set(struct liar *liar, size_t span, uint32_t offset, uint64_t value)
{
	memcpy(liar->mspans[span] + offset, &value, sizeof(value));
}

static void make_span(struct liar *liar, size_t number, uint64_t first_page, uint64_t pages,
		      uint64_t size, bool noscan)
{
	const struct layout *layout = &liar->target.layout;
	uint64_t start = (uint64_t)liar->pages + first_page * PAGE;

	memset(liar->mspans[number], 0, MSPAN);
	set(liar, number, layout->mspan_startaddr, start);
	set(liar, number, layout->mspan_npages, pages);
	set(liar, number, layout->mspan_elemsize, size);
	set(liar, number, layout->mspan_limit, start + pages * PAGE / size * size);
	liar->mspans[number][layout->mspan_spanclass] = noscan;
	liar->mspans[number][layout->mspan_state] = 1;
}

static struct liar *liar_new(void)
{
	struct liar *liar = calloc(1, sizeof(*liar));
	uint8_t *mapped = mmap(NULL, (PAGES + 1) * PAGE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_non_null(liar);
	assert_true(mapped != MAP_FAILED);
	liar->pages = (uint8_t *)(((uintptr_t)mapped + PAGE - 1) & ~(PAGE - 1));
	liar->target.pid = getpid();
	liar->target.layout = *layout_for_minor(24);
	liar->target.layout.mheap_allspans = 0;
	liar->target.mheap = (uint64_t)liar->mheap;
	assert_true(liar->target.layout.mspan_size <= MSPAN);
	for (size_t i = 0; i < SPANS; i++)
		liar->table[i] = (uint64_t)liar->mspans[i];
	liar->mheap[0] = (uint64_t)liar->table;
	liar->mheap[1] = 4;
	liar->mheap[2] = SPANS;
	make_span(liar, 0, 0, 1, 32, false);
	make_span(liar, 1, 1, 1, 96, true);
	make_span(liar, 2, 2, 8, 8 * PAGE, false);
	make_span(liar, 3, 12, 2, 512, false);
	return liar;
}

/* Its pages go with the process. */
static void liar_free(struct liar *liar)
{
	free(liar);
}

static int read_it(const struct liar *liar, uint64_t most, struct heap *heap)
{
	const struct heap_options options = { .max_bytes = most };
	uint64_t needed;
	int status;

	memset(heap, 0, sizeof(*heap));
	status = heap_read(&liar->target, &options, heap, &needed);
	assert_true(status != -E2BIG || needed > most);
	return status;
}

static void what_can_hold_pointers_is_copied(void **state)
{
	struct liar *liar = liar_new();
	const struct heap_span *span;
	struct heap heap;

	(void)state;
	for (uint64_t i = 0; i < PAGES * PAGE / 8; i++)
		((uint64_t *)liar->pages)[i] = i * 0x9e3779b97f4a7c15ULL;
	assert_int_equal(read_it(liar, UINT64_MAX, &heap), 0);
	assert_int_equal(heap.spans.len, 4);
	assert_int_equal(heap.odd + heap.unreadable, 0);
	assert_int_equal(heap.objects, PAGE / 32 + PAGE / 96 + 1 + 32);
	for (size_t i = 0; i < heap.spans.len; i++) {
		span = &heap.spans.data[i];
		assert_int_equal(!span->bytes, span->noscan);
		if (span->bytes)
			assert_memory_equal(span->bytes, (void *)span->start,
					    span->limit - span->start);
	}
	span = heap_span_at(&heap, (uint64_t)liar->pages + 9 * PAGE);
	assert_non_null(span);
	assert_int_equal(heap_slot(span, (uint64_t)liar->pages + 9 * PAGE), 0);
	assert_null(heap_span_at(&heap, (uint64_t)liar->pages + 10 * PAGE));
	heap_free(&heap);
	assert_int_equal(read_it(liar, 4096, &heap), -E2BIG);
	heap_free(&heap);
	liar_free(liar);
}

static void spans_that_cannot_be_are_left_out(void **state)
{
	struct liar *liar = liar_new();
	const struct layout *layout = &liar->target.layout;
	struct heap heap;

	(void)state;
	liar->mheap[1] = 14;
	for (size_t i = 4; i < 44; i++)
		make_span(liar, i, 20 + i, 1, 64, false);
	set(liar, 4, layout->mspan_elemsize, 0);
	set(liar, 5, layout->mspan_elemsize, UINT64_MAX);
	set(liar, 6, layout->mspan_limit, UINT64_MAX);
	set(liar, 7, layout->mspan_npages, UINT64_MAX);
	set(liar, 8, layout->mspan_startaddr, (uint64_t)liar->pages + 8);
	set(liar, 9, layout->mspan_startaddr, UINT64_MAX - PAGE + 1);
	/* a million pages of small objects: as many bits would be asked for */
	set(liar, 10, layout->mspan_npages, 1 << 20);
	set(liar, 10, layout->mspan_limit, (uint64_t)liar->pages + (PAGE << 20));
	set(liar, 11, layout->mspan_startaddr, (uint64_t)liar->pages);
	liar->table[12] = 4096;
	liar->mspans[13][layout->mspan_state] = 2;
	assert_int_equal(read_it(liar, UINT64_MAX, &heap), -ENODATA);
	heap_free(&heap);
	/* a few at a time are the program's doing */
	liar->mheap[1] = 44;
	assert_int_equal(read_it(liar, UINT64_MAX, &heap), 0);
	assert_true(heap.odd >= 8);
	assert_true(heap.spans.len >= 30);
	heap_free(&heap);
	liar_free(liar);
}

static void lists_that_cannot_be_are_no_heap(void **state)
{
	static const uint64_t slices[][3] = {
		{ 0, 4, 4 }, { 4096, 4, 4 },
		{ 1, 0, 0 }, { 1, UINT64_MAX, UINT64_MAX },
		{ 1, 8, 4 }, { 1, 1ULL << 27, 1ULL << 27 },
	};
	struct liar *liar = liar_new();
	struct heap heap;

	(void)state;
	for (size_t i = 0; i < sizeof(slices) / sizeof(slices[0]); i++) {
		memcpy(liar->mheap, slices[i], sizeof(slices[i]));
		if (slices[i][0] == 1)
			liar->mheap[0] = (uint64_t)liar->table;
		assert_int_equal(read_it(liar, UINT64_MAX, &heap), -ENODATA);
		heap_free(&heap);
	}
	liar->target.mheap = 0;
	assert_int_equal(read_it(liar, UINT64_MAX, &heap), -ENODATA);
	heap_free(&heap);
	liar_free(liar);
}

static void pages_that_are_gone_read_as_nothing(void **state)
{
	struct liar *liar = liar_new();
	struct heap heap;

	(void)state;
	memset(liar->pages, 0xff, PAGES * PAGE);
	assert_int_equal(mprotect(liar->pages + 4 * PAGE, PAGE, PROT_NONE), 0);
	assert_int_equal(read_it(liar, UINT64_MAX, &heap), 0);
	assert_int_equal(heap.unreadable, PAGE / 4096);
	assert_int_equal(heap.spans.data[2].bytes[2 * PAGE - 1], 0xff);
	assert_int_equal(heap.spans.data[2].bytes[2 * PAGE], 0);
	assert_int_equal(heap.spans.data[2].bytes[3 * PAGE], 0xff);
	heap_free(&heap);
	liar_free(liar);
}

static int watch_it(const struct liar *liar, struct heap *heap, bool hot_only, uint64_t *touched,
		    uint64_t *changed)
{
	struct heap now = { 0 };
	struct heap_watch watch = { .target = &liar->target,
				    .heap = heap,
				    .spans = &now.spans,
				    .touched = touched,
				    .hot_only = hot_only };
	struct heap_lister *lister = heap_lister_new(&liar->target);
	int status;

	assert_non_null(lister);
	status = hot_only ? heap_list_news(lister, heap, &now) : heap_list(lister, &now);

	if (!status)
		status = heap_watch_run(&watch);
	*changed = watch.changed;
	heap_free(&now);
	heap_lister_free(lister);
	return status;
}

static void what_is_written_is_seen(void **state)
{
	struct liar *liar = liar_new();
	uint64_t *words = (uint64_t *)liar->pages, changed, *touched;
	uint64_t first = (uint64_t)liar->pages, second = first + PAGE + 96 * 2, third = first + 64;
	struct heap heap;

	(void)state;
	words[0] = third;
	assert_int_equal(read_it(liar, UINT64_MAX, &heap), 0);
	touched = calloc(heap.numbers / 64 + 1, sizeof(*touched));
	assert_non_null(touched);
	assert_int_equal(watch_it(liar, &heap, false, touched, &changed), 0);
	assert_int_equal(changed, 0);
	assert_int_equal(touched[0], 0);
	/* by the old value and by the new one */
	words[0] = second;
	assert_int_equal(watch_it(liar, &heap, false, touched, &changed), 0);
	assert_int_equal(changed, 1);
	assert_true(touched[0] >> heap_object(&heap, third) & 1);
	assert_true(touched[heap_object(&heap, second) / 64] >> heap_object(&heap, second) % 64 &
		    1);
	/* a span that was not there */
	make_span(liar, 4, 40, 1, 16, false);
	liar->mheap[1] = 5;
	((uint64_t *)(liar->pages + 40 * PAGE))[5] = first;
	assert_int_equal(watch_it(liar, &heap, true, touched, &changed), 0);
	assert_int_equal(changed, 1);
	assert_true(touched[0] & 1);
	free(touched);
	heap_free(&heap);
	liar_free(liar);
}

struct race {
	struct liar *liar;
	atomic_bool over;
};

/* Everything that a span says, all the time. */
static void *change_spans(void *arg)
{
	struct race *race = arg;
	unsigned seed = 1;

	while (!atomic_load(&race->over)) {
		size_t number = 4 + (unsigned)rand_r(&seed) % (SPANS - 4);
		uint64_t page = 16 + (unsigned)rand_r(&seed) % 128;
		uint64_t size = 8ULL << (unsigned)rand_r(&seed) % 12;

		make_span(race->liar, number, page, 1 + (unsigned)rand_r(&seed) % 8, size,
			  rand_r(&seed) % 2);
		race->liar->mheap[1] = 8 + (unsigned)rand_r(&seed) % (SPANS - 8);
	}
	return NULL;
}

static void a_heap_that_changes_all_the_time_does_no_harm(void **state)
{
	struct race race = { .liar = liar_new() };
	struct heap heap;
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, change_spans, &race), 0);
	for (int i = 0; i < 200; i++) {
		int status = read_it(race.liar, UINT64_MAX, &heap);

		assert_true(!status || status == -ENODATA);
		for (uint64_t page = 0; page < PAGES; page++)
			heap_object(&heap, (uint64_t)race.liar->pages + page * PAGE + page);
		heap_blank_write_buffers(&race.liar->target.layout, &heap);
		if (!status) {
			uint64_t *touched = calloc(heap.numbers / 64 + 1, sizeof(*touched));
			uint64_t changed;

			assert_non_null(touched);
			watch_it(race.liar, &heap, false, touched, &changed);
			free(touched);
		}
		heap_free(&heap);
	}
	atomic_store(&race.over, true);
	pthread_join(thread, NULL);
	liar_free(race.liar);
}

/* Lists of special records that lead in a circle, or nowhere. */
static void special_records_are_followed_only_so_far(void **state)
{
	struct liar *liar = liar_new();
	const struct layout *layout = &liar->target.layout;
	static uint8_t records[2][64];
	struct heap_roots roots = { 0 };
	uint64_t next = (uint64_t)records[1], object = 64;
	struct heap heap;

	(void)state;
	memset(records, 0, sizeof(records));
	memcpy(records[0] + layout->special_next, &next, 8);
	memcpy(records[0] + layout->special_offset, &object, 8);
	records[0][layout->special_kind] = layout->kind_finalizer;
	set(liar, 0, layout->mspan_specials, (uint64_t)records[0]);
	set(liar, 3, layout->mspan_specials, 4096);
	assert_int_equal(read_it(liar, UINT64_MAX, &heap), 0);
	assert_int_equal(heap_roots_specials(&liar->target, &heap, &heap.spans, &roots), 0);
	assert_true(roots.specials_cut);
	assert_int_equal(roots.areas.len, 1);
	assert_int_equal(*(const uint64_t *)roots.areas.data[0].bytes, (uint64_t)liar->pages + 64);
	heap_roots_free(&roots);
	next = (uint64_t)records[0];
	memcpy(records[1] + layout->special_next, &next, 8);
	assert_int_equal(heap_roots_specials(&liar->target, &heap, &heap.spans, &roots), 0);
	assert_true(roots.specials_cut);
	heap_roots_free(&roots);
	heap_free(&heap);
	liar_free(liar);
}

/* Blocks of finalizers that lead in a circle, or nowhere. */
static void queues_are_followed_only_so_far(void **state)
{
	struct liar *liar = liar_new();
	static uint64_t blocks[2][512], head;
	struct heap_roots roots = { 0 };

	(void)state;
	head = (uint64_t)blocks[0];
	liar->target.allfin = (uint64_t)&head;
	blocks[0][0] = (uint64_t)blocks[1];
	blocks[1][3] = 77;
	assert_int_equal(heap_roots_queues(&liar->target, &roots), 0);
	assert_false(roots.specials_cut);
	assert_int_equal(roots.areas.len, 2);
	assert_int_equal(((const uint64_t *)roots.areas.data[1].bytes)[3], 77);
	heap_roots_free(&roots);
	blocks[1][0] = (uint64_t)blocks[0];
	assert_int_equal(heap_roots_queues(&liar->target, &roots), 0);
	assert_true(roots.specials_cut);
	heap_roots_free(&roots);
	blocks[1][0] = 4096;
	assert_int_equal(heap_roots_queues(&liar->target, &roots), 0);
	assert_true(roots.specials_cut);
	heap_roots_free(&roots);
	liar->target.allfin = 0;
	assert_int_equal(heap_roots_queues(&liar->target, &roots), 0);
	assert_true(roots.specials_cut);
	heap_roots_free(&roots);
	liar_free(liar);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_can_hold_pointers_is_copied),
		cmocka_unit_test(spans_that_cannot_be_are_left_out),
		cmocka_unit_test(lists_that_cannot_be_are_no_heap),
		cmocka_unit_test(pages_that_are_gone_read_as_nothing),
		cmocka_unit_test(what_is_written_is_seen),
		cmocka_unit_test(a_heap_that_changes_all_the_time_does_no_harm),
		cmocka_unit_test(special_records_are_followed_only_so_far),
		cmocka_unit_test(queues_are_followed_only_so_far),
	};

	return cmocka_run_group_tests_name("heap", tests, NULL, NULL);
}
