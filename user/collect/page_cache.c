// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "collect/page_cache.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "target/memory.h"

#define PAGE 4096

struct page {
	uint64_t addr;
	bool readable;
	uint8_t *bytes;
	UT_hash_handle hh;
};

struct page_cache {
	pid_t pid;
	size_t room;
	struct page *pages, *last;
};

struct page_cache *page_cache_new(pid_t pid, size_t most)
{
	struct page_cache *cache = calloc(1, sizeof(*cache));

	if (!cache)
		return NULL;
	cache->pid = pid;
	cache->room = most;
	return cache;
}

void page_cache_free(struct page_cache *cache)
{
	struct page *page, *next;

	if (!cache)
		return;
	HASH_ITER(hh, cache->pages, page, next) {
		HASH_DEL(cache->pages, page);
		free(page->bytes);
		free(page);
	}
	free(cache);
}

static struct page *read_page(struct page_cache *cache, uint64_t addr)
{
	struct page *page;

	if (!cache->room)
		return NULL;
	page = calloc(1, sizeof(*page));
	if (!page)
		return NULL;
	cache->room--;
	page->addr = addr;
	page->bytes = malloc(PAGE);
	page->readable = page->bytes && !memory_read(cache->pid, addr, page->bytes, PAGE);
	if (!page->readable) {
		free(page->bytes);
		page->bytes = NULL;
	}
	HASH_ADD(hh, cache->pages, addr, sizeof(page->addr), page);
	return page;
}

bool page_cache_word(struct page_cache *cache, uint64_t addr, uint64_t *word)
{
	uint64_t start = addr & ~(uint64_t)(PAGE - 1);
	struct page *page = cache->last;

	if (addr % sizeof(*word))
		return false;
	if (!page || page->addr != start) {
		HASH_FIND(hh, cache->pages, &start, sizeof(start), page);
		if (!page)
			page = read_page(cache, start);
		if (!page)
			return false;
		cache->last = page;
	}
	if (!page->readable)
		return false;
	memcpy(word, page->bytes + (addr - start), sizeof(*word));
	return true;
}
