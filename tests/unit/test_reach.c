// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The mark on heaps made up here: by hand, and by chance against a slow and simple one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "collect/reach.h"

#define BASE 0xc000000000ULL
#define PAGE (1ULL << HEAP_PAGE_SHIFT)
#define SUDOG_SIZE 96
#define G_SIZE 448
#define SPANS_MAX 16

/* A heap in the making: a span a page, each of objects of one size. */
struct world {
	struct heap heap;
	uint8_t *memory; /* SPANS_MAX pages, at BASE */
	struct layout layout;
	struct reach_goroutine goroutines[64];
	size_t goroutine_count;
	uint64_t waits[256];
	size_t wait_count;
	uint64_t gs[64];
	size_t g_count;
	struct heap_bytes roots[8];
	size_t root_count;
	unsigned workers;
};

static struct world *world_new(void)
{
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	world->memory = calloc(SPANS_MAX, PAGE);
	assert_non_null(world->memory);
	world->layout.sudog_size = SUDOG_SIZE;
	world->layout.sudog_g = 0;
	world->layout.g_size = G_SIZE;
	return world;
}

static void world_free(struct world *world)
{
	heap_free(&world->heap);
	free(world->memory);
	free(world);
}

/* Returns the address of its first object. */
static uint64_t add_span(struct world *world, uint64_t size, bool noscan)
{
	size_t number = world->heap.spans.len;
	struct heap_span *span = vec_push(&world->heap.spans);

	assert_non_null(span);
	assert_true(number < SPANS_MAX);
	span->start = BASE + number * PAGE;
	span->limit = span->start + PAGE / size * size;
	span->elem_size = size;
	span->noscan = noscan;
	span->bytes = noscan ? NULL : world->memory + number * PAGE;
	return span->start;
}

static void put(struct world *world, uint64_t addr, uint64_t word)
{
	memcpy(world->memory + (addr - BASE), &word, sizeof(word));
}

static size_t add_goroutine(struct world *world, enum reach_role role, uint64_t wait,
			    const uint64_t *stack, size_t words)
{
	struct reach_goroutine *goroutine = &world->goroutines[world->goroutine_count];

	goroutine->role = role;
	goroutine->stacks[0] = (struct heap_bytes){ (const uint8_t *)stack, words * 8 };
	goroutine->first_wait = world->wait_count;
	if (wait) {
		world->waits[world->wait_count++] = wait;
		goroutine->wait_count = 1;
	}
	return world->goroutine_count++;
}

static void add_root(struct world *world, const uint64_t *words, size_t count)
{
	world->roots[world->root_count++] =
		(struct heap_bytes){ (const uint8_t *)words, count * 8 };
}

static uint64_t run(struct world *world)
{
	struct reach reach = {
		.heap = &world->heap,
		.layout = &world->layout,
		.gs = world->gs,
		.g_count = world->g_count,
		.roots = world->roots,
		.root_count = world->root_count,
		.goroutines = world->goroutines,
		.goroutine_count = world->goroutine_count,
		.waits = world->waits,
		.wait_count = world->wait_count,
		.workers = world->workers,
	};

	if (!world->heap.arenas)
		assert_int_equal(heap_index(&world->heap), 0);
	assert_int_equal(reach_run(&reach), 0);
	reach_free(&reach);
	return reach.marked;
}

static void a_global_keeps_a_waiter_alive(void **state)
{
	struct world *world = world_new();
	uint64_t objects = add_span(world, 32, false), chans = add_span(world, 96, true);
	uint64_t global[] = { 1, objects + 32 * 3 + 8 };
	size_t alive, leaked;

	(void)state;
	/* an address inside of an object leads to it; one object leads to the next */
	put(world, objects + 32 * 3 + 16, objects + 32 * 5);
	put(world, objects + 32 * 5 + 24, chans + 96 * 2 + 8);
	add_root(world, global, 2);
	alive = add_goroutine(world, REACH_WAITS, chans + 96 * 2, NULL, 0);
	leaked = add_goroutine(world, REACH_WAITS, chans + 96 * 3, NULL, 0);
	assert_int_equal(run(world), 3);
	assert_true(world->goroutines[alive].alive);
	assert_false(world->goroutines[leaked].alive);
	world_free(world);
}

static void the_stacks_of_live_ones_are_roots(void **state)
{
	struct world *world = world_new();
	uint64_t chans = add_span(world, 96, true);
	uint64_t first[] = { chans }, second[] = { 0, chans + 96 }, own[] = { chans + 192 };
	size_t runs, next, last, lonely;

	(void)state;
	/* in the order in which they are found, not in that in which they stand */
	last = add_goroutine(world, REACH_WAITS, chans + 96, NULL, 0);
	next = add_goroutine(world, REACH_WAITS, chans, second, 2);
	lonely = add_goroutine(world, REACH_WAITS, chans + 192, own, 1);
	runs = add_goroutine(world, REACH_ROOT, 0, first, 1);
	run(world);
	assert_true(world->goroutines[runs].alive);
	assert_true(world->goroutines[next].alive);
	assert_true(world->goroutines[last].alive);
	assert_false(world->goroutines[lonely].alive);
	world_free(world);
}

static void what_is_not_in_the_heap_is_alive(void **state)
{
	struct world *world = world_new();
	uint64_t chans = add_span(world, 96, true);
	size_t global, behind, nothing, never;

	(void)state;
	global = add_goroutine(world, REACH_WAITS, 0x5000, NULL, 0);
	/* the page goes on behind the last object */
	behind = add_goroutine(world, REACH_WAITS, chans + PAGE / 96 * 96, NULL, 0);
	nothing = add_goroutine(world, REACH_WAITS, 0, NULL, 0);
	never = add_goroutine(world, REACH_NEVER, 0, NULL, 0);
	run(world);
	assert_true(world->goroutines[global].alive);
	assert_true(world->goroutines[behind].alive);
	assert_true(world->goroutines[nothing].alive);
	assert_false(world->goroutines[never].alive);
	world_free(world);
}

static void one_case_of_a_select_is_enough(void **state)
{
	struct world *world = world_new();
	uint64_t chans = add_span(world, 96, true), global[] = { chans + 192 };
	size_t some, none;

	(void)state;
	some = add_goroutine(world, REACH_WAITS, chans, NULL, 0);
	world->waits[world->wait_count++] = chans + 96;
	world->waits[world->wait_count++] = chans + 192;
	world->goroutines[some].wait_count = 3;
	none = add_goroutine(world, REACH_WAITS, chans, NULL, 0);
	world->waits[world->wait_count++] = chans + 96;
	world->goroutines[none].wait_count = 2;
	add_root(world, global, 1);
	run(world);
	assert_true(world->goroutines[some].alive);
	assert_false(world->goroutines[none].alive);
	world_free(world);
}

/* Else each waiter would lead to its own channel, and to those of all others. */
static void gs_and_sudogs_are_not_followed(void **state)
{
	struct world *world = world_new();
	uint64_t gs = add_span(world, G_SIZE, false), sudogs = add_span(world, 96, false);
	uint64_t chans = add_span(world, 96, true), global[] = { gs, sudogs, gs + G_SIZE };
	size_t by_g, by_sudog, deferred;

	(void)state;
	world->gs[0] = gs;
	world->gs[1] = gs + G_SIZE;
	world->g_count = 2;
	put(world, gs + 40, chans);
	put(world, sudogs, gs);
	put(world, sudogs + 80, chans + 96);
	/* but what hangs on the struct of a live one alone is found: a deferred call */
	put(world, gs + G_SIZE + 64, chans + 192);
	add_root(world, global, 3);
	by_g = add_goroutine(world, REACH_WAITS, chans, NULL, 0);
	world->goroutines[by_g].g = gs;
	by_sudog = add_goroutine(world, REACH_WAITS, chans + 96, NULL, 0);
	deferred = add_goroutine(world, REACH_WAITS, chans + 192, NULL, 0);
	world->goroutines[add_goroutine(world, REACH_ROOT, 0, NULL, 0)].g = gs + G_SIZE;
	run(world);
	assert_false(world->goroutines[by_g].alive);
	assert_false(world->goroutines[by_sudog].alive);
	assert_true(world->goroutines[deferred].alive);
	world_free(world);
}

static void cycles_end(void **state)
{
	struct world *world = world_new();
	uint64_t objects = add_span(world, 16, false), global[] = { objects };

	(void)state;
	for (uint64_t i = 0; i < PAGE / 16; i++) {
		put(world, objects + 16 * i, objects + 16 * ((i + 1) % (PAGE / 16)));
		put(world, objects + 16 * i + 8, objects + 16 * i);
	}
	add_root(world, global, 1);
	assert_int_equal(run(world), PAGE / 16);
	world_free(world);
}

static void large_objects_are_scanned_to_their_end(void **state)
{
	struct world *world = world_new();
	uint64_t large = add_span(world, PAGE, false), chans = add_span(world, 96, true);
	uint64_t global[] = { large + 4000 };
	size_t last;

	(void)state;
	put(world, large + PAGE - 8, chans);
	add_root(world, global, 1);
	last = add_goroutine(world, REACH_WAITS, chans, NULL, 0);
	run(world);
	assert_true(world->goroutines[last].alive);
	world_free(world);
}

static void waits_that_are_not_there_are_left_out(void **state)
{
	struct world *world = world_new();
	uint64_t chans = add_span(world, 96, true);
	size_t odd = add_goroutine(world, REACH_WAITS, chans, NULL, 0);

	(void)state;
	world->goroutines[odd].wait_count = UINT32_MAX - 1;
	run(world);
	assert_false(world->goroutines[odd].alive);
	world_free(world);
}

static void spans_that_overlap_count_once(void **state)
{
	struct world *world = world_new();

	(void)state;
	add_span(world, 32, false);
	add_span(world, 64, false);
	world->heap.spans.data[1].start = BASE + 4096;
	assert_int_equal(heap_index(&world->heap), 0);
	assert_int_equal(world->heap.spans.len, 1);
	assert_int_equal(world->heap.odd, 1);
	assert_true(heap_object(&world->heap, BASE + PAGE) == HEAP_NONE);
	assert_true(heap_object(&world->heap, UINT64_MAX) == HEAP_NONE);
	world_free(world);
}

/* What is seen later is followed from where the mark has come to. */
static void a_mark_goes_on(void **state)
{
	struct world *world = world_new();
	uint64_t span = add_span(world, 64, false), touched[4] = { 0 };
	size_t first = add_goroutine(world, REACH_WAITS, span, NULL, 0);
	size_t second = add_goroutine(world, REACH_WAITS, span + 64, NULL, 0);
	size_t third = add_goroutine(world, REACH_WAITS, span + 128, (uint64_t[]){ span + 64 }, 1);
	struct reach reach = {
		.heap = &world->heap,
		.layout = &world->layout,
		.goroutines = world->goroutines,
		.goroutine_count = world->goroutine_count,
		.waits = world->waits,
		.wait_count = world->wait_count,
		.touched = touched,
	};

	(void)state;
	put(world, span + 192, span);
	assert_int_equal(heap_index(&world->heap), 0);
	assert_int_equal(reach_run(&reach), 0);
	assert_int_equal(reach.marked, 0);
	touched[0] = 1 << 3;
	assert_int_equal(reach_run(&reach), 0);
	assert_int_equal(reach.marked, 2);
	assert_true(world->goroutines[first].alive);
	assert_false(world->goroutines[second].alive);
	touched[0] = 0;
	world->goroutines[third].role = REACH_ROOT;
	assert_int_equal(reach_run(&reach), 0);
	assert_int_equal(reach.marked, 3);
	assert_true(world->goroutines[second].alive);
	reach_free(&reach);
	world_free(world);
}

/* Lists of lists: enough for two workers to give each other some. */
static void two_workers_find_what_one_finds(void **state)
{
	struct world *world = world_new();
	uint64_t first = add_span(world, 8, false), root = first, marked;

	(void)state;
	for (size_t i = 1; i < SPANS_MAX; i++)
		add_span(world, i % 2 ? 4096 : 16, false);
	srand(2);
	for (uint64_t at = 0; at < SPANS_MAX * PAGE; at += 8)
		put(world, BASE + at, BASE + (uint64_t)rand() % (SPANS_MAX * PAGE));
	add_root(world, &root, 1);
	world->workers = 1;
	marked = run(world);
	assert_true(marked > 1000);
	world->workers = 2;
	for (int i = 0; i < 50; i++)
		assert_int_equal(run(world), marked);
	world_free(world);
}

static void an_empty_heap_keeps_nothing(void **state)
{
	struct world *world = world_new();
	size_t waits = add_goroutine(world, REACH_WAITS, BASE, NULL, 0);

	(void)state;
	run(world);
	assert_true(world->goroutines[waits].alive);
	world_free(world);
}

/* Which object has each address: by dividing, for every size there is. */
static void objects_are_told_apart(void **state)
{
	(void)state;
	for (uint64_t size = 8; size <= PAGE; size += 8) {
		struct heap heap = { 0 };
		struct heap_span *span = vec_push(&heap.spans);

		assert_non_null(span);
		span->start = BASE;
		span->limit = BASE + 10 * PAGE / size * size;
		span->elem_size = size;
		assert_int_equal(heap_index(&heap), 0);
		for (uint64_t at = 0; at < span->limit - BASE; at += 4)
			assert_int_equal(heap_object(&heap, BASE + at), at / size);
		assert_true(heap_object(&heap, span->limit) == HEAP_NONE);
		heap_free(&heap);
	}
}

/* The same by going over everything again and again until nothing changes. */
struct slow {
	const struct world *world;
	bool marked[SPANS_MAX * PAGE / 8];
	bool changed;
};

static void slow_word(struct slow *slow, uint64_t word)
{
	uint64_t object = heap_object(&slow->world->heap, word);

	if (object == HEAP_NONE || slow->marked[object])
		return;
	slow->marked[object] = slow->changed = true;
}

static void slow_bytes(struct slow *slow, struct heap_bytes bytes)
{
	for (size_t at = 0; at + 8 <= bytes.len; at += 8) {
		uint64_t word;

		memcpy(&word, bytes.bytes + at, sizeof(word));
		slow_word(slow, word);
	}
}

static bool slow_bars(const struct slow *slow, uint64_t addr, const uint8_t *bytes, uint64_t size)
{
	const struct world *world = slow->world;
	uint64_t first;

	memcpy(&first, bytes, sizeof(first));
	for (size_t i = 0; i < world->g_count; i++) {
		uint64_t g = heap_object(&world->heap, world->gs[i]);

		if (g == heap_object(&world->heap, addr) ||
		    (size == SUDOG_SIZE && g == heap_object(&world->heap, first)))
			return true;
	}
	return false;
}

static void slow_objects(struct slow *slow)
{
	const struct heap *heap = &slow->world->heap;

	for (size_t i = 0; i < heap->spans.len; i++) {
		const struct heap_span *span = &heap->spans.data[i];

		for (uint64_t at = 0; at < span->limit - span->start && span->bytes;
		     at += span->elem_size) {
			uint64_t object = span->first_object + at / span->elem_size;

			if (slow->marked[object] &&
			    !slow_bars(slow, span->start + at, span->bytes + at, span->elem_size))
				slow_bytes(slow, (struct heap_bytes){ span->bytes + at,
								      span->elem_size });
		}
	}
}

static void slow_run(struct slow *slow, bool *alive)
{
	const struct world *world = slow->world;

	do {
		slow->changed = false;
		for (size_t i = 0; i < world->root_count; i++)
			slow_bytes(slow, world->roots[i]);
		slow_objects(slow);
		for (size_t i = 0; i < world->goroutine_count; i++) {
			const struct reach_goroutine *goroutine = &world->goroutines[i];
			bool lives = goroutine->role == REACH_ROOT;

			for (uint32_t j = 0; j < goroutine->wait_count; j++) {
				uint64_t object = heap_object(
					&world->heap, world->waits[goroutine->first_wait + j]);

				lives = lives || object == HEAP_NONE || slow->marked[object];
			}
			slow->changed = slow->changed || lives != alive[i];
			alive[i] = lives;
			if (!lives)
				continue;
			slow_bytes(slow, goroutine->stacks[0]);
			if (goroutine->g)
				slow_bytes(slow,
					   (struct heap_bytes){
						   world->memory + (goroutine->g - BASE), G_SIZE });
		}
	} while (slow->changed);
}

static uint64_t random_below(uint64_t limit)
{
	return (uint64_t)rand() % limit;
}

/* Mostly nothing, some addresses, now and then a lie. */
static uint64_t random_word(uint64_t span_count)
{
	switch (random_below(60)) {
	case 0:
		return (uint64_t)rand() << 32 | (uint64_t)rand();
	case 1:
		return BASE + random_below((span_count + 2) * PAGE);
	default:
		return random_below(50) ? 0 : BASE + random_below(span_count) * PAGE;
	}
}

static void chance_finds_no_difference(void **state)
{
	static const uint64_t sizes[] = { 8, 16, 32, SUDOG_SIZE, 112, G_SIZE, 2048, PAGE };
	static struct slow slow;

	(void)state;
	srand(1);
	for (int round = 0; round < 60; round++) {
		struct world *world = world_new();
		uint64_t stacks[32][8], global[4];
		bool alive[64] = { false };
		size_t spans = 3 + random_below(SPANS_MAX - 3);

		memset(&slow, 0, sizeof(slow));
		slow.world = world;
		world->workers = 1 + round % 2;
		add_span(world, G_SIZE, false);
		for (size_t i = 1; i < spans; i++)
			add_span(world, sizes[random_below(8)], random_below(4) == 0);
		for (uint64_t at = 0; at < spans * PAGE; at += 8)
			put(world, BASE + at, random_word(spans));
		for (int i = 0; i < 4; i++)
			global[i] = random_word(spans);
		add_root(world, global, 4);
		for (size_t i = 0; i < 16; i++)
			world->gs[world->g_count++] = BASE + i * G_SIZE;
		for (size_t i = 0; i < 32; i++) {
			for (int j = 0; j < 8; j++)
				stacks[i][j] = random_word(spans);
			add_goroutine(world, random_below(8) ? REACH_WAITS : REACH_ROOT,
				      BASE + random_below(spans * PAGE), stacks[i], 8);
			world->goroutines[i].g = i < 16 ? world->gs[i] : 0;
		}
		run(world);
		slow_run(&slow, alive);
		for (size_t i = 0; i < world->goroutine_count; i++)
			assert_int_equal(world->goroutines[i].alive, alive[i]);
		world_free(world);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_global_keeps_a_waiter_alive),
		cmocka_unit_test(the_stacks_of_live_ones_are_roots),
		cmocka_unit_test(what_is_not_in_the_heap_is_alive),
		cmocka_unit_test(one_case_of_a_select_is_enough),
		cmocka_unit_test(gs_and_sudogs_are_not_followed),
		cmocka_unit_test(cycles_end),
		cmocka_unit_test(large_objects_are_scanned_to_their_end),
		cmocka_unit_test(waits_that_are_not_there_are_left_out),
		cmocka_unit_test(spans_that_overlap_count_once),
		cmocka_unit_test(a_mark_goes_on),
		cmocka_unit_test(two_workers_find_what_one_finds),
		cmocka_unit_test(an_empty_heap_keeps_nothing),
		cmocka_unit_test(objects_are_told_apart),
		cmocka_unit_test(chance_finds_no_difference),
	};

	return cmocka_run_group_tests_name("reach", tests, NULL, NULL);
}
