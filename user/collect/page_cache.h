/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Words of the target's memory, read a page at a time and remembered for one look at it. */
#ifndef COLLECT_PAGE_CACHE_H
#define COLLECT_PAGE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct page_cache;

/* Keeps `most` pages at most; what lies on others cannot be read. NULL: no memory. */
struct page_cache *page_cache_new(pid_t pid, size_t most);
void page_cache_free(struct page_cache *cache);

/* The aligned word at `addr`; false: not mapped, or too many pages. */
bool page_cache_word(struct page_cache *cache, uint64_t addr, uint64_t *word);

#endif
