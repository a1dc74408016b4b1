// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whose turn it is at a semaphore: `turns`. On its own, since a stack on top of what waits need is more than
 * the kernel allows.
 */
#include "handlers.h"
#include "maps.h"

/* What is of an earlier window is forgotten: who waits now is not known. */
static __always_inline struct ct_turn *turn_of(ct_u64 sema)
{
	struct ct_turn *turn;

	_Static_assert(sizeof(*turn) <= sizeof(zeros), "too few zeros");
	turn = get_or_create(&turns, &sema, &zeros, CT_LOST_OBJECT);
	if (turn && turn->generation != window.generation) {
		turn->g = 0;
		turn->waiting = 0;
		turn->generation = window.generation;
	}
	return turn;
}

int on_turn_wait(ct_u64 g)
{
	struct ct_task *task = bpf_map_lookup_elem(&tasks, &g);
	struct ct_turn *turn = task ? turn_of(task->object) : 0;

	if (!turn)
		return 0;
	__sync_fetch_and_add(&turn->waiting, 1);
	if (turn->g == g)
		turn->g = 0;
	return 0;
}

int on_turn_begin(ct_u64 g)
{
	struct ct_task *task = bpf_map_lookup_elem(&tasks, &g);
	struct ct_turn *turn = task ? turn_of(task->object) : 0;

	if (!turn)
		return 0;
	if (turn->waiting)
		__sync_fetch_and_sub(&turn->waiting, 1);
	turn->since_ns = task->since_ns;
	turn->g = turn->waiting ? g : 0;
	return 0;
}

int on_turn_end(ct_u64 g, ct_u64 sema, ct_u64 handoff)
{
	struct ct_turn *turn = turn_of(sema);
	ct_u64 now = bpf_ktime_get_ns(), ns;

	if (!turn)
		return 0;
	if (handoff & 1)
		add_weighted(&turn->handoffs, 1);
	if (turn->g == g && now > turn->since_ns) {
		ns = now - turn->since_ns;
		add_weighted(&turn->count, 1);
		add_time(&turn->ns_total, ns);
		raise_to(&turn->ns_max, ns);
		add_weighted(&turn->hist[hist_slot(ns)], 1);
	}
	turn->g = 0;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
