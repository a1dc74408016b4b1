// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The probes know the semaphores below the locks; which lock one belongs to is told by the lock
 * operation in the stacks that wait for it. An RWMutex has three of them and is one row.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collect/addr_map.h"
#include "model/build.h"
#include "model/object_sites.h"

struct lock_build {
	struct build *build;
	struct addr_map by_lock, by_semaphore; /* index in model->locks */
	struct object_sites *sites;
};

static enum lock_kind row_kind(enum lock_kind kind)
{
	switch (kind) {
	case LOCK_NONE:
		return LOCK_SEMAPHORE;
	case LOCK_RWMUTEX_MUTEX:
	case LOCK_RWMUTEX_READER:
		return LOCK_RWMUTEX_WRITER;
	default:
		return kind;
	}
}

static int row_of(struct lock_build *locks, uint64_t semaphore, enum lock_kind kind, size_t *row)
{
	struct model *model = locks->build->model;
	uint64_t addr = model_lock_address(model, kind, semaphore);
	const uint32_t *known = addr_map_get(&locks->by_lock, addr);
	struct model_lock *lock;

	if (known) {
		*row = *known;
	} else {
		lock = vec_push(&model->locks);
		if (!lock)
			return -ENOMEM;
		*row = model->locks.len - 1;
		lock->addr = addr;
		lock->kind = row_kind(kind);
		lock->symbol_source =
			symbols_variable(model->symbols, addr, lock->symbol, sizeof(lock->symbol));
		if (addr_map_set(&locks->by_lock, addr, *row))
			return -ENOMEM;
	}
	if (addr_map_get(&locks->by_semaphore, semaphore))
		return 0;
	return addr_map_set(&locks->by_semaphore, semaphore, *row);
}

/* Of an RWMutex it is not told which of its semaphores makes one the holder. */
static void note_woken(struct model_lock *lock, const struct object_row *object,
		       const struct stack *stack)
{
	if (!stack || !lock_is_mutex(stack->lock) || object->object.last_ns <= lock->last_woken_ns)
		return;
	lock->last_woken_ns = object->object.last_ns;
	lock->last_woken_goid = object->object.last_woken_goid;
}

static int add_waits(struct lock_build *locks, const struct object_row *object)
{
	struct build *build = locks->build;
	struct stack *stack = build_site_stack(build, object->key.site);
	struct model_object_site *site;
	struct wait_stats stats;
	size_t row;
	int status;

	status = row_of(locks, object->key.addr, stack ? stack->lock : LOCK_NONE, &row);
	if (!status)
		status = wait_stats_of_object(build, object, &stats);
	if (status)
		return status;
	wait_stats_add(&build->model->locks.data[row].stats, &stats);
	note_woken(&build->model->locks.data[row], object, stack);
	if (!stack)
		return 0;
	site = object_sites_get(locks->sites, row, stack, CT_OP_NONE);
	if (!site)
		return -ENOMEM;
	wait_stats_add(&site->stats, &stats);
	return 0;
}

static int add_waiter(struct lock_build *locks, const struct model_task *task)
{
	struct model_object_site *site;
	struct stack *stack;
	size_t row;
	int status;

	if (!task->waiting_on || (task->wait_kind != WAIT_SEMA && task->wait_kind != WAIT_COND &&
				  task->wait_kind != WAIT_SELECT))
		return 0;
	status = row_of(locks, task->waiting_on, model_lock_kind(task), &row);
	if (status)
		return status;
	locks->build->model->locks.data[row].waiters++;
	locks->build->model->locks.data[row].ongoing_ns += build_waited_ns(locks->build, task);
	if (!task->stack)
		return 0;
	stack = build_probe_stack(locks->build, task->stack);
	site = stack ? object_sites_get(locks->sites, row, stack, CT_OP_NONE) : NULL;
	if (!site)
		return -ENOMEM;
	site->waiting_now++;
	return 0;
}

static void add_release(struct lock_build *locks, const struct release_row *release)
{
	const uint32_t *row = addr_map_get(&locks->by_semaphore, release->key.addr);
	struct model_lock *lock;

	if (!row)
		return;
	lock = &locks->build->model->locks.data[*row];
	lock->releases += release->release.count;
	if (release->release.last_ns >= lock->last_release_ns) {
		lock->last_release_ns = release->release.last_ns;
		lock->last_release_goid = release->release.last_goid;
	}
}

/* Of an RWMutex's inner Mutex a turn has the writer's wait for readers in it. */
static void add_turn(struct lock_build *locks, const struct turn_row *from)
{
	const uint32_t *row = addr_map_get(&locks->by_semaphore, from->addr);
	struct model_lock *lock = row ? &locks->build->model->locks.data[*row] : NULL;
	struct model_turns *turns = lock ? &lock->turns : NULL;

	if (!lock || !lock_is_mutex(lock->kind))
		return;
	turns->count = from->turn.count;
	turns->handoffs = from->turn.handoffs;
	turns->ns_total = from->turn.ns_total;
	turns->ns_max = from->turn.ns_max;
	memcpy(turns->hist, from->turn.hist, sizeof(turns->hist));
}

static int add_all(struct lock_build *locks)
{
	const struct aggregates *aggregates = locks->build->aggregates;
	const struct model *model = locks->build->model;
	int status = 0;

	for (size_t i = 0; aggregates && i < aggregates->objects.len && !status; i++)
		if (aggregates->objects.data[i].key.kind == CT_OBJ_SEMA)
			status = add_waits(locks, &aggregates->objects.data[i]);
	for (size_t i = 0; i < model->tasks.len && !status; i++)
		if (model->tasks.data[i].state == G_WAITING && !model->tasks.data[i].system)
			status = add_waiter(locks, &model->tasks.data[i]);
	for (size_t i = 0; aggregates && i < aggregates->releases.len && !status; i++)
		add_release(locks, &aggregates->releases.data[i]);
	for (size_t i = 0; aggregates && i < aggregates->turns.len; i++)
		add_turn(locks, &aggregates->turns.data[i]);
	return status;
}

static int lay_out_sites(struct lock_build *locks)
{
	struct model *model = locks->build->model;
	struct object_sites_span *spans = calloc(model->locks.len + 1, sizeof(*spans));
	int status = spans ? object_sites_lay_out(locks->sites, model, spans, model->locks.len) :
			     -ENOMEM;

	for (size_t i = 0; !status && i < model->locks.len; i++) {
		model->locks.data[i].first_site = spans[i].first;
		model->locks.data[i].site_count = spans[i].count;
	}
	free(spans);
	return status;
}

int build_locks(struct build *build)
{
	struct lock_build locks = { .build = build, .sites = object_sites_new() };
	int status = -ENOMEM;

	if (locks.sites)
		status = add_all(&locks);
	if (!status)
		status = lay_out_sites(&locks);
	addr_map_free(&locks.by_lock);
	addr_map_free(&locks.by_semaphore);
	object_sites_free(locks.sites);
	return status;
}
