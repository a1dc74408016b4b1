/* SPDX-License-Identifier: GPL-2.0-only */
/* Reading the Go runtime from a probe: g and m, and frame-pointer walks. */
#ifndef BPF_GO_H
#define BPF_GO_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "maps.h"

static __always_inline ct_u64 read_word(ct_u64 addr)
{
	ct_u64 word = 0;

	if (bpf_probe_read_user(&word, sizeof(word), (void *)addr))
		count(CT_LOST_READ);
	return word;
}

static __always_inline ct_u64 g_goid(ct_u64 g)
{
	return read_word(g + config.g_goid);
}

/* The goroutine for which the scheduler's stack g0 works just now; 0: none (timer, network). */
static __always_inline ct_u64 g0_user_g(ct_u64 g0)
{
	ct_u64 m = read_word(g0 + config.g_m);

	return m ? read_word(m + config.m_curg) : 0;
}

/* Return addresses from frame pointer `fp` on into pcs[from..depth); the rest stays 0. */
static __always_inline void walk_frames(ct_u64 fp, ct_u64 *pcs, int from, int depth)
{
	struct {
		ct_u64 fp, pc;
	} frame;

	for (int i = 0; i < depth; i++) {
		if (i < from)
			continue;
		if (!fp || bpf_probe_read_user(&frame, sizeof(frame), (void *)fp))
			break;
		pcs[i] = frame.pc;
		if (frame.fp <= fp)
			break;
		fp = frame.fp;
	}
}

/*
 * The same for a function just entered: its return address is at `stack`, `fp` is its caller's. Most
 * of the time goes into reads, so what lies near is read at once, into room for `count` words: a
 * program has 512 bytes of stack for all its calls together.
 */
static __always_inline void walk_from_entry(ct_u64 stack, ct_u64 fp, ct_u64 *pcs, int depth,
					    ct_u64 *words, ct_u64 count)
{
	int i;

	if (bpf_probe_read_user(words, count * sizeof(*words), (void *)stack)) {
		/* the stack ends sooner, and nothing is mapped behind it */
		pcs[0] = read_word(stack);
		walk_frames(fp, pcs, 1, depth);
		return;
	}
	pcs[0] = words[0];
	for (i = 1; i < depth; i++) {
		ct_u64 at = (fp - stack) / sizeof(words[0]), next;

		if (at >= count - 1)
			break;
		barrier_var(at);
		if (at >= count - 1)
			break;
		pcs[i] = words[at + 1];
		next = words[at];
		if (next <= fp)
			return;
		fp = next;
	}
	walk_frames(fp, pcs, i, depth);
}

static __always_inline ct_u64 hash_pcs(const ct_u64 *pcs)
{
	ct_u64 hash = 0xcbf29ce484222325ULL;

	for (int i = 0; i < CT_STACK_DEPTH && pcs[i]; i++) {
		hash ^= pcs[i];
		hash *= 0x9e3779b97f4a7c15ULL;
		hash ^= hash >> 29;
	}
	return hash;
}

/* Index of the site with this stack and reason, made when new; CT_NO_SITE: no room, counted. */
static __always_inline ct_u32 site_of_hash(const ct_u64 *pcs, ct_u64 hash, ct_u32 reason)
{
	struct ct_site_key key = { .stack_hash = hash, .reason = reason };
	ct_u32 *known = bpf_map_lookup_elem(&site_index, &key);
	ct_u32 first = 0, index;
	struct ct_site *site;

	if (known)
		return *known;
	/* site 0 is nobody's: its park count hands out the indices */
	site = bpf_map_lookup_elem(&sites, &first);
	if (!site)
		return CT_NO_SITE;
	index = __sync_fetch_and_add(&site->parks, 1) + 1;
	site = index < config.max_sites ? bpf_map_lookup_elem(&sites, &index) : 0;
	if (!site) {
		count(CT_LOST_SITE);
		return CT_NO_SITE;
	}
	for (int i = 0; i < CT_STACK_DEPTH; i++)
		site->pcs[i] = pcs[i];
	site->reason = reason;
	if (!bpf_map_update_elem(&site_index, &key, &index, BPF_NOEXIST)) {
		site->ready = 1;
		return index;
	}
	known = bpf_map_lookup_elem(&site_index, &key);
	if (known)
		return *known;
	count(CT_LOST_SITE);
	return CT_NO_SITE;
}

static __always_inline ct_u32 site_of(const ct_u64 *pcs, ct_u32 reason)
{
	return site_of_hash(pcs, hash_pcs(pcs), reason);
}

#endif
