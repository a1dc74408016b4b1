// SPDX-License-Identifier: GPL-2.0-only
/* On their own, since a stack on top of what a handler has is more than the kernel allows. */
#include "tally.h"

/* Of the stack read at once: what the handler has below this counts, too, and 512 bytes are the limit. */
#define WORDS 14

int site_of_call(ct_u64 stack, ct_u64 frame)
{
	ct_u64 pcs[CT_STACK_DEPTH] = {}, words[WORDS];

	walk_from_entry(stack, frame, pcs, CT_STACK_DEPTH, words, WORDS);
	return site_of(pcs, CT_TALLY_REASON);
}

int site_of_frame(ct_u64 frame)
{
	ct_u64 pcs[CT_STACK_DEPTH] = {};

	walk_frames(frame, pcs, 0, CT_STACK_DEPTH);
	return site_of(pcs, CT_TALLY_REASON);
}

char LICENSE[] SEC("license") = "GPL";
