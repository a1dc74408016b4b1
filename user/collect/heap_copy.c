// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "collect/heap_copy.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "target/memory.h"

#define PIECE_MAX (4ULL << 20) /* bytes of one call: longer ones hold up the target's page faults */
#define THREADS 2
#define BYTES_A_THREAD (16ULL << 20) /* less is not worth one */
#define PAGE 4096ULL

/* Runs that one call copies: their places follow one another. */
struct piece {
	size_t first, count;
	uint64_t len;
};

struct work {
	struct heap_copy *copy;
	VEC(struct heap_run) runs;
	VEC(struct piece) pieces;
	pthread_mutex_t lock;
	size_t next; /* piece that nobody copies yet */
	uint64_t done, unreadable;
	int status;
};

int heap_copy_add(struct heap_copy *copy, struct heap_span *span)
{
	struct heap_span **slot = vec_push(&copy->spans);

	if (!slot)
		return -ENOMEM;
	*slot = span;
	/* places stay aligned to words */
	copy->total += (span->limit - span->start + 7) & ~7ULL;
	return 0;
}

void heap_copy_free(struct heap_copy *copy)
{
	vec_free(&copy->spans);
}

static int add_run(struct work *work, uint64_t addr, uint64_t len, uint8_t *to)
{
	struct heap_run *last = work->runs.len ? &work->runs.data[work->runs.len - 1] : NULL;
	struct piece *piece = work->pieces.len ? &work->pieces.data[work->pieces.len - 1] : NULL;
	bool fits = piece && piece->len + len <= PIECE_MAX && last->to + last->len == to;

	if (fits && last->addr + last->len == addr) {
		last->len += len;
		piece->len += len;
		return 0;
	}
	if (!fits || piece->count == HEAP_RUNS_MAX) {
		piece = vec_push(&work->pieces);
		if (!piece)
			return -ENOMEM;
		piece->first = work->runs.len;
	}
	last = vec_push(&work->runs);
	if (!last)
		return -ENOMEM;
	*last = (struct heap_run){ addr, len, to };
	piece->count++;
	piece->len += len;
	return 0;
}

static int plan(struct work *work, uint8_t *block)
{
	for (size_t i = 0; i < work->copy->spans.len; i++) {
		struct heap_span *span = work->copy->spans.data[i];
		uint64_t size = span->limit - span->start;

		span->bytes = block;
		for (uint64_t at = 0; at < size; at += PIECE_MAX) {
			uint64_t len = size - at < PIECE_MAX ? size - at : PIECE_MAX;

			if (add_run(work, span->start + at, len, block + at))
				return -ENOMEM;
		}
		block += (size + 7) & ~7ULL;
	}
	return 0;
}

/* Something of the run is not there: a page at a time. */
static int copy_pages(pid_t pid, const struct heap_run *run, uint64_t *unreadable)
{
	for (uint64_t at = 0; at < run->len;) {
		uint64_t len = PAGE - (run->addr + at) % PAGE;
		int status;

		if (len > run->len - at)
			len = run->len - at;
		status = memory_read(pid, run->addr + at, run->to + at, len);
		if (status && status != -EFAULT)
			return status;
		if (status) {
			memset(run->to + at, 0, len);
			(*unreadable)++;
		}
		at += len;
	}
	return 0;
}

int heap_copy_runs(pid_t pid, const struct heap_run *runs, size_t count, uint64_t *unreadable)
{
	struct iovec remote[HEAP_RUNS_MAX];
	size_t next = 0;

	for (size_t i = 0; i < count; i++)
		remote[i] = (struct iovec){ (void *)runs[i].addr, runs[i].len };
	while (next < count) {
		struct iovec local = { runs[next].to,
				       runs[count - 1].to + runs[count - 1].len - runs[next].to };
		ssize_t got = process_vm_readv(pid, &local, 1, remote + next, count - next, 0);
		uint64_t left = got < 0 ? 0 : got;
		int status;

		if (got < 0 && errno != EFAULT)
			return -errno;
		while (next < count && left >= runs[next].len)
			left -= runs[next++].len;
		if (next == count)
			break;
		status = copy_pages(pid, &runs[next++], unreadable);
		if (status)
			return status;
	}
	return 0;
}

static void copy_some(struct work *work, bool reports)
{
	const struct heap_options *options = work->copy->options;

	pthread_mutex_lock(&work->lock);
	while (work->next < work->pieces.len && !work->status) {
		const struct piece *piece = &work->pieces.data[work->next++];
		uint64_t unreadable = 0, done;
		int status;

		pthread_mutex_unlock(&work->lock);
		status = heap_copy_runs(work->copy->target->pid, work->runs.data + piece->first,
					piece->count, &unreadable);
		pthread_mutex_lock(&work->lock);
		work->unreadable += unreadable;
		work->done += piece->len;
		done = work->done;
		if (status)
			work->status = status;
		if (reports && options->progress && !work->copy->quiet) {
			pthread_mutex_unlock(&work->lock);
			options->progress(options->ctx, done, work->copy->total);
			pthread_mutex_lock(&work->lock);
		}
	}
	pthread_mutex_unlock(&work->lock);
}

static void *copy_in_thread(void *arg)
{
	copy_some(arg, false);
	return NULL;
}

static void copy_by_threads(struct work *work)
{
	pthread_t threads[THREADS - 1];
	size_t started = 0;

	while (work->copy->total > BYTES_A_THREAD && started < THREADS - 1 &&
	       !pthread_create(&threads[started], NULL, copy_in_thread, work))
		started++;
	copy_some(work, true);
	for (size_t i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
}

int heap_copy_run(struct heap_copy *copy, struct heap *heap)
{
	struct work work = { .copy = copy, .lock = PTHREAD_MUTEX_INITIALIZER };
	struct heap_block *block;
	uint8_t *bytes;

	if (!copy->total)
		return 0;
	bytes = mmap(NULL, copy->total, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (bytes == MAP_FAILED)
		return -ENOMEM;
	block = vec_push(&heap->blocks);
	if (!block) {
		munmap(bytes, copy->total);
		return -ENOMEM;
	}
	*block = (struct heap_block){ bytes, copy->total };
	madvise(bytes, copy->total, MADV_HUGEPAGE);
	work.status = plan(&work, bytes);
	if (!work.status)
		copy_by_threads(&work);
	heap->unreadable += work.unreadable;
	vec_free(&work.runs);
	vec_free(&work.pieces);
	return work.status;
}
