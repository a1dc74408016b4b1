// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What hurts most comes first: sites, locks and channels by the goroutine time that waiting for them
 * took in the last interval. Windows may have missed all of an interval's waits, so estimates count
 * the mean of the time before as well. Comes last, for the steps before know rows by their index.
 */
#include "model/build.h"

static double hurt(const struct model *model, const struct wait_stats *stats, uint64_t waiting,
		   uint64_t ongoing_ns)
{
	double ns = (double)build_interval_wait_ns(model, stats, waiting, ongoing_ns);

	if (!model->estimated || !model->counted_ns)
		return ns;
	return ns + (double)wait_stats_total_ns(stats) * (double)model->interval_ns /
			    (double)model->counted_ns;
}

static int order(double hurt_x, double hurt_y, uint64_t waiting_x, uint64_t waiting_y)
{
	if (hurt_x != hurt_y)
		return hurt_x < hurt_y ? 1 : -1;
	return waiting_x < waiting_y ? 1 : -(waiting_x > waiting_y);
}

static int order_sites(const void *a, const void *b, void *ctx)
{
	const struct model *model = ctx;
	const struct model_site *x = a, *y = b;
	bool idle_x = model_wait_is_idle(model, x->reason),
	     idle_y = model_wait_is_idle(model, y->reason);
	int result = idle_x - idle_y;

	if (!result)
		result = order(hurt(model, &x->stats, x->waiting_now, x->ongoing_ns),
			       hurt(model, &y->stats, y->waiting_now, y->ongoing_ns),
			       x->waiting_now, y->waiting_now);
	if (result)
		return result;
	return x->stack->number < y->stack->number ? -1 : x->stack->number > y->stack->number;
}

static int order_locks(const void *a, const void *b, void *ctx)
{
	const struct model_lock *x = a, *y = b;
	int result = order(hurt(ctx, &x->stats, x->waiters, x->ongoing_ns),
			   hurt(ctx, &y->stats, y->waiters, y->ongoing_ns), x->stats.wait_ns_total,
			   y->stats.wait_ns_total);

	return result ? result : x->addr < y->addr ? -1 : x->addr > y->addr;
}

static double chan_hurt(const struct model *model, const struct model_chan *chan, uint64_t waiting)
{
	struct wait_stats stats = chan->all;

	/* snapshots tell the directions apart */
	stats.sampled_ns = chan->send.sampled_ns + chan->recv.sampled_ns;
	return hurt(model, &stats, waiting, chan->ongoing_ns);
}

static int order_chans(const void *a, const void *b, void *ctx)
{
	const struct model_chan *x = a, *y = b;
	uint64_t waiting_x = x->senders_waiting + x->receivers_waiting;
	uint64_t waiting_y = y->senders_waiting + y->receivers_waiting;
	int result = order(chan_hurt(ctx, x, waiting_x), chan_hurt(ctx, y, waiting_y), waiting_x,
			   waiting_y);

	return result ? result : x->addr < y->addr ? -1 : x->addr > y->addr;
}

int build_order(struct build *build)
{
	struct model *model = build->model;

	vec_sort(&model->sites, order_sites, model);
	vec_sort(&model->locks, order_locks, model);
	vec_sort(&model->chans, order_chans, model);
	return 0;
}
