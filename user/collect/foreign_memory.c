// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * With cgo, C may know Go objects: what it can write to is a root, too. That is every writable private
 * mapping, but not the Go heap and not where the runtime keeps its records of spans, which name each
 * object that there is. The executable's own variables are read once more, for C's are among them. Of a
 * mapping only the pages are read that have ever been written.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collect/heap_roots.h"
#include "target/memory.h"
#include "target/proc.h"

#define PAGE 4096ULL
#define PAGES_AT_ONCE 4096
#define IN_MEMORY                                                                                  \
	(1ULL << 63 | 1ULL << 62) /* Documentation/admin-guide/mm/pagemap.rst: or swapped */
#define METADATA_SHIFT 16

struct foreign {
	const struct target *target;
	const struct heap *heap;
	struct heap_roots *roots;
	uint64_t max;
	int pagemap;
};

static bool has_metadata(const struct heap *heap, const struct proc_map *map)
{
	size_t low = 0, high = heap->metadata.len;

	/* the first block that ends behind the mapping's start */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if ((heap->metadata.data[middle] + 1) << METADATA_SHIFT > map->start)
			high = middle;
		else
			low = middle + 1;
	}
	return low < heap->metadata.len && heap->metadata.data[low] << METADATA_SHIFT < map->end;
}

static bool is_go_heap(const struct heap *heap, const struct proc_map *map)
{
	uint64_t first = map->start >> HEAP_ARENA_SHIFT, last = (map->end - 1) >> HEAP_ARENA_SHIFT;

	if (last < heap->first_arena || first >= heap->first_arena + heap->arena_count)
		return false;
	if (first < heap->first_arena)
		first = heap->first_arena;
	for (uint64_t arena = first; arena <= last && arena < heap->first_arena + heap->arena_count;
	     arena++)
		if (heap->arenas[arena - heap->first_arena])
			return true;
	return false;
}

static bool is_foreign(const struct foreign *foreign, const struct proc_map *map)
{
	return map->readable && map->writable && map->end > map->start &&
	       map->end < 1ULL << HEAP_ADDRESS_BITS && strncmp(map->path, "[anon: Go:", 10) &&
	       strncmp(map->path, "[v", 2) && !is_go_heap(foreign->heap, map) &&
	       !has_metadata(foreign->heap, map);
}

static int read_run(struct foreign *foreign, uint64_t start, uint64_t len)
{
	struct heap_roots *roots = foreign->roots;
	uint8_t *block;
	int status;

	if (len > foreign->max - roots->foreign_bytes) {
		roots->foreign_cut = true;
		return 0;
	}
	block = malloc(len);
	if (!block)
		return -ENOMEM;
	status = memory_read(foreign->target->pid, start, block, len);
	if (status) {
		/* it went away, or is a device's */
		free(block);
		return status == -EFAULT ? 0 : status;
	}
	roots->foreign_bytes += len;
	heap_roots_blank(foreign->target, block, start, len);
	return heap_roots_add(roots, block, len);
}

static int read_map(struct foreign *foreign, const struct proc_map *map)
{
	uint64_t entries[PAGES_AT_ONCE], at = map->start;
	int status = 0;

	while (at < map->end && !status && !foreign->roots->foreign_cut) {
		uint64_t pages = (map->end - at) / PAGE, run = 0;
		size_t count = pages < PAGES_AT_ONCE ? pages : PAGES_AT_ONCE;
		ssize_t got = pread(foreign->pagemap, entries, count * 8, (off_t)(at / PAGE * 8));

		if (got < 8) {
			foreign->roots->foreign_cut = true;
			return 0;
		}
		count = (size_t)got / 8;
		for (size_t i = 0; i <= count && !status; i++) {
			if (i < count && (entries[i] & IN_MEMORY)) {
				run++;
				continue;
			}
			if (run)
				status = read_run(foreign, at + (i - run) * PAGE, run * PAGE);
			run = 0;
		}
		at += count * PAGE;
	}
	return status;
}

int heap_roots_foreign(const struct target *target, const struct heap *heap, uint64_t max,
		       struct heap_roots *roots)
{
	struct foreign foreign = { .target = target, .heap = heap, .roots = roots, .max = max };
	proc_maps maps = { 0 };
	char path[64];
	int status = 0;

	snprintf(path, sizeof(path), "/proc/%d/pagemap", (int)target->pid);
	foreign.pagemap = open(path, O_RDONLY | O_CLOEXEC);
	if (foreign.pagemap < 0 || proc_read_maps(target->pid, &maps, NULL))
		roots->foreign_cut = true;
	for (size_t i = 0; i < maps.len && !status && !roots->foreign_cut; i++)
		if (is_foreign(&foreign, &maps.data[i]))
			status = read_map(&foreign, &maps.data[i]);
	vec_free(&maps);
	if (foreign.pagemap >= 0)
		close(foreign.pagemap);
	return status;
}
