// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "collect/heap_watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collect/heap_roots.h"
#include "target/memory.h"

#define BUFFER (2ULL << 20)
#define AT_ONCE 256 /* spans, or parts of one */

/* [addr, addr + len) of the target, and what it was; was NULL: it is new. */
struct part {
	uint64_t addr, len;
	uint8_t *was;
	const struct heap_span *span;
	struct heap_span *known; /* of the copy */
};

struct watch {
	const struct target *target;
	struct heap *heap;
	uint64_t *touched;
	bool hot_only;
	uint64_t changed;
	uint8_t *buffer;
	struct memory_scratch *scratch;
	struct part parts[AT_ONCE];
	struct memory_piece pieces[AT_ONCE];
	size_t count;
	uint64_t bytes;
};

void heap_touch(const struct heap *heap, uint64_t *touched, uint64_t word)
{
	uint64_t object = heap_object(heap, word);

	if (object != HEAP_NONE)
		touched[object / 64] |= 1ULL << object % 64;
}

void heap_touch_bytes(const struct heap *heap, uint64_t *touched, const uint8_t *bytes, size_t len)
{
	for (size_t at = 0; at + 8 <= len; at += 8) {
		uint64_t word;

		memcpy(&word, bytes + at, sizeof(word));
		heap_touch(heap, touched, word);
	}
}

static void compare(struct watch *watch, const struct part *part, uint8_t *now)
{
	struct heap_span span = *part->span;

	/* as the copy was treated; a span of Ps is never in several parts */
	if (part->addr == span.start && part->len == span.limit - span.start) {
		span.bytes = now;
		heap_blank_span(&watch->target->layout, &span);
	}
	if (part->was && !memcmp(part->was, now, part->len))
		return;
	watch->changed++;
	if (part->known)
		part->known->hot = true;
	for (size_t at = 0; at + 8 <= part->len; at += 8) {
		uint64_t word, before;

		memcpy(&word, now + at, sizeof(word));
		if (part->was) {
			memcpy(&before, part->was + at, sizeof(before));
			if (before == word)
				continue;
			heap_touch(watch->heap, watch->touched, before);
		}
		heap_touch(watch->heap, watch->touched, word);
	}
	if (part->was)
		memcpy(part->was, now, part->len);
}

static int flush(struct watch *watch)
{
	uint8_t *to = watch->buffer;
	int status;

	for (size_t i = 0; i < watch->count; i++) {
		watch->pieces[i] = (struct memory_piece){ .addr = watch->parts[i].addr,
							  .to = to,
							  .len = watch->parts[i].len };
		to += (watch->parts[i].len + 7) & ~7ULL;
	}
	status = memory_read_many_with(watch->target->pid, watch->pieces, watch->count,
				       watch->scratch);
	for (size_t i = 0; i < watch->count && !status; i++)
		if (watch->pieces[i].ok)
			compare(watch, &watch->parts[i], watch->pieces[i].to);
	watch->count = 0;
	watch->bytes = 0;
	return status;
}

static int add(struct watch *watch, const struct heap_span *span, struct heap_span *known)
{
	uint64_t size = span->limit - span->start;
	uint8_t *was = known ? known->bytes : NULL;

	for (uint64_t at = 0; at < size;) {
		uint64_t len = size - at < BUFFER / 2 ? size - at : BUFFER / 2;

		if (watch->count == AT_ONCE || watch->bytes + len + 8 > BUFFER) {
			int status = flush(watch);

			if (status)
				return status;
		}
		watch->parts[watch->count++] =
			(struct part){ span->start + at, len, was ? was + at : NULL, span, known };
		watch->bytes += (len + 7) & ~7ULL;
		at += len;
	}
	return 0;
}

static int compare_all(struct watch *watch, const struct heap *now)
{
	size_t old = 0;
	int status = 0;

	for (size_t i = 0; i < now->spans.len && !status; i++) {
		const struct heap_span *span = &now->spans.data[i];
		struct heap_span *known = NULL;

		if (span->noscan)
			continue;
		while (old < watch->heap->spans.len &&
		       watch->heap->spans.data[old].start < span->start)
			old++;
		if (old < watch->heap->spans.len)
			known = &watch->heap->spans.data[old];
		if (!known || !heap_is_same_span(known, span))
			status = add(watch, span, NULL);
		else if (!watch->hot_only || known->hot)
			status = add(watch, span, known);
	}
	return status ? status : flush(watch);
}

int heap_watch(const struct target *target, struct heap *heap, bool hot_only, uint64_t *touched,
	       uint64_t *changed)
{
	struct watch *watch = calloc(1, sizeof(*watch));
	struct heap now = { 0 };
	int status = heap_list(target, &now);

	if (!watch) {
		heap_free(&now);
		return -ENOMEM;
	}
	watch->target = target;
	watch->heap = heap;
	watch->touched = touched;
	watch->hot_only = hot_only;
	watch->buffer = malloc(BUFFER);
	watch->scratch = memory_scratch_new();
	if (!watch->buffer || !watch->scratch)
		status = -ENOMEM;
	if (!status)
		status = compare_all(watch, &now);
	*changed = watch->changed;
	free(watch->buffer);
	memory_scratch_free(watch->scratch);
	free(watch);
	heap_free(&now);
	return status;
}
