// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Most words lead to objects that are marked already, and nearly each to memory that is in no cache. So
 * words are looked up side by side: what a step needs is asked for in the step before, and comes while
 * the others are looked at; a span is looked at only for an object that is new.
 */
#include "collect/reach_mark.h"

#include <stdlib.h>
#include <string.h>

#include "collect/g_struct.h"

#define CHUNK 4096ULL /* bytes of a large object that are scanned at once */
#define GATHERED 256  /* words that are looked up side by side */
#define AT_A_TIME 4   /* words that are read without a look at how many there are */
#define AHEAD 32      /* objects whose memory is fetched before they are scanned: */
#define CACHE_LINE 64 /* two of these, which bring the others */
#define GIVE_MIN 256  /* entries; who has fewer gives nothing away */
#define GIVE_MAX 1024
#define BYTES_A_WORKER (16ULL << 20) /* of the heap: less is not worth one */

struct mark_worker {
	struct mark *mark;
	const struct heap *heap;
	pthread_t thread;
	bool started;
	mark_entries stack;
	struct mark_entry ahead[AHEAD];
	unsigned ahead_count, ahead_next;
	uint64_t words[GATHERED + AT_A_TIME]; /* in the range of the heap's addresses */
	unsigned gathered;
	VEC(uint32_t) awake; /* goroutines whose stacks are to be scanned */
	uint64_t marked;     /* objects */
};

static void out_of_memory(struct mark *mark)
{
	__atomic_store_n(&mark->no_memory, true, __ATOMIC_RELAXED);
}

static bool is_over(const struct mark *mark)
{
	return __atomic_load_n(&mark->no_memory, __ATOMIC_RELAXED);
}

void mark_wake(struct mark_worker *worker, uint32_t goroutine)
{
	uint32_t *slot;

	if (__atomic_exchange_n(&worker->mark->reach->goroutines[goroutine].alive, true,
				__ATOMIC_RELAXED))
		return;
	slot = vec_push(&worker->awake);
	if (slot)
		*slot = goroutine;
	else
		out_of_memory(worker->mark);
}

static void wake_waiters(struct mark_worker *worker, uint64_t object)
{
	const struct mark *mark = worker->mark;
	const uint32_t *first = addr_map_get(&mark->waiters, object + 1);

	for (uint32_t wait = first ? *first - 1 : MARK_NONE; wait != MARK_NONE;
	     wait = mark->next_waiter[wait])
		mark_wake(worker, mark->owners[wait]);
}

static bool is_large(const struct heap_span *span)
{
	return span->limit - span->start <= span->elem_size;
}

static void push(struct mark_worker *worker, const struct heap_span *span, uint64_t slot)
{
	struct mark_entry *entry = vec_push(&worker->stack);

	if (entry)
		*entry = (struct mark_entry){ span - worker->heap->spans.data, slot };
	else
		out_of_memory(worker->mark);
}

void mark_object(struct mark_worker *worker, const struct heap_span *span, uint64_t slot)
{
	struct mark *mark = worker->mark;
	uint64_t object = span->first_object + slot;

	if (!mark_set_bit(mark->marked, object))
		return;
	worker->marked++;
	if (mark_bit(mark->awaited, object))
		wake_waiters(worker, object);
	if (span->bytes && !mark_bit(mark->barred, object))
		push(worker, span, slot);
}

/* Of an address, what the next step needs of it. */
struct place {
	uint64_t addr, object;
	const struct heap_page *page;
};

static unsigned find_pages(const struct mark_worker *worker, struct place *places)
{
	unsigned count = 0;

	for (unsigned i = 0; i < worker->gathered; i++) {
		const struct heap_page *page = heap_page(worker->heap, worker->words[i]);

		if (!page)
			continue;
		__builtin_prefetch(page);
		places[count].addr = worker->words[i];
		places[count++].page = page;
	}
	return count;
}

static void find_objects(const struct mark_worker *worker, struct place *places, unsigned count)
{
	const uint64_t *marked = worker->mark->marked;

	for (unsigned i = 0; i < count; i++) {
		places[i].object = heap_page_object(places[i].page, places[i].addr);
		__builtin_prefetch(&marked[places[i].object / 64], 1);
	}
}

static unsigned keep_new(const struct mark_worker *worker, struct place *places, unsigned count)
{
	const struct mark *mark = worker->mark;
	unsigned kept = 0;

	for (unsigned i = 0; i < count; i++) {
		if (!places[i].page->span || mark_bit(mark->marked, places[i].object))
			continue;
		__builtin_prefetch(&worker->heap->spans.data[places[i].page->span - 1]);
		places[kept++] = places[i];
	}
	return kept;
}

static void visit_gathered(struct mark_worker *worker)
{
	struct place places[GATHERED + AT_A_TIME];
	unsigned count = find_pages(worker, places);

	worker->gathered = 0;
	find_objects(worker, places, count);
	count = keep_new(worker, places, count);
	for (unsigned i = 0; i < count; i++) {
		const struct heap_span *span = &worker->heap->spans.data[places[i].page->span - 1];

		if (places[i].addr < span->limit)
			mark_object(worker, span, places[i].object - span->first_object);
	}
}

void mark_bytes(struct mark_worker *worker, struct heap_bytes from)
{
	const uint64_t lowest = worker->mark->lowest, size = worker->mark->size;
	const uint8_t *bytes = from.bytes, *end = from.bytes + (from.len & ~7ULL);

	while (bytes < end) {
		uint64_t left = (uint64_t)(end - bytes) / 8;
		uint64_t *words = worker->words + worker->gathered;

		/* no branch a word: most heaps are a colourful mixture */
		for (uint64_t i = 0; i < AT_A_TIME && i < left; i++, bytes += 8) {
			memcpy(words, bytes, sizeof(*words));
			words += *words - lowest < size;
		}
		worker->gathered = words - worker->words;
		if (worker->gathered >= GATHERED)
			visit_gathered(worker);
	}
}

/* runtime2.go: the first field of a sudog is the goroutine that waits. */
static bool is_sudog(const struct mark_worker *worker, const struct heap_span *span,
		     const uint8_t *bytes)
{
	const struct layout *layout = worker->mark->reach->layout;
	uint64_t size = layout->sudog_size, g, object;

	/* size classes are at most an eighth apart, and a few bytes when small */
	if (span->elem_size < size || span->elem_size > size + size / 8 + 32)
		return false;
	g = struct_word(bytes, layout->sudog_g);
	object = heap_object(worker->heap, g);
	return object != HEAP_NONE && mark_bit(worker->mark->barred, object);
}

static void scan_entry(struct mark_worker *worker, struct mark_entry entry)
{
	const struct heap_span *span = &worker->heap->spans.data[entry.span];
	uint64_t at = entry.slot * (is_large(span) ? CHUNK : span->elem_size);
	uint64_t left = span->limit - span->start - at, len = span->elem_size;

	if (is_large(span)) {
		len = left < CHUNK ? left : CHUNK;
		if (left > CHUNK)
			push(worker, span, entry.slot + 1);
	} else if (is_sudog(worker, span, span->bytes + at)) {
		return;
	}
	mark_bytes(worker, (struct heap_bytes){ span->bytes + at, len < left ? len : left });
}

static void fetch(const struct mark_worker *worker, struct mark_entry entry)
{
	const struct heap_span *span = &worker->heap->spans.data[entry.span];

	const uint8_t *bytes =
		span->bytes + entry.slot * (is_large(span) ? CHUNK : span->elem_size);

	__builtin_prefetch(bytes);
	if (span->elem_size > CACHE_LINE)
		__builtin_prefetch(bytes + CACHE_LINE);
}

static bool give_to_others(struct mark *mark, const struct mark_entry *entries, size_t count)
{
	bool done = true;

	pthread_mutex_lock(&mark->lock);
	for (size_t i = 0; i < count && done; i++) {
		struct mark_entry *slot = vec_push(&mark->given);

		done = slot;
		if (slot)
			*slot = entries[i];
	}
	pthread_cond_broadcast(&mark->more);
	pthread_mutex_unlock(&mark->lock);
	return done;
}

/* The oldest of its entries, which likely lead to most. */
static void give(struct mark_worker *worker)
{
	mark_entries *stack = &worker->stack;
	size_t count = stack->len / 2 < GIVE_MAX ? stack->len / 2 : GIVE_MAX;

	if (!give_to_others(worker->mark, stack->data, count)) {
		out_of_memory(worker->mark);
		return;
	}
	/* the order does not matter */
	memcpy(stack->data, stack->data + stack->len - count, count * sizeof(*stack->data));
	stack->len -= count;
}

/* Nothing is left to do: what others give, or false when nobody has anything. */
static bool take(struct mark_worker *worker)
{
	struct mark *mark = worker->mark;
	size_t taken = 0;

	pthread_mutex_lock(&mark->lock);
	__atomic_add_fetch(&mark->idle, 1, __ATOMIC_RELAXED);
	while (!mark->given.len && mark->idle < mark->working && !is_over(mark))
		pthread_cond_wait(&mark->more, &mark->lock);
	for (; mark->given.len && taken < GIVE_MAX; taken++) {
		struct mark_entry *slot = vec_push(&worker->stack);

		if (!slot) {
			out_of_memory(mark);
			break;
		}
		*slot = mark->given.data[--mark->given.len];
	}
	if (taken)
		__atomic_sub_fetch(&mark->idle, 1, __ATOMIC_RELAXED);
	else
		pthread_cond_broadcast(&mark->more);
	pthread_mutex_unlock(&mark->lock);
	return taken;
}

/* A few objects stand in line between the stack and the scan, while their memory is fetched. */
static void drain(struct mark_worker *worker)
{
	while (!is_over(worker->mark) &&
	       (worker->stack.len || worker->ahead_count || worker->gathered)) {
		struct mark_entry entry = worker->ahead[worker->ahead_next];
		bool full = worker->ahead_count == AHEAD;

		if (worker->stack.len) {
			unsigned last = (worker->ahead_next + worker->ahead_count) % AHEAD;

			worker->ahead[last] = worker->stack.data[--worker->stack.len];
			fetch(worker, worker->ahead[last]);
			if (!full) {
				worker->ahead_count++;
				continue;
			}
		} else if (worker->ahead_count) {
			worker->ahead_count--;
		} else {
			visit_gathered(worker);
			continue;
		}
		worker->ahead_next = (worker->ahead_next + 1) % AHEAD;
		scan_entry(worker, entry);
		if (worker->stack.len >= GIVE_MIN &&
		    __atomic_load_n(&worker->mark->idle, __ATOMIC_RELAXED))
			give(worker);
	}
}

/* What a goroutine alone leads to: deferred calls hang on its struct. */
static void scan_g(struct mark_worker *worker, uint64_t g)
{
	const struct heap_span *span = heap_span_at(worker->heap, g);
	uint64_t size = worker->mark->reach->layout->g_size;

	if (span && span->bytes && span->limit - g >= size)
		mark_bytes(worker, (struct heap_bytes){ span->bytes + (g - span->start), size });
}

static void scan_awake(struct mark_worker *worker)
{
	const struct reach *reach = worker->mark->reach;

	while (worker->awake.len && !is_over(worker->mark)) {
		const struct reach_goroutine *goroutine =
			&reach->goroutines[worker->awake.data[--worker->awake.len]];

		mark_bytes(worker, goroutine->stacks[0]);
		mark_bytes(worker, goroutine->stacks[1]);
		scan_g(worker, goroutine->g);
	}
}

static void *work(void *arg)
{
	struct mark_worker *worker = arg;

	do {
		do {
			drain(worker);
			scan_awake(worker);
		} while (!is_over(worker->mark) && (worker->stack.len || worker->gathered));
	} while (take(worker));
	return NULL;
}

static struct mark_worker *worker_at(struct mark *mark, unsigned number)
{
	struct mark_worker **worker = &mark->workers[number];

	if (!*worker)
		*worker = calloc(1, sizeof(**worker));
	if (*worker) {
		(*worker)->mark = mark;
		(*worker)->heap = mark->reach->heap;
		(*worker)->started = false;
	}
	return *worker;
}

struct mark_worker *mark_first_worker(struct mark *mark)
{
	return worker_at(mark, 0);
}

static unsigned workers_for(const struct reach *reach)
{
	if (reach->workers)
		return reach->workers < MARK_WORKERS_MAX ? reach->workers : MARK_WORKERS_MAX;
	return reach->heap->scan_bytes < BYTES_A_WORKER ? 1 : MARK_WORKERS_MAX;
}

void mark_run(struct mark *mark)
{
	unsigned wanted = workers_for(mark->reach);

	mark->idle = 0;
	mark->working = 1;
	for (unsigned i = 1; i < wanted && worker_at(mark, i); i++)
		mark->working++;
	for (unsigned i = 1; i < mark->working; i++) {
		struct mark_worker *worker = mark->workers[i];

		worker->started = !pthread_create(&worker->thread, NULL, work, worker);
		if (worker->started)
			continue;
		pthread_mutex_lock(&mark->lock);
		__atomic_add_fetch(&mark->idle, 1, __ATOMIC_RELAXED);
		pthread_mutex_unlock(&mark->lock);
	}
	work(mark->workers[0]);
	for (unsigned i = 1; i < mark->working; i++)
		if (mark->workers[i]->started)
			pthread_join(mark->workers[i]->thread, NULL);
	for (unsigned i = 0; i < mark->working; i++) {
		mark->reach->marked += mark->workers[i]->marked;
		mark->workers[i]->marked = 0;
	}
}

void mark_workers_free(struct mark *mark)
{
	for (unsigned i = 0; i < MARK_WORKERS_MAX; i++) {
		if (!mark->workers[i])
			continue;
		vec_free(&mark->workers[i]->stack);
		vec_free(&mark->workers[i]->awake);
		free(mark->workers[i]);
	}
}
