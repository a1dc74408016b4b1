// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Special records hang on spans, a list each (runtime/mheap.go, special). What a record points at is a
 * root: a finalizer's or cleanup's function. So is the object of a finalizer, which it is called with,
 * and of a weak pointer, from which a strong one can be had. A sample of the memory profile keeps
 * nothing alive. The lists are followed side by side, a record a round.
 */
#include <errno.h>
#include <stdlib.h>

#include "collect/g_struct.h"
#include "collect/heap_roots.h"
#include "target/memory.h"

#define RECORD 56 /* bytes of the largest; what follows a shorter one is another record */
#define AT_ONCE 4096
#define ROUNDS_MAX (1 << 16)
#define TOTAL_MAX (1ULL << 26)

struct list {
	uint32_t span;
	uint64_t next;
};

struct walk {
	const struct target *target;
	const struct heap *heap;
	const heap_spans *spans; /* whose lists are followed */
	struct heap_roots *roots;
	VEC(struct list) lists; /* not at their ends */
	VEC(uint64_t) words;
	uint64_t seen;
};

static int keep_word(struct walk *walk, uint64_t word)
{
	uint64_t *slot = vec_push(&walk->words);

	if (!slot)
		return -ENOMEM;
	*slot = word;
	return 0;
}

static bool keeps_object(const struct layout *layout, uint8_t kind)
{
	if (layout->kind_finalizer == LAYOUT_ABSENT)
		return true;
	return kind == layout->kind_finalizer || kind == layout->kind_weak_handle ||
	       kind == layout->kind_pin_counter;
}

static int take_record(struct walk *walk, struct list *list, const uint8_t *record)
{
	const struct layout *layout = &walk->target->layout;
	const struct heap_span *span = &walk->spans->data[list->span];
	uint64_t offset = struct_word(record, layout->special_offset);
	int status = 0;

	/* 16 bits up to Go 1.23, then the kind follows right behind */
	if (layout->special_kind - layout->special_offset < sizeof(offset))
		offset &= (1ULL << 8 * (layout->special_kind - layout->special_offset)) - 1;
	list->next = struct_word(record, layout->special_next);
	if (offset >= span->limit - span->start)
		walk->roots->specials_cut = true;
	else if (keeps_object(layout, record[layout->special_kind]))
		status = keep_word(walk, span->start + offset);
	for (size_t at = 0; at + 8 <= RECORD && !status; at += 8)
		if (heap_span_at(walk->heap, struct_word(record, at)))
			status = keep_word(walk, struct_word(record, at));
	return status;
}

static int read_round(struct walk *walk, struct memory_piece *pieces, uint8_t *records,
		      struct memory_scratch *scratch)
{
	size_t kept = 0;

	for (size_t first = 0; first < walk->lists.len; first += AT_ONCE) {
		size_t left = walk->lists.len - first, count = left < AT_ONCE ? left : AT_ONCE;
		struct list *lists = walk->lists.data + first;
		int status;

		for (size_t i = 0; i < count; i++)
			pieces[i] = (struct memory_piece){ .addr = lists[i].next,
							   .to = records + i * RECORD,
							   .len = RECORD };
		status = memory_read_many_with(walk->target->pid, pieces, count, scratch);
		for (size_t i = 0; i < count && !status; i++) {
			struct list list = lists[i];

			if (!pieces[i].ok) {
				walk->roots->specials_cut = true;
				continue;
			}
			status = take_record(walk, &list, records + i * RECORD);
			if (list.next)
				walk->lists.data[kept++] = list;
		}
		if (status)
			return status;
		walk->seen += count;
	}
	walk->lists.len = kept;
	return 0;
}

static int list_spans(struct walk *walk)
{
	for (size_t i = 0; i < walk->spans->len; i++) {
		struct list *list;

		if (!walk->spans->data[i].specials)
			continue;
		list = vec_push(&walk->lists);
		if (!list)
			return -ENOMEM;
		*list = (struct list){ i, walk->spans->data[i].specials };
	}
	return 0;
}

static int hand_over(struct walk *walk)
{
	int status = heap_roots_add(walk->roots, (uint8_t *)walk->words.data, walk->words.len * 8);

	walk->words.data = NULL;
	walk->words.len = walk->words.cap = 0;
	return status;
}

int heap_roots_specials(const struct target *target, const struct heap *heap,
			const heap_spans *spans, struct heap_roots *roots)
{
	const struct layout *layout = &target->layout;
	struct walk walk = { .target = target, .heap = heap, .spans = spans, .roots = roots };
	struct memory_piece *pieces = malloc(AT_ONCE * sizeof(*pieces));
	struct memory_scratch *scratch = memory_scratch_new();
	uint8_t *records = malloc(AT_ONCE * RECORD);
	int status = pieces && scratch && records ? 0 : -ENOMEM;

	if (layout->special_next > RECORD - 8 || layout->special_offset > RECORD - 8 ||
	    layout->special_kind >= RECORD || layout->special_kind <= layout->special_offset)
		roots->specials_cut = true;
	else if (!status)
		status = list_spans(&walk);
	for (int round = 0; walk.lists.len && !status; round++) {
		if (round == ROUNDS_MAX || walk.seen > TOTAL_MAX) {
			roots->specials_cut = true;
			break;
		}
		status = read_round(&walk, pieces, records, scratch);
	}
	roots->special_count = walk.seen;
	if (!status && walk.words.len)
		status = hand_over(&walk);
	free(pieces);
	free(records);
	memory_scratch_free(scratch);
	vec_free(&walk.lists);
	vec_free(&walk.words);
	return status;
}
