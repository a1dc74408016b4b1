// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Each object is pushed once, when it is marked, so the work is bounded by the heap's size whatever
 * its words say. Objects too large for one go are pushed again with what is left of them.
 */
#include "collect/reach.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collect/addr_map.h"
#include "collect/g_struct.h"

#define CHUNK 4096ULL /* bytes of a large object that are scanned at once */
#define GATHERED 128  /* words that are looked up side by side */
#define AHEAD 16      /* objects whose memory is fetched before they are scanned */
#define NONE UINT32_MAX

/* Object number, or with a large object the number of the chunk. */
struct entry {
	uint32_t span, slot;
};

struct mark {
	struct reach *reach;
	const struct heap *heap;
	uint64_t lowest, size;               /* addresses of the heap: [lowest, lowest + size) */
	uint64_t *marked, *barred, *awaited; /* a bit for each object */
	VEC(struct entry) stack;
	struct entry ahead[AHEAD];
	unsigned ahead_count, ahead_next;
	uint64_t words[GATHERED]; /* in pages of the heap's arenas */
	unsigned gathered;
	struct addr_map waiters; /* first wait + 1 by object number + 1 */
	uint32_t *next_waiter;   /* by wait: another of the same object, or NONE */
	uint32_t *owners;        /* by wait: goroutine */
	VEC(uint32_t) awake;     /* goroutines whose stacks are to be scanned */
	bool no_memory;
};

static bool test(const uint64_t *bits, uint64_t number)
{
	return bits[number / 64] >> number % 64 & 1;
}

static void set(uint64_t *bits, uint64_t number)
{
	bits[number / 64] |= 1ULL << number % 64;
}

static void wake(struct mark *mark, uint32_t goroutine)
{
	uint32_t *slot;

	if (mark->reach->goroutines[goroutine].alive)
		return;
	mark->reach->goroutines[goroutine].alive = true;
	slot = vec_push(&mark->awake);
	if (slot)
		*slot = goroutine;
	else
		mark->no_memory = true;
}

static void wake_waiters(struct mark *mark, uint64_t object)
{
	const uint32_t *first = addr_map_get(&mark->waiters, object + 1);

	for (uint32_t wait = first ? *first - 1 : NONE; wait != NONE;
	     wait = mark->next_waiter[wait])
		wake(mark, mark->owners[wait]);
}

static bool is_large(const struct heap_span *span)
{
	return span->limit - span->start <= span->elem_size;
}

static void push(struct mark *mark, const struct heap_span *span, uint64_t slot)
{
	struct entry *entry = vec_push(&mark->stack);

	if (entry)
		*entry = (struct entry){ span - mark->heap->spans.data, slot };
	else
		mark->no_memory = true;
}

static void visit(struct mark *mark, const struct heap_span *span, uint64_t slot)
{
	uint64_t object = span->first_object + slot;

	if (test(mark->marked, object))
		return;
	set(mark->marked, object);
	mark->reach->marked++;
	if (test(mark->awaited, object))
		wake_waiters(mark, object);
	if (span->bytes && !test(mark->barred, object))
		push(mark, span, slot);
}

/*
 * The gathered words, step by step for all of them: what a step needs of the memory is asked for in
 * the step before, and comes while the others are looked at.
 */
static void visit_gathered(struct mark *mark)
{
	const struct heap_span *spans[GATHERED];
	uint64_t slots[GATHERED];
	unsigned count = 0;

	for (unsigned i = 0; i < mark->gathered; i++) {
		uint32_t number = *heap_page(mark->heap, mark->words[i]);

		if (!number)
			continue;
		spans[count] = &mark->heap->spans.data[number - 1];
		__builtin_prefetch(spans[count]);
		slots[count++] = mark->words[i];
	}
	mark->gathered = 0;
	for (unsigned i = 0; i < count; i++) {
		const struct heap_span *span = spans[i];

		if (slots[i] < span->start || slots[i] >= span->limit) {
			spans[i] = NULL;
			continue;
		}
		slots[i] = heap_slot(span, slots[i]);
		__builtin_prefetch(&mark->marked[(span->first_object + slots[i]) / 64], 1);
	}
	for (unsigned i = 0; i < count; i++)
		if (spans[i])
			visit(mark, spans[i], slots[i]);
}

static void scan_bytes(struct mark *mark, const uint8_t *bytes, size_t len)
{
	for (size_t at = 0; at + 8 <= len; at += 8) {
		const uint32_t *page;
		uint64_t word;

		memcpy(&word, bytes + at, sizeof(word));
		if (word - mark->lowest >= mark->size)
			continue;
		page = heap_page(mark->heap, word);
		if (!page)
			continue;
		__builtin_prefetch(page);
		mark->words[mark->gathered++] = word;
		if (mark->gathered == GATHERED)
			visit_gathered(mark);
	}
}

/* runtime2.go: the first field of a sudog is the goroutine that waits. */
static bool is_sudog(const struct mark *mark, const struct heap_span *span, const uint8_t *bytes)
{
	const struct layout *layout = mark->reach->layout;
	uint64_t size = layout->sudog_size, g, object;

	/* size classes are at most an eighth apart, and a few bytes when small */
	if (span->elem_size < size || span->elem_size > size + size / 8 + 32)
		return false;
	g = struct_word(bytes, layout->sudog_g);
	object = heap_object(mark->heap, g);
	return object != HEAP_NONE && test(mark->barred, object);
}

static void scan_entry(struct mark *mark, struct entry entry)
{
	const struct heap_span *span = &mark->heap->spans.data[entry.span];
	uint64_t at = entry.slot * (is_large(span) ? CHUNK : span->elem_size);
	uint64_t left = span->limit - span->start - at, len = span->elem_size;

	if (is_large(span)) {
		len = left < CHUNK ? left : CHUNK;
		if (left > CHUNK)
			push(mark, span, entry.slot + 1);
	} else if (is_sudog(mark, span, span->bytes + at)) {
		return;
	}
	scan_bytes(mark, span->bytes + at, len < left ? len : left);
}

static void fetch(const struct mark *mark, struct entry entry)
{
	const struct heap_span *span = &mark->heap->spans.data[entry.span];

	__builtin_prefetch(span->bytes + entry.slot * (is_large(span) ? CHUNK : span->elem_size));
}

/* A few objects stand in line between the stack and the scan, while their memory is fetched. */
static void drain(struct mark *mark)
{
	while (!mark->no_memory && (mark->stack.len || mark->ahead_count || mark->gathered)) {
		struct entry entry = mark->ahead[mark->ahead_next];
		bool full = mark->ahead_count == AHEAD;

		if (mark->stack.len) {
			unsigned last = (mark->ahead_next + mark->ahead_count) % AHEAD;

			mark->ahead[last] = mark->stack.data[--mark->stack.len];
			fetch(mark, mark->ahead[last]);
			if (!full) {
				mark->ahead_count++;
				continue;
			}
		} else if (mark->ahead_count) {
			mark->ahead_count--;
		} else {
			visit_gathered(mark);
			continue;
		}
		mark->ahead_next = (mark->ahead_next + 1) % AHEAD;
		scan_entry(mark, entry);
	}
}

/* What a goroutine alone leads to: deferred calls hang on its struct. */
static void scan_g(struct mark *mark, uint64_t g)
{
	const struct heap_span *span = heap_span_at(mark->heap, g);
	uint64_t offset;

	if (!span || !span->bytes)
		return;
	offset = g - span->start;
	if (span->limit - g >= mark->reach->layout->g_size)
		scan_bytes(mark, span->bytes + offset, mark->reach->layout->g_size);
}

static void scan_awake(struct mark *mark)
{
	while (mark->awake.len && !mark->no_memory) {
		while (mark->awake.len) {
			const struct reach_goroutine *goroutine =
				&mark->reach->goroutines[mark->awake.data[--mark->awake.len]];

			for (int i = 0; i < 2; i++)
				scan_bytes(mark, goroutine->stacks[i].bytes,
					   goroutine->stacks[i].len);
			scan_g(mark, goroutine->g);
		}
		drain(mark);
	}
}

static void bar_gs(struct mark *mark)
{
	for (size_t i = 0; i < mark->reach->g_count; i++) {
		uint64_t object = heap_object(mark->heap, mark->reach->gs[i]);

		if (object != HEAP_NONE)
			set(mark->barred, object);
	}
}

/* One wait of a goroutine: it stands in line with others that wait for the same object. */
static int add_wait(struct mark *mark, uint32_t goroutine, uint32_t wait)
{
	uint64_t object = heap_object(mark->heap, mark->reach->waits[wait]);
	uint32_t *slot;

	mark->owners[wait] = goroutine;
	mark->next_waiter[wait] = NONE;
	if (object == HEAP_NONE) {
		wake(mark, goroutine);
		return 0;
	}
	slot = addr_map_put(&mark->waiters, object + 1);
	if (!slot)
		return -ENOMEM;
	mark->next_waiter[wait] = *slot ? *slot - 1 : NONE;
	*slot = wait + 1;
	set(mark->awaited, object);
	return 0;
}

static int add_goroutines(struct mark *mark)
{
	struct reach *reach = mark->reach;

	for (size_t i = 0; i < reach->goroutine_count; i++) {
		struct reach_goroutine *goroutine = &reach->goroutines[i];

		goroutine->alive = false;
		if (goroutine->role == REACH_ROOT ||
		    (goroutine->role == REACH_WAITS && !goroutine->wait_count))
			wake(mark, i);
		for (uint32_t j = 0; j < goroutine->wait_count && goroutine->role == REACH_WAITS;
		     j++) {
			uint32_t wait = goroutine->first_wait + j;

			if (wait >= reach->wait_count)
				break;
			if (add_wait(mark, i, wait))
				return -ENOMEM;
		}
	}
	return 0;
}

static void visit_touched(struct mark *mark)
{
	const uint64_t *touched = mark->reach->touched;

	for (size_t i = 0; touched && i < mark->heap->spans.len; i++) {
		const struct heap_span *span = &mark->heap->spans.data[i];
		uint64_t count =
			(span->limit - span->start + span->elem_size - 1) / span->elem_size;

		for (uint64_t slot = 0; slot < count; slot++) {
			uint64_t object = span->first_object + slot;

			if (object % 64 == 0 && !touched[object / 64] && count - slot >= 64)
				slot += 63;
			else if (test(touched, object))
				visit(mark, span, slot);
		}
	}
}

static int mark_open(struct mark *mark, struct reach *reach)
{
	const struct heap *heap = reach->heap;
	size_t words = heap->objects / 64 + 1;

	*mark = (struct mark){ .reach = reach, .heap = heap };
	if (heap->spans.len) {
		mark->lowest = heap->spans.data[0].start;
		mark->size = heap->spans.data[heap->spans.len - 1].limit - mark->lowest;
	}
	mark->marked = calloc(words, sizeof(*mark->marked));
	mark->barred = calloc(words, sizeof(*mark->barred));
	mark->awaited = calloc(words, sizeof(*mark->awaited));
	mark->next_waiter = calloc(reach->wait_count + 1, sizeof(*mark->next_waiter));
	mark->owners = calloc(reach->wait_count + 1, sizeof(*mark->owners));
	return mark->marked && mark->barred && mark->awaited && mark->next_waiter && mark->owners ?
		       0 :
		       -ENOMEM;
}

static void mark_close(struct mark *mark)
{
	free(mark->marked);
	free(mark->barred);
	free(mark->awaited);
	free(mark->next_waiter);
	free(mark->owners);
	vec_free(&mark->stack);
	vec_free(&mark->awake);
	addr_map_free(&mark->waiters);
}

int reach_run(struct reach *reach)
{
	struct mark mark;
	int status = mark_open(&mark, reach);

	reach->marked = 0;
	if (!status) {
		bar_gs(&mark);
		status = add_goroutines(&mark);
	}
	for (size_t i = 0; i < reach->root_count && !status; i++) {
		scan_bytes(&mark, reach->roots[i].bytes, reach->roots[i].len);
	}
	if (!status) {
		visit_touched(&mark);
		drain(&mark);
		scan_awake(&mark);
		status = mark.no_memory ? -ENOMEM : 0;
	}
	mark_close(&mark);
	return status;
}
