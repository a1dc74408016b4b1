/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The spans of the target's heap, without what is in them: runtime/mheap.go, mheap_.allspans. */
#ifndef COLLECT_HEAP_LIST_H
#define COLLECT_HEAP_LIST_H

#include "collect/heap.h"

/* Its buffers are kept from one list to the next. NULL: no memory. */
struct heap_lister *heap_lister_new(const struct target *target);
void heap_lister_free(struct heap_lister *lister);

/*
 * Into heap->spans, ascending; nothing is copied, and there is no index. 0; -ENODATA: the list is not known of
 * this program, or makes no sense; -ENOMEM; -ESRCH, -EPERM.
 */
int heap_list(struct heap_lister *lister, struct heap *heap);
/*
 * Only what can hold pointers that are not in the copy `known`: spans that are not there like that, and those
 * that have changed before.
 */
int heap_list_news(struct heap_lister *lister, const struct heap *known, struct heap *heap);

/* Ascending by start; of two that overlap one was read while it changed: that is left out, and counted. 0, -ENOMEM. */
int heap_sort_spans(heap_spans *spans, uint64_t *odd);

#endif
