/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A small number for each address of the target: a million of them are looked up in a snapshot. */
#ifndef COLLECT_ADDR_MAP_H
#define COLLECT_ADDR_MAP_H

#include <stddef.h>
#include <stdint.h>

/* Zero-initialised: empty. */
struct addr_map {
	struct addr_slot *slots;
	size_t mask, used;
};

/* NULL: not there. Good until the next addr_map_put. */
uint32_t *addr_map_get(const struct addr_map *map, uint64_t addr);
/* The value of the address, 0 when it is new. NULL: no memory. `addr` is not 0. */
uint32_t *addr_map_put(struct addr_map *map, uint64_t addr);
int addr_map_set(struct addr_map *map, uint64_t addr, uint32_t value); /* 0 or -ENOMEM */
void addr_map_free(struct addr_map *map);

#endif
