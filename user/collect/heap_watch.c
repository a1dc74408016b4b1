// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "collect/heap_watch.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "collect/heap_copy.h"
#include "collect/heap_roots.h"

#define BUFFER (256ULL << 10) /* of a thread: what is read is compared while it is in the cache */
#define AT_ONCE HEAP_RUNS_MAX /* spans, or parts of one */
#define THREADS 2
#define PARTS_A_THREAD 1024 /* fewer are not worth one */

/* [addr, addr + len) of the target, and what it was; was NULL: it is new. */
struct part {
	uint64_t addr, len;
	uint8_t *was;
	const struct heap_span *span;
	struct heap_span *known; /* of the copy */
};

struct watching {
	struct heap_watch *watch;
	VEC(struct part) parts;
	pthread_mutex_t lock;
	size_t next; /* part that nobody compares yet */
	uint64_t changed, unreadable;
	int status;
};

void heap_touch(const struct heap *heap, uint64_t *touched, uint64_t word)
{
	uint64_t object = heap_object(heap, word), bit = 1ULL << object % 64;

	if (object != HEAP_NONE &&
	    !(__atomic_load_n(&touched[object / 64], __ATOMIC_RELAXED) & bit))
		__atomic_fetch_or(&touched[object / 64], bit, __ATOMIC_RELAXED);
}

void heap_touch_bytes(const struct heap *heap, uint64_t *touched, const uint8_t *bytes, size_t len)
{
	for (size_t at = 0; at + 8 <= len; at += 8) {
		uint64_t word;

		memcpy(&word, bytes + at, sizeof(word));
		heap_touch(heap, touched, word);
	}
}

static bool compare(const struct heap_watch *watch, const struct part *part, uint8_t *now)
{
	struct heap_span span = *part->span;

	/* as the copy was treated; a span of Ps is never in several parts */
	if (part->addr == span.start && part->len == span.limit - span.start) {
		span.bytes = now;
		heap_blank_span(&watch->target->layout, &span);
	}
	if (part->was && !memcmp(part->was, now, part->len))
		return false;
	if (part->known)
		__atomic_store_n(&part->known->hot, true, __ATOMIC_RELAXED);
	for (size_t at = 0; at + 8 <= part->len; at += 8) {
		uint64_t word, before;

		memcpy(&word, now + at, sizeof(word));
		if (part->was) {
			memcpy(&before, part->was + at, sizeof(before));
			if (before == word)
				continue;
			if (!watch->new_only)
				heap_touch(watch->heap, watch->touched, before);
		}
		heap_touch(watch->heap, watch->touched, word);
	}
	if (part->was)
		memcpy(part->was, now, part->len);
	return true;
}

/* As many parts as fit into the buffer. */
static size_t take(struct watching *watching, struct heap_run *runs, uint8_t *buffer)
{
	const struct part *parts = watching->parts.data + watching->next;
	size_t count = 0, left = watching->parts.len - watching->next;
	uint64_t used = 0;

	while (count < left && count < AT_ONCE && used + parts[count].len <= BUFFER) {
		runs[count] =
			(struct heap_run){ parts[count].addr, parts[count].len, buffer + used };
		used += parts[count++].len;
	}
	watching->next += count;
	return count;
}

static void compare_some(struct watching *watching, uint8_t *buffer)
{
	const struct heap_watch *watch = watching->watch;
	struct heap_run runs[AT_ONCE];

	pthread_mutex_lock(&watching->lock);
	while (watching->next < watching->parts.len && !watching->status) {
		const struct part *parts = watching->parts.data + watching->next;
		size_t count = take(watching, runs, buffer);
		uint64_t changed = 0, unreadable = 0;
		int status;

		pthread_mutex_unlock(&watching->lock);
		status = heap_copy_runs(watch->target->pid, runs, count, &unreadable);
		for (size_t i = 0; i < count && !status; i++)
			changed += compare(watch, &parts[i], runs[i].to);
		pthread_mutex_lock(&watching->lock);
		watching->changed += changed;
		watching->unreadable += unreadable;
		if (status)
			watching->status = status;
	}
	pthread_mutex_unlock(&watching->lock);
}

static void *compare_in_thread(void *arg)
{
	struct watching *watching = arg;
	uint8_t *buffer = malloc(BUFFER);

	/* without memory for it the other thread does it all */
	if (buffer)
		compare_some(watching, buffer);
	free(buffer);
	return NULL;
}

static int compare_all(struct watching *watching)
{
	uint8_t *buffer = malloc(BUFFER);
	pthread_t threads[THREADS - 1];
	size_t started = 0;

	if (!buffer)
		return -ENOMEM;
	while (watching->parts.len > PARTS_A_THREAD && started < THREADS - 1 &&
	       !pthread_create(&threads[started], NULL, compare_in_thread, watching))
		started++;
	compare_some(watching, buffer);
	for (size_t i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	free(buffer);
	return watching->status;
}

static int add(struct watching *watching, const struct heap_span *span, struct heap_span *known)
{
	uint64_t size = span->limit - span->start;
	uint8_t *was = known ? known->bytes : NULL;

	for (uint64_t at = 0; at < size;) {
		uint64_t len = size - at < BUFFER / 2 ? size - at : BUFFER / 2;
		struct part *part = vec_push(&watching->parts);

		if (!part)
			return -ENOMEM;
		*part = (struct part){ span->start + at, len, was ? was + at : NULL, span, known };
		at += len;
	}
	return 0;
}

/* The same span in the copy, or NULL. */
static struct heap_span *known_span(struct heap *heap, const struct heap_span *span)
{
	const struct heap_page *page = heap_page(heap, span->start);
	struct heap_span *known = page && page->span ? &heap->spans.data[page->span - 1] : NULL;

	return known && heap_is_same_span(known, span) ? known : NULL;
}

static int list_parts(struct watching *watching)
{
	const struct heap_watch *watch = watching->watch;
	int status = 0;

	for (size_t i = 0; i < watch->spans->len && !status; i++) {
		const struct heap_span *span = &watch->spans->data[i];
		struct heap_span *known;

		if (span->noscan)
			continue;
		known = known_span(watch->heap, span);
		if (!known || !watch->hot_only || known->hot)
			status = add(watching, span, known);
	}
	return status;
}

int heap_watch_run(struct heap_watch *watch)
{
	struct watching watching = { .watch = watch, .lock = PTHREAD_MUTEX_INITIALIZER };
	int status = list_parts(&watching);

	if (!status)
		status = compare_all(&watching);
	watch->changed = watching.changed;
	watch->unreadable = watching.unreadable;
	vec_free(&watching.parts);
	return status;
}
