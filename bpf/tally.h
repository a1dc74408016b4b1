/* SPDX-License-Identifier: GPL-2.0-only */
/* What happens at a place: `tallies`. */
#ifndef BPF_TALLY_H
#define BPF_TALLY_H

#include "go.h"

/* tally.bpf.c: sites. Of the call of the function whose entry the probe is near, */
int site_of_call(ct_u64 stack, ct_u64 frame);
/* and of the call of the function with this frame pointer. */
int site_of_frame(ct_u64 frame);

static const struct ct_tally no_tally = {};
static const struct ct_panic no_panic = {};

static __always_inline struct ct_tally *tally_of(ct_u32 site, ct_u32 kind)
{
	struct ct_tally_key key = { .site = site, .kind = kind };

	return get_or_create(&tallies, &key, &no_tally, CT_LOST_TALLY);
}

static __always_inline void add(ct_u64 *total, ct_u64 much)
{
	__sync_fetch_and_add(total, much);
}

/* When it was; the totals of probes in windows stand for more than themselves (`weight`). */
static __always_inline void note_tally(struct ct_tally *tally, ct_u64 weight, ct_u64 now,
				       ct_u64 goid)
{
	add(&tally->count, weight);
	if (!tally->first_ns)
		tally->first_ns = now;
	tally->last_ns = now;
	tally->last_goid = goid;
}

static __always_inline void note_duration(struct ct_tally *tally, ct_u64 weight, ct_u64 time_weight,
					  ct_u64 ns)
{
	add(&tally->sum, ns * time_weight);
	raise_to(&tally->max, ns);
	add(&tally->hist[hist_slot(ns)], weight);
}

static __always_inline void set_mark(enum mark_kind kind, ct_u64 of, const struct mark *mark)
{
	struct mark_key key = { .of = of, .kind = kind };

	if (bpf_map_update_elem(&marks, &key, mark, BPF_ANY))
		count(CT_LOST_TALLY);
}

static __always_inline struct mark *get_mark(enum mark_kind kind, ct_u64 of)
{
	struct mark_key key = { .of = of, .kind = kind };

	return bpf_map_lookup_elem(&marks, &key);
}

static __always_inline void drop_mark(enum mark_kind kind, ct_u64 of)
{
	struct mark_key key = { .of = of, .kind = kind };

	bpf_map_delete_elem(&marks, &key);
}

#endif
