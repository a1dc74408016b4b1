// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What locks say of themselves. src/internal/sync/mutex.go (src/sync/mutex.go before Go 1.24),
 * src/sync/rwmutex.go and waitgroup.go, Go 1.18 to 1.27. golang.org/x/sync/semaphore/semaphore.go, from its
 * first commit 5a06fca (2017) to v0.20.0: a Weighted begins with size and cur, int64 each.
 */
#include "model/build.h"

#define MUTEX_LOCKED 1
#define MUTEX_WOKEN 2
#define MUTEX_STARVING 4
#define MUTEX_WAITER_SHIFT 3
#define RWMUTEX_MAX_READERS (1 << 30)
/* from Go 1.25 on a flag: the WaitGroup belongs to a bubble of testing/synctest */
#define GROUP_WAITERS_MASK 0x7fffffff

/* NULL: nobody waits for that semaphore. */
static const struct lock_words *words_of(const struct snapshot *snapshot, uint64_t semaphore)
{
	size_t low = 0, high = snapshot->locks.len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (snapshot->locks.data[middle].addr < semaphore)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == snapshot->locks.len || snapshot->locks.data[low].addr != semaphore ||
	    !snapshot->locks.data[low].read_ok)
		return NULL;
	return &snapshot->locks.data[low];
}

static int32_t word_at(const struct lock_words *words, uint64_t addr)
{
	return lock_word(words, (int)(int64_t)(addr - words->addr));
}

static bool has_word(const struct lock_words *words, uint64_t addr)
{
	int64_t offset = (int64_t)(addr - words->addr) + LOCK_WORDS_BEFORE;

	return offset >= 0 && offset + 4 <= LOCK_WORDS_LEN;
}

static void mutex_state(int32_t word, struct model_lock_state *state)
{
	state->locked = word & MUTEX_LOCKED;
	state->woken = word & MUTEX_WOKEN;
	state->starving = word & MUTEX_STARVING;
	state->waiters = (uint32_t)word >> MUTEX_WAITER_SHIFT;
}

static void rwmutex_state(const struct layout *layout, const struct lock_words *words,
			  uint64_t addr, struct model_lock_state *state)
{
	int32_t count = word_at(words, addr + layout->rwmutex_readercount);
	int32_t left = 0;

	mutex_state(word_at(words, addr + layout->rwmutex_w + layout->mutex_state), state);
	state->waiters = 0;
	state->locked = false;
	if (count >= 0) {
		state->readers = count;
		return;
	}
	/* a writer has announced itself: it waits for so many readers, or has the lock */
	if (!has_word(words, addr + layout->rwmutex_readerwait)) {
		state->known = false;
		return;
	}
	left = word_at(words, addr + layout->rwmutex_readerwait);
	state->writer_pending = left > 0;
	state->locked = left <= 0;
	state->readers = left > 0 ? left : 0;
}

static void weighted_state(const struct snapshot *snapshot, uint64_t addr,
			   struct model_lock_state *state)
{
	const struct lock_words *words = words_of(snapshot, addr);
	int64_t limits[2];

	if (!words)
		return;
	memcpy(limits, words->bytes + LOCK_WORDS_BEFORE, sizeof(limits));
	/* the memory may be another's by now */
	state->known = limits[0] > 0 && limits[1] >= 0 && limits[1] <= limits[0];
	state->size = limits[0];
	state->taken = limits[1];
}

struct model_lock_state model_weighted_state(const struct model *model,
					     const struct model_task *task)
{
	struct model_lock_state state = { 0 };

	if (model->snapshot && model_lock_kind(task) == LOCK_WEIGHTED)
		weighted_state(model->snapshot, task->waiting_on, &state);
	return state;
}

static void read_state(const struct build *build, struct model_lock *lock)
{
	const struct snapshot *snapshot = build->snapshot;
	const struct layout *layout = build->model->layout;
	struct model_lock_state *state = &lock->state;
	const struct lock_words *words;
	uint64_t mutex;

	switch (lock->kind) {
	case LOCK_MUTEX:
	case LOCK_ONCE:
		mutex = build_mutex_of(lock);
		words = words_of(snapshot, mutex + layout->mutex_sema);
		state->known = words;
		if (words)
			mutex_state(word_at(words, mutex + layout->mutex_state), state);
		break;
	case LOCK_RWMUTEX_WRITER:
		words = words_of(snapshot, lock->addr + layout->rwmutex_readersem);
		if (!words)
			words = words_of(snapshot, lock->addr + layout->rwmutex_writersem);
		if (!words)
			words = words_of(snapshot,
					 lock->addr + layout->rwmutex_w + layout->mutex_sema);
		state->known = words;
		if (words)
			rwmutex_state(layout, words, lock->addr, state);
		break;
	case LOCK_WAITGROUP:
		words = words_of(snapshot, lock->addr + layout->waitgroup_sema);
		state->known = words;
		if (!words)
			break;
		/* one 64-bit word: the counter is its upper half */
		state->counter = word_at(words, lock->addr + layout->waitgroup_state + 4);
		state->waiters = word_at(words, lock->addr + layout->waitgroup_state) &
				 GROUP_WAITERS_MASK;
		break;
	case LOCK_WEIGHTED:
		weighted_state(snapshot, lock->addr, state);
		break;
	default:
		break;
	}
}

int build_lock_states(struct build *build)
{
	struct model *model = build->model;

	for (size_t i = 0; build->snapshot && i < model->locks.len; i++)
		read_state(build, &model->locks.data[i]);
	return 0;
}
