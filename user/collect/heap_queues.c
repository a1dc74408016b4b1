// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What finalizers and cleanups that wait for their turn are called with: it is in no object and in no special
 * record any more, but in blocks of the runtime's own memory, which Go marks as roots (runtime/mgcmark.go,
 * markroot, fixedRootFinalizers and fixedRootCleanups). A list has all blocks, used or not: what is in an
 * unused one is zero, or keeps too much alive.
 */
#include <errno.h>
#include <stdlib.h>

#include "collect/g_struct.h"
#include "collect/heap_roots.h"
#include "target/memory.h"

#define BYTES_MAX (64U << 20) /* of one list: a million and more that wait */

/* One of the lists. */
struct queue {
	uint64_t head; /* address of the variable that has the first block */
	size_t block_size;
	size_t next; /* where a block has the next one's address */
};

static bool ends(const struct target *target, const struct queue *queue, uint64_t block,
		 struct heap_roots *roots, int *status)
{
	uint8_t *bytes = block ? malloc(queue->block_size) : NULL;

	if (!block)
		return true;
	*status = bytes ? memory_read(target->pid, block, bytes, queue->block_size) : -ENOMEM;
	if (!*status)
		*status = heap_roots_add(roots, bytes, queue->block_size);
	else
		free(bytes);
	return *status;
}

static int follow(const struct target *target, const struct queue *queue, struct heap_roots *roots)
{
	uint64_t block = 0;
	int status = queue->head ? memory_read_u64(target->pid, queue->head, &block) : -EFAULT;

	for (unsigned i = 0; !status && !ends(target, queue, block, roots, &status); i++) {
		if (i == BYTES_MAX / queue->block_size)
			status = -EFAULT;
		else
			block = struct_word(roots->blocks.data[roots->blocks.len - 1], queue->next);
	}
	if (status == -EFAULT)
		roots->specials_cut = true;
	return status == -EFAULT ? 0 : status;
}

int heap_roots_queues(const struct target *target, struct heap_roots *roots)
{
	/* mfinal.go: finblock, 4 KiB from Go 1.18 to 1.27, begins with alllink */
	const struct queue finalizers = { target->allfin, 4096, 0 };
	/* mcleanup.go: cleanupQueue.all is in its third line of the cache; a block begins with an lfnode */
	const struct queue cleanups = { target->cleanups ? target->cleanups + 128 : 0, 512, 16 };
	int status = follow(target, &finalizers, roots);

	if (!status && target->build.version.minor >= 25)
		status = follow(target, &cleanups, roots);
	return status;
}
