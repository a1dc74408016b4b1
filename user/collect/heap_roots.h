/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where a mark of the heap begins, goroutines aside: global variables of every module, what finalizers,
 * cleanups and other special records hold, also while they wait for their turn, and with cgo the memory of C.
 */
#ifndef COLLECT_HEAP_ROOTS_H
#define COLLECT_HEAP_ROOTS_H

#include "collect/heap.h"

struct heap_roots {
	VEC(struct heap_bytes) areas;
	VEC(uint8_t *) blocks; /* what the areas are in */
	uint64_t globals_bytes, foreign_bytes;
	uint64_t special_count;
	bool foreign_cut;  /* there is more memory of C than was read */
	bool specials_cut; /* a list of special records or queue could not be followed to its end */
};

/*
 * *roots is zero-initialised; free it also after an error. `foreign_max`: bytes of C's memory that are
 * read at most; `spans` are the heap's, or those that it has by now. 0; -ENODATA: the program's global variables were not found; -ENOMEM; -ESRCH, -EPERM.
 */
int heap_roots_read(const struct target *target, const struct heap *heap, const heap_spans *spans,
		    uint64_t foreign_max, struct heap_roots *roots);
void heap_roots_free(struct heap_roots *roots);

/*
 * Every P has a buffer of pointers that its write barriers came by (runtime/mwbbuf.go), which the
 * garbage collector takes for numbers: in the copy they become 0.
 */
void heap_blank_write_buffers(const struct layout *layout, struct heap *heap);
void heap_blank_span(const struct layout *layout, struct heap_span *span); /* of one span */

/* Parts of heap_roots_read. */
int heap_roots_add(struct heap_roots *roots, uint8_t *block, size_t len); /* takes the block */
/* Takes out of a copy of [start, start + len) what must not lead anywhere. */
void heap_roots_blank(const struct target *target, uint8_t *block, uint64_t start, uint64_t len);
int heap_roots_globals(const struct target *target, struct heap_roots *roots);
int heap_roots_specials(const struct target *target, const struct heap *heap,
			const heap_spans *spans, struct heap_roots *roots);
int heap_roots_queues(const struct target *target, struct heap_roots *roots);
int heap_roots_foreign(const struct target *target, const struct heap *heap, uint64_t max,
		       struct heap_roots *roots);

#endif
