/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BPF_TASK_H
#define BPF_TASK_H

#include "go.h"

/* The record of a goroutine, made on first sight; NULL: map full, counted. */
static __always_inline struct ct_task *task_of(ct_u64 g)
{
	struct ct_task *task = bpf_map_lookup_elem(&tasks, &g);
	struct ct_task fresh = {};

	if (task)
		return task;
	fresh.goid = g_goid(g);
	fresh.state = CT_TASK_ACTIVE;
	return get_or_create(&tasks, &g, &fresh, CT_LOST_TASK);
}

#endif
