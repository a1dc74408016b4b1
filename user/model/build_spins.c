// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Spinning is counted by place; it is a lock's when no other mutex is waited for at its places. Places are
 * those of frames: a lock in each of many values of a type has the same.
 */
#include "model/build.h"

static bool has_place(const struct model *model, const struct model_lock *lock,
		      const struct pclntab_frame *place)
{
	for (size_t i = 0; i < lock->site_count; i++)
		if (stack_is_same_site(model->object_sites.data[lock->first_site + i].stack->site,
				       place))
			return true;
	return false;
}

static bool spins(const struct model_lock *lock)
{
	return lock_is_mutex(lock->kind) || lock->kind == LOCK_RWMUTEX_WRITER;
}

/* The only lock of the place. NULL: none, or several, whose spins are unknown then. */
static struct model_lock *lock_at(struct model *model, const struct pclntab_frame *place)
{
	struct model_lock *only = NULL;
	bool several = false;

	for (size_t i = 0; i < model->locks.len; i++) {
		struct model_lock *lock = &model->locks.data[i];

		if (!spins(lock) || !has_place(model, lock, place))
			continue;
		if (only)
			lock->spins_known = only->spins_known = false;
		several = only;
		only = only ? only : lock;
	}
	return several ? NULL : only;
}

int build_spins(struct build *build)
{
	struct model *model = build->model;

	for (size_t i = 0; model->spins_counted && i < model->locks.len; i++)
		model->locks.data[i].spins_known = spins(&model->locks.data[i]);
	for (size_t i = 0; i < model->tallies.len; i++) {
		const struct model_tally *tally = &model->tallies.data[i];
		struct model_lock *lock;

		if (tally->kind != CT_TALLY_SPIN || !tally->stack)
			continue;
		lock = lock_at(model, tally->stack->site);
		if (!lock)
			continue;
		lock->spins += tally->count;
		if (tally->over_ns)
			lock->spin_cpus += (double)tally->count * model->spin_round_ns /
					   (double)tally->over_ns;
	}
	return 0;
}
