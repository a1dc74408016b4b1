// SPDX-License-Identifier: GPL-2.0-only
/* Functions of the standard library that are counted by where they are called. */
#include "tally.h"
#include "handlers.h"

int on_place(ct_u64 g, ct_u64 kind, ct_u64 value, ct_u64 stack, ct_u64 frame)
{
	struct ct_tally *tally = tally_of(site_of_call(stack, frame), kind);

	if (!tally)
		return 0;
	tally->value = value;
	note_tally(tally, window.weight, bpf_ktime_get_ns(), g_goid(g));
	return 0;
}

int on_place_inside(ct_u64 g, ct_u64 kind, ct_u64 frame)
{
	struct ct_tally *tally = tally_of(site_of_frame(frame), kind);

	if (tally)
		note_tally(tally, window.weight, bpf_ktime_get_ns(), g_goid(g));
	return 0;
}

/* (*cancelCtx).cancel is called again on a context that is cancelled already: the first counts. */
int on_cancel(ct_u64 g, ct_u64 context, ct_u64 stack, ct_u64 frame)
{
	struct ct_cancel cancel = { .at_ns = bpf_ktime_get_ns() };
	struct ct_tally *tally;

	if (bpf_map_lookup_elem(&cancels, &context))
		return 0;
	cancel.site = site_of_call(stack, frame);
	cancel.goid = g_goid(g);
	if (create(&cancels, &context, &cancel, BPF_ANY))
		count(CT_LOST_TALLY);
	tally = tally_of(cancel.site, CT_TALLY_CANCEL);
	if (!tally)
		return 0;
	tally->value = context;
	note_tally(tally, 1, cancel.at_ns, cancel.goid);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
