/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BPF_TASK_H
#define BPF_TASK_H

#include "go.h"

/*
 * A record of an earlier window, brought up to this one. What its goroutine did meanwhile is not
 * known: it is taken to be active until seen to park, and a wait that was going on is not timed.
 * A g is used again after an exit, so another id means another goroutine.
 */
static __always_inline void renew(struct ct_task *task, ct_u64 g, ct_u32 generation)
{
	ct_u64 goid = g_goid(g);

	if (task->state == CT_TASK_WAITING)
		count(CT_N_CENSORED);
	if (task->goid != goid) {
		task->goid = goid;
		task->parent_goid = task->gopc = task->spawned_ns = 0;
		task->waits = task->wait_ns_total = task->wait_ns_max = 0;
		task->waker_goid = 0;
	}
	task->pending_sema = 0;
	task->state = CT_TASK_ACTIVE;
	task->generation = generation;
}

/* The record of a goroutine, made on first sight; NULL: map full, counted. */
static __always_inline struct ct_task *task_of(ct_u64 g)
{
	struct ct_task *task = bpf_map_lookup_elem(&tasks, &g);
	ct_u32 generation = window.generation;

	if (!task) {
		task = get_or_create(&tasks, &g, &zeros, CT_LOST_TASK);
		if (!task)
			return 0;
	}
	if (task->generation != generation || task->state == CT_TASK_DEAD)
		renew(task, g, generation);
	return task;
}

#endif
