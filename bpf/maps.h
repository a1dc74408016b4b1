/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The maps that the probe families share. Defined in every object, and weak, so that linking the
 * objects leaves one of each. Sizes are set before loading; hash entries take memory when used.
 */
#ifndef BPF_MAPS_H
#define BPF_MAPS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "conctrace_abi.h"

enum mark_kind { MARK_PANIC = 1, MARK_ASSIST, MARK_SLEEP, MARK_TICKER, MARK_WORLD, MARK_GC };

struct mark_key {
	ct_u64 of; /* address of the g or timer; 0: there is one only */
	ct_u64 kind;
};

struct mark {
	ct_u64 ns, value;
	ct_u64 type; /* of a panic's value */
	ct_u32 site;
	ct_u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 262144);
	__type(key, ct_u64);
	__type(value, struct ct_task);
} tasks __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, struct ct_site_key);
	__type(value, ct_u32);
} site_index __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 16384);
	__type(key, ct_u32);
	__type(value, struct ct_site);
} sites __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, struct ct_object_key);
	__type(value, struct ct_object);
} objects __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, ct_u64);
	__type(value, struct ct_chan_ops);
} chan_ops __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, struct ct_object_key);
	__type(value, struct ct_release);
} releases __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, ct_u64);
	__type(value, struct ct_spawn);
} spawns __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, struct ct_wake_key);
	__type(value, struct ct_wake);
} wakes __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, ct_u64);
	__type(value, struct ct_queue);
} queues __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, ct_u64);
	__type(value, struct ct_turn);
} turns __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, struct ct_tally_key);
	__type(value, struct ct_tally);
} tallies __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 4096);
	__type(key, struct ct_panic_key);
	__type(value, struct ct_panic);
} panics __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, ct_u64);
	__type(value, struct ct_cancel);
} cancels __weak SEC(".maps");

/* What a goroutine, an M or a timer did last: of use to the program only. The key says what it is. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct mark_key);
	__type(value, struct mark);
} marks __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, ct_u32);
	__type(value, struct ct_counters);
} counters __weak SEC(".maps");

/* Wakes user space when a window's limit is reached; carries no data. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} alarm __weak SEC(".maps");

/* What happens one by one; a page unless asked for, and then user space looks in time by itself. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} timeline __weak SEC(".maps");

const volatile struct ct_config config __weak = {};
volatile struct ct_window window __weak = {};

/* What new entries are made of: on the stack it would be written again for every hit. */
const struct {
	ct_u64 words[64];
} zeros __weak = {};

static __always_inline ct_u32 own_stripe(void)
{
	return bpf_get_smp_processor_id() & (config.stripes - 1);
}

/* Where this CPU counts for a site. NULL: CT_NO_SITE. */
static __always_inline struct ct_site *counts_of_site(ct_u32 index)
{
	ct_u32 row = index + own_stripe() * config.max_sites;

	return index ? bpf_map_lookup_elem(&sites, &row) : 0;
}

/* Atomic although per CPU: a program can be preempted by one of another thread. */
static __always_inline void count_by(enum ct_counter which, ct_u64 much)
{
	ct_u32 only = 0;
	struct ct_counters *all = bpf_map_lookup_elem(&counters, &only);

	if (all)
		__sync_fetch_and_add(&all->n[which], much);
}

static __always_inline void count(enum ct_counter which)
{
	count_by(which, 1);
}

/* Something happened, which stands for as many as the window's weight. */
static __always_inline void count_event(enum ct_counter which)
{
	count_by(which, window.weight);
}

static __always_inline void add_weighted(ct_u64 *total, ct_u64 much)
{
	__sync_fetch_and_add(total, much * window.weight);
}

static __always_inline void add_time(ct_u64 *total, ct_u64 ns)
{
	__sync_fetch_and_add(total, ns * window.time_weight);
}

/* As bpf_map_update_elem, of a key that is new. */
static __always_inline long create(void *map, const void *key, const void *value, ct_u64 flags)
{
	long status = bpf_map_update_elem(map, key, value, flags);

	if (!status)
		__sync_fetch_and_add(&window.created, 1);
	return status;
}

/* The entry of `key`, made from `fresh` when there is none. NULL: full, counted as `lost`. */
static __always_inline void *get_or_create(void *map, const void *key, const void *fresh,
					   enum ct_counter lost)
{
	void *value = bpf_map_lookup_elem(map, key);

	if (value)
		return value;
	create(map, key, fresh, BPF_NOEXIST);
	value = bpf_map_lookup_elem(map, key);
	if (!value)
		count(lost);
	return value;
}

static __always_inline void raise_to(ct_u64 *max, ct_u64 value)
{
	if (value > *max)
		*max = value;
}

static __always_inline ct_u32 hist_slot(ct_u64 ns)
{
	ct_u32 slot = 0, half = ns >> 32;

	if (half)
		slot = 32;
	else
		half = ns;
	if (half >> 16) {
		half >>= 16;
		slot += 16;
	}
	if (half >> 8) {
		half >>= 8;
		slot += 8;
	}
	if (half >> 4) {
		half >>= 4;
		slot += 4;
	}
	if (half >> 2) {
		half >>= 2;
		slot += 2;
	}
	slot += half >> 1;
	return slot < CT_HIST_SLOTS ? slot : CT_HIST_SLOTS - 1;
}

#endif
