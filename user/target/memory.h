/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The target's memory, read from outside with process_vm_readv: it is never written, never
 * stopped. What a pointer in it says is not trusted: callers bound every count they read.
 */
#ifndef TARGET_MEMORY_H
#define TARGET_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct memory_piece {
	uint64_t addr;
	void *to; /* at least `len` bytes, the caller's */
	size_t len;
	bool ok; /* out: all of it was read */
};

/* Read all or nothing: 0, -EFAULT (unmapped), -ESRCH (target gone), -EPERM. */
int memory_read(pid_t pid, uint64_t addr, void *to, size_t len);

/*
 * Read many pieces in as few calls as possible; neighbours (sorted by the callee, gaps up to a
 * page) are merged. Sets `ok` of each. Returns 0 even when single pieces fail; -ESRCH, -EPERM,
 * -ENOMEM when all do.
 */
int memory_read_many(pid_t pid, struct memory_piece *pieces, size_t count);

/* The same with buffers that are kept between calls: for callers that read all the time. */
struct memory_scratch *memory_scratch_new(void); /* NULL: no memory */
void memory_scratch_free(struct memory_scratch *scratch);
int memory_read_many_with(pid_t pid, struct memory_piece *pieces, size_t count,
			  struct memory_scratch *scratch);

/* One little-endian word; 0 or -errno as memory_read. */
int memory_read_u64(pid_t pid, uint64_t addr, uint64_t *value);

#endif
