// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "target/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#define GAP_MAX 4096          /* cheaper to read than to begin a new piece */
#define RUN_MAX (1 << 18)     /* bytes of one merged read */
#define BATCH_RUNS 512        /* below IOV_MAX */
#define BATCH_BYTES (1 << 18) /* it is copied on while it is in the cache */

static int read_error(void)
{
	return errno == EFAULT || errno == ESRCH || errno == EPERM ? -errno : -EFAULT;
}

int memory_read(pid_t pid, uint64_t addr, void *to, size_t len)
{
	char *at = to;

	while (len) {
		struct iovec local = { at, len }, remote = { (void *)addr, len };
		ssize_t got = process_vm_readv(pid, &local, 1, &remote, 1, 0);

		if (got < 0)
			return read_error();
		if (!got)
			return -EFAULT;
		at += got;
		addr += got;
		len -= got;
	}
	return 0;
}

int memory_read_u64(pid_t pid, uint64_t addr, uint64_t *value)
{
	return memory_read(pid, addr, value, sizeof(*value));
}

static int by_address(const void *a, const void *b)
{
	const struct memory_piece *x = *(struct memory_piece *const *)a;
	const struct memory_piece *y = *(struct memory_piece *const *)b;

	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

/* Neighbouring pieces read as one: [addr, addr + len) of the target into the batch's buffer. */
struct run {
	uint64_t addr;
	size_t len;
	size_t first, count; /* pieces, in sorted order */
};

struct batch {
	struct run runs[BATCH_RUNS];
	struct iovec remote[BATCH_RUNS];
	size_t run_count, bytes;
	char *buffer; /* BATCH_BYTES */
};

static void hand_out(const struct run *run, const char *bytes, size_t got,
		     struct memory_piece **pieces)
{
	for (size_t i = run->first; i < run->first + run->count; i++) {
		size_t at = pieces[i]->addr - run->addr;

		if (at + pieces[i]->len > got)
			continue;
		memcpy(pieces[i]->to, bytes + at, pieces[i]->len);
		pieces[i]->ok = true;
	}
}

/* A gap or a neighbour was unmapped: each piece of the run on its own. */
static int read_singly(pid_t pid, const struct run *run, struct memory_piece **pieces)
{
	for (size_t i = run->first; i < run->first + run->count; i++) {
		int status;

		if (pieces[i]->ok)
			continue;
		status = memory_read(pid, pieces[i]->addr, pieces[i]->to, pieces[i]->len);
		if (status == -ESRCH || status == -EPERM)
			return status;
		pieces[i]->ok = !status;
	}
	return 0;
}

/*
 * process_vm_readv stops at the first byte it cannot read. What came before is handed out, the run
 * it stopped in is read piece by piece, and the rest goes on behind it.
 */
static int read_batch(pid_t pid, struct batch *batch, struct memory_piece **pieces)
{
	size_t next = 0;

	for (size_t i = 0; i < batch->run_count; i++)
		batch->remote[i] =
			(struct iovec){ (void *)batch->runs[i].addr, batch->runs[i].len };
	while (next < batch->run_count) {
		struct iovec local = { batch->buffer, batch->bytes };
		ssize_t got = process_vm_readv(pid, &local, 1, batch->remote + next,
					       batch->run_count - next, 0);
		size_t left, at = 0;
		int status;

		if (got < 0 && read_error() != -EFAULT)
			return read_error();
		left = got < 0 ? 0 : got;
		for (; next < batch->run_count; next++) {
			struct run *run = &batch->runs[next];
			size_t have = left < run->len ? left : run->len;

			hand_out(run, batch->buffer + at, have, pieces);
			left -= have;
			at += have;
			if (have == run->len)
				continue;
			status = read_singly(pid, run, pieces);
			if (status)
				return status;
			next++;
			break;
		}
	}
	batch->run_count = batch->bytes = 0;
	return 0;
}

static int read_sorted(pid_t pid, struct memory_piece **pieces, size_t count, struct batch *batch)
{
	size_t i = 0;

	while (i < count) {
		struct run run = { .addr = pieces[i]->addr, .first = i };
		uint64_t end = run.addr;

		for (; i < count; i++, run.count++) {
			uint64_t piece_end = pieces[i]->addr + pieces[i]->len;

			if (run.count &&
			    (pieces[i]->addr > end + GAP_MAX || piece_end - run.addr > RUN_MAX))
				break;
			if (piece_end > end)
				end = piece_end;
		}
		run.len = end - run.addr;
		if (run.len > BATCH_BYTES) {
			int status = read_singly(pid, &run, pieces);

			if (status)
				return status;
			continue;
		}
		if (batch->run_count == BATCH_RUNS || batch->bytes + run.len > BATCH_BYTES) {
			int status = read_batch(pid, batch, pieces);

			if (status)
				return status;
		}
		batch->runs[batch->run_count++] = run;
		batch->bytes += run.len;
	}
	return batch->run_count ? read_batch(pid, batch, pieces) : 0;
}

struct memory_scratch {
	struct batch batch;
	struct memory_piece **sorted;
	size_t sorted_size;
};

struct memory_scratch *memory_scratch_new(void)
{
	struct memory_scratch *scratch = calloc(1, sizeof(*scratch));

	if (!scratch)
		return NULL;
	scratch->batch.buffer = malloc(BATCH_BYTES);
	if (scratch->batch.buffer)
		return scratch;
	free(scratch);
	return NULL;
}

void memory_scratch_free(struct memory_scratch *scratch)
{
	if (!scratch)
		return;
	free(scratch->batch.buffer);
	free(scratch->sorted);
	free(scratch);
}

static int make_room(struct memory_scratch *scratch, size_t count)
{
	if (count <= scratch->sorted_size)
		return 0;
	free(scratch->sorted);
	scratch->sorted = calloc(count, sizeof(*scratch->sorted));
	scratch->sorted_size = scratch->sorted ? count : 0;
	return scratch->sorted ? 0 : -ENOMEM;
}

int memory_read_many_with(pid_t pid, struct memory_piece *pieces, size_t count,
			  struct memory_scratch *scratch)
{
	bool ascending = true;
	int status = make_room(scratch, count);

	if (status)
		return status;
	scratch->batch.run_count = scratch->batch.bytes = 0;
	for (size_t i = 0; i < count; i++) {
		pieces[i].ok = false;
		scratch->sorted[i] = &pieces[i];
		ascending = ascending && (!i || pieces[i - 1].addr <= pieces[i].addr);
	}
	if (!ascending)
		qsort(scratch->sorted, count, sizeof(*scratch->sorted), by_address);
	return read_sorted(pid, scratch->sorted, count, &scratch->batch);
}

int memory_read_many(pid_t pid, struct memory_piece *pieces, size_t count)
{
	struct memory_scratch *scratch = memory_scratch_new();
	int status = scratch ? memory_read_many_with(pid, pieces, count, scratch) : -ENOMEM;

	memory_scratch_free(scratch);
	return status;
}
