// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Open addressing, at most half full. */
#include "collect/addr_map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_FIRST 64

struct addr_slot {
	uint64_t addr; /* 0: empty */
	uint32_t value;
};

static struct addr_slot *slot_of(const struct addr_map *map, uint64_t addr)
{
	size_t at = (addr * 0x9e3779b97f4a7c15ULL) >> 32 & map->mask;

	while (map->slots[at].addr && map->slots[at].addr != addr)
		at = (at + 1) & map->mask;
	return &map->slots[at];
}

uint32_t *addr_map_get(const struct addr_map *map, uint64_t addr)
{
	struct addr_slot *slot;

	if (!map->slots || !addr)
		return NULL;
	slot = slot_of(map, addr);
	return slot->addr ? &slot->value : NULL;
}

static int grow(struct addr_map *map)
{
	size_t count = map->slots ? (map->mask + 1) * 2 : SLOTS_FIRST;
	struct addr_map grown = { .slots = calloc(count, sizeof(*map->slots)),
				  .mask = count - 1,
				  .used = map->used };

	if (!grown.slots)
		return -1;
	for (size_t i = 0; map->slots && i <= map->mask; i++)
		if (map->slots[i].addr)
			*slot_of(&grown, map->slots[i].addr) = map->slots[i];
	free(map->slots);
	*map = grown;
	return 0;
}

uint32_t *addr_map_put(struct addr_map *map, uint64_t addr)
{
	struct addr_slot *slot;

	if ((!map->slots || map->used * 2 > map->mask) && grow(map))
		return NULL;
	slot = slot_of(map, addr);
	map->used += !slot->addr;
	slot->addr = addr;
	return &slot->value;
}

int addr_map_set(struct addr_map *map, uint64_t addr, uint32_t value)
{
	uint32_t *slot = addr_map_put(map, addr);

	if (!slot)
		return -ENOMEM;
	*slot = value;
	return 0;
}

void addr_map_free(struct addr_map *map)
{
	free(map->slots);
	memset(map, 0, sizeof(*map));
}
