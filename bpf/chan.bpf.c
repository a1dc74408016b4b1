// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operations on channels, blocking or not. Costly on busy channels, so attached only for views
 * that count operations; waits on channels are seen by park and ready without these.
 */
#include "go.h"

static __always_inline struct ct_chan_ops *ops_of(struct pt_regs *ctx)
{
	struct ct_chan_ops fresh = {};
	ct_u64 chan = GO_ARG1(ctx);

	count(CT_N_HITS);
	if (!chan || is_stack_growth(ctx))
		return 0;
	return get_or_create(&chan_ops, &chan, &fresh, CT_LOST_OBJECT);
}

/* runtime.chansend(c, ep, block, callerpc) */
SEC("uprobe.multi")
int chan_send(struct pt_regs *ctx)
{
	struct ct_chan_ops *ops = ops_of(ctx);

	if (ops)
		__sync_fetch_and_add(GO_ARG3(ctx) & 1 ? &ops->sends : &ops->polls_send, 1);
	return 0;
}

/* runtime.chanrecv(c, ep, block) */
SEC("uprobe.multi")
int chan_recv(struct pt_regs *ctx)
{
	struct ct_chan_ops *ops = ops_of(ctx);

	if (ops)
		__sync_fetch_and_add(GO_ARG3(ctx) & 1 ? &ops->recvs : &ops->polls_recv, 1);
	return 0;
}

/* runtime.closechan(c) */
SEC("uprobe.multi")
int chan_close(struct pt_regs *ctx)
{
	struct ct_chan_ops *ops = ops_of(ctx);

	if (ops)
		__sync_fetch_and_add(&ops->closes, 1);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
