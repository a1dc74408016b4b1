// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdlib.h>

#include "collect/addr_map.h"
#include "collect/g_struct.h"
#include "collect/wait_object.h"

#define SUDOG_MAX 256
#define PAGE 4096

/* Goroutines that wait for a semaphore which is not known yet: index + 1 by g. */
static int list_waiters(const struct snapshot *snapshot, struct addr_map *waiters)
{
	for (size_t i = 0; i < snapshot->goroutines.len; i++) {
		const struct goroutine *goroutine = &snapshot->goroutines.data[i];
		uint32_t *slot;

		if (goroutine->wait_kind != WAIT_SEMA || goroutine->wait_addr)
			continue;
		slot = addr_map_put(waiters, goroutine->g);
		if (!slot)
			return -ENOMEM;
		*slot = i + 1;
	}
	return 0;
}

/* Sudogs still to be looked at; each level of the trees is read in one go. */
typedef VEC(uint64_t) address_list;

static int push_address(address_list *list, uint64_t addr)
{
	uint64_t *slot;

	if (!addr)
		return 0;
	slot = vec_push(list);
	if (!slot)
		return -ENOMEM;
	*slot = addr;
	return 0;
}

static int take_sudog(const struct layout *layout, const uint8_t *sudog, struct snapshot *snapshot,
		      const struct addr_map *waiters, address_list *next)
{
	const uint32_t *waiter = addr_map_get(waiters, struct_word(sudog, layout->sudog_g));
	int status;

	if (waiter)
		snapshot->goroutines.data[*waiter - 1].wait_addr =
			struct_word(sudog, layout->sudog_elem);
	/* prev and next are the treap's children, waitlink the queue of one address */
	status = push_address(next, struct_word(sudog, layout->sudog_prev));
	if (!status)
		status = push_address(next, struct_word(sudog, layout->sudog_next));
	return status ? status : push_address(next, struct_word(sudog, layout->sudog_waitlink));
}

static int take_level(const struct target *target, struct snapshot *snapshot,
		      const struct addr_map *waiters, const address_list *level, address_list *next)
{
	size_t size = target->layout.sudog_size;
	struct memory_piece *pieces = calloc(level->len + 1, sizeof(*pieces));
	uint8_t *sudogs = malloc((level->len + 1) * size);
	int status = -ENOMEM;

	if (pieces && sudogs) {
		for (size_t i = 0; i < level->len; i++)
			pieces[i] = (struct memory_piece){ .addr = level->data[i],
							   .to = sudogs + i * size,
							   .len = size };
		status = memory_read_many(target->pid, pieces, level->len);
	}
	for (size_t i = 0; !status && i < level->len; i++)
		if (pieces[i].ok)
			status = take_sudog(&target->layout, sudogs + i * size, snapshot, waiters,
					    next);
	free(pieces);
	free(sudogs);
	return status;
}

int wait_semaphores(const struct target *target, struct snapshot *snapshot)
{
	uint8_t roots[LAYOUT_SEMA_ROOTS * LAYOUT_SEMA_ROOT_STRIDE];
	address_list level = { 0 }, next = { 0 };
	struct addr_map waiters = { 0 };
	size_t seen = 0, limit;
	int status;

	if (!target->semtable || target->layout.semaroot_treap == LAYOUT_ABSENT ||
	    target->layout.sudog_size > SUDOG_MAX)
		return 0;
	status = list_waiters(snapshot, &waiters);
	if (status || !waiters.used ||
	    memory_read(target->pid, target->semtable, roots, sizeof(roots))) {
		addr_map_free(&waiters);
		return status;
	}
	/* a tree that changes while it is read can look endless */
	limit = snapshot->goroutines.len * 2 + 1024;
	for (int i = 0; i < LAYOUT_SEMA_ROOTS && !status; i++)
		status = push_address(&level, struct_word(roots + i * LAYOUT_SEMA_ROOT_STRIDE,
							  target->layout.semaroot_treap));
	while (!status && level.len && seen < limit) {
		address_list done = level;

		seen += level.len;
		next.len = 0;
		status = take_level(target, snapshot, &waiters, &level, &next);
		level = next;
		next = done;
	}
	vec_free(&level);
	vec_free(&next);
	addr_map_free(&waiters);
	return status;
}

static int compare_locks(const void *a, const void *b)
{
	const struct lock_words *x = a, *y = b;

	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

static int list_locks(struct snapshot *snapshot)
{
	struct addr_map seen = { 0 };
	int status = 0;

	for (size_t i = 0; i < snapshot->goroutines.len && !status; i++) {
		const struct goroutine *goroutine = &snapshot->goroutines.data[i];
		struct lock_words *lock;
		uint32_t *slot;

		if ((goroutine->wait_kind != WAIT_SEMA && goroutine->wait_kind != WAIT_SELECT) ||
		    !goroutine->wait_addr)
			continue;
		slot = addr_map_put(&seen, goroutine->wait_addr);
		if (slot && (*slot)++)
			continue;
		lock = slot ? vec_push(&snapshot->locks) : NULL;
		if (lock)
			lock->addr = goroutine->wait_addr;
		else
			status = -ENOMEM;
	}
	addr_map_free(&seen);
	if (!status && snapshot->locks.len)
		qsort(snapshot->locks.data, snapshot->locks.len, sizeof(*snapshot->locks.data),
		      compare_locks);
	return status;
}

int wait_locks(const struct target *target, struct snapshot *snapshot)
{
	struct memory_piece *pieces;
	int status;

	snapshot->locks.len = 0;
	status = list_locks(snapshot);
	if (status || !snapshot->locks.len)
		return status;
	pieces = calloc(snapshot->locks.len, sizeof(*pieces));
	if (!pieces)
		return -ENOMEM;
	for (size_t i = 0; i < snapshot->locks.len; i++) {
		struct lock_words *lock = &snapshot->locks.data[i];
		/* what is before the first object of a heap arena may not be mapped */
		size_t before = lock->addr % PAGE < LOCK_WORDS_BEFORE ? lock->addr % PAGE :
									LOCK_WORDS_BEFORE;

		pieces[i] = (struct memory_piece){
			.addr = lock->addr - before,
			.to = lock->bytes + (LOCK_WORDS_BEFORE - before),
			.len = LOCK_WORDS_LEN - (LOCK_WORDS_BEFORE - before),
		};
	}
	status = memory_read_many(target->pid, pieces, snapshot->locks.len);
	for (size_t i = 0; i < snapshot->locks.len; i++)
		snapshot->locks.data[i].read_ok = !status && pieces[i].ok;
	free(pieces);
	return status;
}
