// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operations on channels, blocking or not. Costly on busy channels, so attached only for views
 * that count operations; waits on channels are seen by park and ready without these.
 */
#include "handlers.h"
#include "maps.h"

static __always_inline struct ct_chan_ops *ops_of(ct_u64 chan)
{
	struct ct_chan_ops fresh = {};

	return chan ? get_or_create(&chan_ops, &chan, &fresh, CT_LOST_OBJECT) : 0;
}

int on_chan_send(ct_u64 chan, ct_u64 block)
{
	struct ct_chan_ops *ops = ops_of(chan);

	if (ops)
		add_weighted(block & 1 ? &ops->sends : &ops->polls_send, 1);
	return 0;
}

int on_chan_recv(ct_u64 chan, ct_u64 block)
{
	struct ct_chan_ops *ops = ops_of(chan);

	if (ops)
		add_weighted(block & 1 ? &ops->recvs : &ops->polls_recv, 1);
	return 0;
}

int on_chan_close(ct_u64 chan)
{
	struct ct_chan_ops *ops = ops_of(chan);

	if (ops)
		add_weighted(&ops->closes, 1);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
