/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The steps of model_update, one file each, in the order they run. Each appends to the model's
 * empty tables; 0 or -ENOMEM.
 */
#ifndef MODEL_BUILD_H
#define MODEL_BUILD_H

#include "model/model.h"

struct build {
	struct model *model;
	const struct aggregates *aggregates; /* may be NULL */
	const struct governor_status *governor;
	const struct snapshot *snapshot; /* may be NULL */
	struct stack **site_stacks;      /* by the kernel's site index; NULL: no such site */
	uint32_t *site_rows;             /* by the kernel's site index: index in model->sites */
	size_t site_limit;               /* both arrays' length */
};

#define NO_ROW UINT32_MAX

/* Where in a sync.Once its Mutex is: behind a 32-bit word (src/sync/once.go, Go 1.18 to 1.27). */
#define ONCE_MUTEX 4

/* Where the Mutex of a sync.Once is; of other locks, where they are. */
static inline uint64_t build_mutex_of(const struct model_lock *lock)
{
	return lock->addr + (lock->kind == LOCK_ONCE ? ONCE_MUTEX : 0);
}

int build_sites(struct build *build);
int build_tasks(struct build *build);
int build_groups(struct build *build);
int build_waiting(struct build *build); /* who waits now, at sites */
int build_locks(struct build *build);
int build_chans(struct build *build);
int build_lock_states(struct build *build); /* of the locks' own words */
int build_parties(struct build *build);     /* who holds them, and who could end the waits */
int build_spawns(struct build *build);
int build_wakes(struct build *build);
int build_tallies(struct build *build);
int build_spins(struct build *build);
int build_panics(struct build *build);
int build_sampled(struct build *build); /* waits too long for the windows, by snapshots */
int build_order(struct build *build);
int build_lock_names(struct build *build); /* of those that are waited for most */

/* NULL: the probes have no such site. */
struct stack *build_site_stack(const struct build *build, uint32_t site);
/* The stack as the probes would have kept it: no deeper than they look. NULL: no memory. */
struct stack *build_probe_stack(const struct build *build, const struct stack *stack);
/* Without gopark itself, which the probes' stacks do not have either. NULL: none, or no memory. */
struct stack *build_snapshot_stack(struct model *model, const struct snapshot *snapshot,
				   const struct goroutine *goroutine);
/* How long the task has waited so far; 0: unknown. */
uint64_t build_waited_ns(const struct build *build, const struct model_task *task);

void wait_stats_add(struct wait_stats *to, const struct wait_stats *more);
/* Of one row of the kernel's objects map, with what the interval added. */
int wait_stats_of_object(struct build *build, const struct object_row *row,
			 struct wait_stats *stats);

/*
 * Goroutine time that waiting took in the interval: of waits that ended, and of those that go on
 * (`waiting` of them, `ongoing_ns` long together), which cannot have waited longer in it than it is.
 * Of probes that were on in windows the latter is an estimate: so many wait at any moment.
 */
uint64_t build_interval_wait_ns(const struct model *model, const struct wait_stats *stats,
				uint64_t waiting, uint64_t ongoing_ns);

#endif
