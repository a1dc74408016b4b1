// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Windows of tracing see no wait whole that is longer than they are. But the number that waits at a
 * snapshot, times the time to the last one, is an estimate of the goroutine time spent waiting in
 * between, whatever the length of the waits. So where that adds up to more than what the windows saw,
 * it is the better total.
 */
#include "model/build.h"
#include "model/history.h"

/* history_key.kind: what a sampled total is of; those below 0x100 that build_sites.c leaves. */
enum sampled_kind { SAMPLED_SITE = 0x10, SAMPLED_LOCK, SAMPLED_SENDERS, SAMPLED_RECEIVERS };

static int sample(struct model *model, uint64_t addr, uint32_t reason, enum sampled_kind kind,
		  uint64_t waiting, struct wait_stats *stats)
{
	const struct history_key key = { .addr = addr, .site = reason, .kind = kind };

	return history_add(model->history, &key, waiting * model->interval_ns, &stats->sampled_ns);
}

int build_sampled(struct build *build)
{
	struct model *model = build->model;
	int status = 0;

	if (!model->estimated || !build->snapshot)
		return 0;
	for (size_t i = 0; i < model->sites.len && !status; i++) {
		struct model_site *site = &model->sites.data[i];

		status = sample(model, (uint64_t)(uintptr_t)site->stack, site->reason, SAMPLED_SITE,
				site->waiting_now, &site->stats);
	}
	for (size_t i = 0; i < model->locks.len && !status; i++) {
		struct model_lock *lock = &model->locks.data[i];

		status = sample(model, lock->addr, 0, SAMPLED_LOCK, lock->waiters, &lock->stats);
	}
	for (size_t i = 0; i < model->chans.len && !status; i++) {
		struct model_chan *chan = &model->chans.data[i];

		status = sample(model, chan->addr, 0, SAMPLED_SENDERS, chan->senders_waiting,
				&chan->send);
		if (!status)
			status = sample(model, chan->addr, 0, SAMPLED_RECEIVERS,
					chan->receivers_waiting, &chan->recv);
	}
	return status;
}
