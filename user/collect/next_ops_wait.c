// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "collect/next_ops_parts.h"

#define SYNC_FRAMES_MAX 8 /* of the stack, in which the lock operation must be */

static bool has(const char *name, const char *part)
{
	return strstr(name, part) != NULL;
}

/* By the first function outside the semaphore's, as model/stack.c does. */
void own_wait_find(struct finder *finder, const struct goroutine *goroutine, size_t count,
		   struct own_wait *wait)
{
	const struct layout *layout = &finder->target->layout;
	uint64_t semaphore = goroutine->wait_addr;
	struct pclntab_frame frames[16];
	bool in_mutex = false;

	*wait = (struct own_wait){ 0 };
	if (goroutine->wait_kind == WAIT_SELECT && semaphore)
		*wait = (struct own_wait){ .object = semaphore,
					   .unlock = NEXT_RELEASE,
					   .is_lock = true };
	if (goroutine->wait_kind != WAIT_SEMA || !semaphore)
		return;
	for (size_t i = 0; i < count && i < SYNC_FRAMES_MAX; i++) {
		size_t inlined = target_frames(finder->target, finder->frame_pcs[i], frames, 16);

		for (size_t j = 0; j < inlined; j++) {
			const char *name = frames[j].function;

			if (has(name, "sync.(*Mutex).")) {
				in_mutex = true;
			} else if (has(name, "sync.(*RWMutex).Lock")) {
				wait->object = semaphore - (in_mutex ? layout->mutex_sema :
								       layout->rwmutex_writersem);
				wait->unlock = NEXT_WRITE_UNLOCK;
				wait->is_lock = true;
				return;
			} else if (has(name, "sync.(*RWMutex).RLock")) {
				wait->object = semaphore - layout->rwmutex_readersem;
				wait->unlock = NEXT_READ_UNLOCK;
				wait->is_lock = true;
				return;
			} else if (in_mutex) {
				wait->object = semaphore - layout->mutex_sema;
				wait->unlock = NEXT_UNLOCK;
				wait->is_lock = true;
				return;
			}
		}
	}
}
