// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "collect/heap_roots.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collect/g_struct.h"
#include "target/memory.h"

#define MODULES_MAX 256
#define GLOBALS_MAX (1ULL << 32) /* bytes of one section */

int heap_roots_add(struct heap_roots *roots, uint8_t *block, size_t len)
{
	uint8_t **slot = vec_push(&roots->blocks);
	struct heap_bytes *area;

	if (!slot) {
		free(block);
		return -ENOMEM;
	}
	*slot = block;
	area = vec_push(&roots->areas);
	if (!area)
		return -ENOMEM;
	*area = (struct heap_bytes){ block, len };
	return 0;
}

void heap_roots_free(struct heap_roots *roots)
{
	for (size_t i = 0; i < roots->blocks.len; i++)
		free(roots->blocks.data[i]);
	vec_free(&roots->blocks);
	vec_free(&roots->areas);
	memset(roots, 0, sizeof(*roots));
}

/* The part of [addr, addr + len) that lies in the block becomes 0. */
static void blank(uint8_t *block, uint64_t start, uint64_t end, uint64_t addr, uint64_t len)
{
	uint64_t from = addr < start ? start : addr;
	uint64_t to = addr + len > end ? end : addr + len;

	if (from < to)
		memset(block + (from - start), 0, to - from);
}

/*
 * The semaphores' table leads from any waiter to all others (runtime/sema.go), and the heap's own
 * bookkeeping is no user of objects.
 */
void heap_roots_blank(const struct target *target, uint8_t *block, uint64_t start, uint64_t len)
{
	if (target->semtable)
		blank(block, start, start + len, target->semtable,
		      (uint64_t)LAYOUT_SEMA_ROOTS * LAYOUT_SEMA_ROOT_STRIDE);
	if (target->mheap && target->layout.mheap_size != LAYOUT_ABSENT)
		blank(block, start, start + len, target->mheap, target->layout.mheap_size);
}

static int add_section(const struct target *target, uint64_t start, uint64_t end,
		       struct heap_roots *roots)
{
	uint8_t *block;
	int status;

	start = (start + 7) & ~7ULL;
	if (start >= end)
		return 0;
	if (end - start > GLOBALS_MAX)
		return -ENODATA;
	block = malloc(end - start);
	if (!block)
		return -ENOMEM;
	status = memory_read(target->pid, start, block, end - start);
	if (status) {
		free(block);
		return status == -EFAULT ? -ENODATA : status;
	}
	heap_roots_blank(target, block, start, end - start);
	roots->globals_bytes += end - start;
	return heap_roots_add(roots, block, end - start);
}

/* The executable, and each plugin. */
int heap_roots_globals(const struct target *target, struct heap_roots *roots)
{
	const struct layout *layout = &target->layout;
	uint64_t module = target->moduledata;
	uint8_t bytes[LAYOUT_STRUCT_MAX];
	int status = 0;

	if (layout->moduledata_data == LAYOUT_ABSENT || layout->moduledata_edata == LAYOUT_ABSENT ||
	    layout->moduledata_bss == LAYOUT_ABSENT || layout->moduledata_ebss == LAYOUT_ABSENT ||
	    layout->moduledata_next == LAYOUT_ABSENT)
		return -ENODATA;
	for (int i = 0; module && !status; i++) {
		if (i == MODULES_MAX)
			return -ENODATA;
		status = memory_read(target->pid, module, bytes, layout->moduledata_size);
		if (status)
			return status == -EFAULT ? -ENODATA : status;
		status = add_section(target, struct_word(bytes, layout->moduledata_data),
				     struct_word(bytes, layout->moduledata_edata), roots);
		if (!status)
			status = add_section(target, struct_word(bytes, layout->moduledata_bss),
					     struct_word(bytes, layout->moduledata_ebss), roots);
		module = struct_word(bytes, layout->moduledata_next);
	}
	return status;
}

int heap_roots_read(const struct target *target, const struct heap *heap, const heap_spans *spans,
		    uint64_t foreign_max, struct heap_roots *roots)
{
	int status = heap_roots_globals(target, roots);

	if (!status)
		status = heap_roots_specials(target, heap, spans, roots);
	/* what was taken out of the records meanwhile is here */
	if (!status)
		status = heap_roots_queues(target, roots);
	if (!status && target->cgo)
		status = heap_roots_foreign(target, heap, foreign_max, roots);
	return status;
}

/* A P's buffer begins with where it goes on and where it ends: two addresses in the P itself. */
static bool is_p(const struct layout *layout, const uint8_t *bytes, uint64_t addr)
{
	uint64_t buffer = addr + layout->p_wbbuf;
	uint64_t next = struct_word(bytes, layout->p_wbbuf);
	uint64_t end = struct_word(bytes, layout->p_wbbuf + 8);

	return next > buffer && next <= end && end <= buffer + layout->wbbuf_size;
}

/* A P begins where its object does, or from Go 1.22 on behind the word that names its type. */
static void blank_buffer(const struct layout *layout, struct heap_span *span, uint64_t at)
{
	for (uint64_t header = 0; header <= 8; header += 8) {
		uint8_t *bytes = span->bytes + at + header;

		if (layout->p_size + header <= span->elem_size &&
		    is_p(layout, bytes, span->start + at + header))
			memset(bytes + layout->p_wbbuf, 0, layout->wbbuf_size);
	}
}

void heap_blank_span(const struct layout *layout, struct heap_span *span)
{
	uint64_t size = layout->p_size;

	if (!span->bytes || layout->p_wbbuf == LAYOUT_ABSENT ||
	    layout->wbbuf_size == LAYOUT_ABSENT || size == LAYOUT_ABSENT ||
	    layout->p_wbbuf + (uint64_t)layout->wbbuf_size > size || span->elem_size < size ||
	    span->elem_size > size * 2)
		return;
	for (uint64_t at = 0; at + span->elem_size <= span->limit - span->start;
	     at += span->elem_size)
		blank_buffer(layout, span, at);
}

void heap_blank_write_buffers(const struct layout *layout, struct heap *heap)
{
	for (size_t i = 0; i < heap->spans.len; i++)
		heap_blank_span(layout, &heap->spans.data[i]);
}
