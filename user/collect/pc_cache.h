/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the unwinder needs of a pc, remembered: a million stacks are made of few pcs. Direct-mapped:
 * an entry is overwritten by the next pc that falls on it.
 */
#ifndef COLLECT_PC_CACHE_H
#define COLLECT_PC_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "target/target.h"

struct pc_info {
	uint64_t pc;
	int32_t frame_size; /* stack pointer to return address, bytes; -1: unknown */
	bool known;         /* pc is in a Go function */
	bool is_entry;
	bool top_frame; /* the goroutine's first function: nothing called it */
	bool writes_sp; /* assembly that switches stacks: the table cannot say where its caller is */
	bool injects_call; /* sigpanic and its like: its caller was interrupted, it did not call */
	bool in_runtime;   /* of package runtime */
	/* A goroutine that starts in this function belongs to the runtime; of the finalizers' and
	   cleanups' only while it runs nobody else's code. */
	bool system_start, system_when_idle;
};

struct pc_cache;

struct pc_cache *pc_cache_new(void); /* NULL: no memory */
void pc_cache_free(struct pc_cache *cache);

/* Good until the next call. */
const struct pc_info *pc_cache_look_up(struct pc_cache *cache, const struct target *target,
				       uint64_t pc);

#endif
