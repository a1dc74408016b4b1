// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * allgs is cut into chunks, which are read by one thread, or by several when there are many, and
 * put together in their order. Then comes what needs all goroutines.
 */
#include "collect/snapshot.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "collect/chunk.h"
#include "collect/labels.h"
#include "collect/next_ops.h"
#include "collect/peers.h"
#include "collect/snapshot_assembly.h"

#define WHAT "reading the goroutines"
#define GOROUTINES_MAX (1ULL << 27)
#define THREADS_MAX 4
#define CHUNKS_A_THREAD 8 /* fewer are not worth a thread */

struct snapshot_reader {
	const struct target *target;
	struct chunk_reader *readers[THREADS_MAX]; /* NULL: not needed so far */
	struct code *code;                         /* NULL: not needed so far */
	struct peers *peers;                       /* NULL: not needed so far */
	struct snapshot_options options;           /* of the last snapshot */
	struct snapshot_memory memory;
	struct snapshot_memory next; /* its `known` is filled while a snapshot is taken */
};

struct snapshot_reader *snapshot_reader_new(const struct target *target)
{
	struct snapshot_reader *reader = calloc(1, sizeof(*reader));

	if (!reader)
		return NULL;
	reader->target = target;
	return reader;
}

void snapshot_reader_free(struct snapshot_reader *reader)
{
	if (!reader)
		return;
	for (int i = 0; i < THREADS_MAX; i++)
		chunk_reader_free(reader->readers[i]);
	snapshot_free(&reader->memory.last);
	code_free(reader->code);
	peers_free(reader->peers);
	vec_free(&reader->memory.known);
	vec_free(&reader->next.known);
	free(reader);
}

/* One reading of all chunks. */
struct job {
	struct snapshot_reader *reader;
	uint64_t table;
	size_t count; /* goroutines */
	size_t chunk_count;
	struct chunk *chunks;
	pthread_mutex_t lock;
	pthread_cond_t done;
	size_t next;    /* chunk that nobody reads yet */
	bool *finished; /* by chunk */
	bool failed;
};

struct worker {
	struct job *job;
	struct chunk_reader *reader;
	pthread_t thread;
};

static int read_one(struct job *job, struct chunk_reader *reader, size_t number)
{
	size_t first = number * CHUNK_MAX;
	size_t count = job->count - first < CHUNK_MAX ? job->count - first : CHUNK_MAX;

	return chunk_read(reader, job->table + 8 * first, first, count, &job->chunks[number]);
}

static void *work(void *arg)
{
	struct worker *worker = arg;
	struct job *job = worker->job;

	pthread_mutex_lock(&job->lock);
	while (job->next < job->chunk_count && !job->failed) {
		size_t number = job->next++;
		int status;

		pthread_mutex_unlock(&job->lock);
		status = read_one(job, worker->reader, number);
		pthread_mutex_lock(&job->lock);
		job->chunks[number].status = status;
		job->finished[number] = true;
		job->failed = job->failed || status;
		pthread_cond_signal(&job->done);
	}
	pthread_mutex_unlock(&job->lock);
	return NULL;
}

static int take_chunks_as_they_come(struct job *job, struct snapshot_assembly *assembly)
{
	int status = 0;

	for (size_t i = 0; i < job->chunk_count && !status; i++) {
		pthread_mutex_lock(&job->lock);
		while (!job->finished[i] && !job->failed)
			pthread_cond_wait(&job->done, &job->lock);
		status = job->finished[i] ? job->chunks[i].status : -ECANCELED;
		pthread_mutex_unlock(&job->lock);
		/* somebody may still be reading it */
		if (status == -ECANCELED)
			break;
		if (!status)
			status = snapshot_assembly_take(assembly, &job->chunks[i]);
		chunk_free(&job->chunks[i]);
		memset(&job->chunks[i], 0, sizeof(job->chunks[i]));
	}
	return status;
}

/* The error of whoever met one. */
static int first_failure(const struct job *job, int status)
{
	for (size_t i = 0; i < job->chunk_count; i++)
		if (job->finished[i] && job->chunks[i].status)
			return job->chunks[i].status;
	return status;
}

static int read_in_threads(struct job *job, struct worker *workers, size_t count,
			   struct snapshot_assembly *assembly)
{
	size_t started = 0;
	int status;

	while (started < count &&
	       !pthread_create(&workers[started].thread, NULL, work, &workers[started]))
		started++;
	if (!started)
		work(&workers[0]);
	status = take_chunks_as_they_come(job, assembly);
	pthread_mutex_lock(&job->lock);
	job->failed = job->failed || status;
	pthread_mutex_unlock(&job->lock);
	for (size_t i = 0; i < started; i++)
		pthread_join(workers[i].thread, NULL);
	return status == -ECANCELED ? first_failure(job, -EINVAL) : status;
}

static int read_in_turn(struct job *job, struct chunk_reader *reader,
			struct snapshot_assembly *assembly)
{
	int status = 0;

	for (size_t i = 0; i < job->chunk_count && !status; i++) {
		status = read_one(job, reader, i);
		if (!status)
			status = snapshot_assembly_take(assembly, &job->chunks[i]);
		chunk_free(&job->chunks[i]);
		memset(&job->chunks[i], 0, sizeof(job->chunks[i]));
	}
	return status;
}

static size_t threads_for(size_t chunk_count)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	size_t most = processors < 1 ? 1 : processors < THREADS_MAX ? processors : THREADS_MAX;
	size_t wanted = chunk_count / CHUNKS_A_THREAD;

	return wanted < 1 ? 1 : wanted < most ? wanted : most;
}

static int read_chunks(struct job *job, const struct snapshot_options *options,
		       const struct snapshot_memory *memory, struct snapshot_assembly *assembly)
{
	struct snapshot_reader *reader = job->reader;
	size_t threads = threads_for(job->chunk_count);
	struct worker workers[THREADS_MAX];
	int status = 0;

	job->chunks = calloc(job->chunk_count + 1, sizeof(*job->chunks));
	job->finished = calloc(job->chunk_count + 1, sizeof(*job->finished));
	if (!job->chunks || !job->finished)
		status = -ENOMEM;
	for (size_t i = 0; i < threads && !status; i++) {
		if (!reader->readers[i])
			reader->readers[i] = chunk_reader_new(reader->target);
		status = reader->readers[i] ?
				 chunk_reader_set(reader->readers[i], options, memory) :
				 -ENOMEM;
		workers[i] = (struct worker){ .job = job, .reader = reader->readers[i] };
	}
	if (!status && threads > 1)
		status = read_in_threads(job, workers, threads, assembly);
	else if (!status)
		status = read_in_turn(job, reader->readers[0], assembly);
	for (size_t i = 0; job->chunks && i < job->chunk_count; i++)
		chunk_free(&job->chunks[i]);
	free(job->chunks);
	free(job->finished);
	return status;
}

static int read_all(struct snapshot_reader *reader, const struct snapshot_options *options,
		    const struct snapshot_memory *memory, struct snapshot_assembly *assembly)
{
	const struct target *target = reader->target;
	struct job job = { .reader = reader,
			   .lock = PTHREAD_MUTEX_INITIALIZER,
			   .done = PTHREAD_COND_INITIALIZER };
	uint64_t count;
	/* the runtime writes a moved table's address before its new length: so read the length first */
	int status = memory_read_u64(target->pid, target->allglen, &count);

	if (!status)
		status = memory_read_u64(target->pid, target->allgptr, &job.table);
	if (!status && count > GOROUTINES_MAX)
		status = -EINVAL;
	if (status)
		return status;
	vec_reserve(&assembly->snapshot->goroutines, count);
	vec_reserve(&assembly->origins, count);
	vec_reserve(&assembly->next->known, count);
	job.count = count;
	job.chunk_count = (count + CHUNK_MAX - 1) / CHUNK_MAX;
	return read_chunks(&job, options, memory, assembly);
}

static int look_ahead(struct snapshot_reader *reader, const struct snapshot_options *options,
		      struct snapshot *snapshot)
{
	if (!reader->code)
		reader->code = code_new(reader->target);
	return reader->code ?
		       next_ops_find(reader->target, reader->code, options->ahead,
				     options->ahead_steps, (struct next_ops_of){ 0 }, snapshot) :
		       -ENOMEM;
}

static int find_peers(struct snapshot_reader *reader, struct snapshot *snapshot)
{
	if (!reader->peers)
		reader->peers = peers_new(reader->target->pid);
	return reader->peers ? peers_find(reader->peers, snapshot) : -ENOMEM;
}

/* What needs all goroutines. */
static int complete(struct snapshot_reader *reader, const struct snapshot_options *options,
		    struct snapshot_assembly *assembly)
{
	const struct target *target = reader->target;
	struct snapshot *snapshot = assembly->snapshot;
	uint32_t empty;
	int status = snapshot_add_string(snapshot, "", 0, &empty);

	if (!status)
		status = wait_semaphores(target, snapshot);
	if (!status)
		status = wait_conds(target, snapshot, &assembly->conds);
	if (!status)
		status = wait_chan_states(target, snapshot);
	if (!status)
		status = wait_weighted(target, snapshot);
	if (!status)
		status = wait_locks(target, snapshot);
	if (!status)
		status = labels_read(target, assembly->last, assembly->origins.data, snapshot);
	if (!status && options->peers)
		status = find_peers(reader, snapshot);
	return status || !options->ahead ? status : look_ahead(reader, options, snapshot);
}

static void snapshot_clear(struct snapshot *snapshot)
{
	snapshot->torn = snapshot->unreadable = snapshot->system = snapshot->reused = 0;
	snapshot->goroutines.len = snapshot->pcs.len = snapshot->cases.len = 0;
	snapshot->args.len = snapshot->chans.len = snapshot->locks.len = snapshot->labels.len = 0;
	snapshot->next_ops.len = snapshot->ahead_left_out = 0;
	snapshot->strings.len = 0;
}

static bool is_same_question(const struct snapshot_options *a, const struct snapshot_options *b)
{
	return a->stacks == b->stacks && a->args == b->args && a->system == b->system &&
	       a->max_depth == b->max_depth;
}

/* What the next snapshot takes over. Without memory for it, nothing. */
static void remember(struct snapshot_reader *reader, const struct snapshot_options *options,
		     const struct snapshot *snapshot)
{
	struct snapshot *last = &reader->memory.last;
	struct snapshot_memory swap;

	snapshot_clear(last);
	last->at_ns = snapshot->at_ns;
	if (vec_append(&last->goroutines, snapshot->goroutines.data, snapshot->goroutines.len) ||
	    vec_append(&last->pcs, snapshot->pcs.data, snapshot->pcs.len) ||
	    vec_append(&last->args, snapshot->args.data, snapshot->args.len) ||
	    vec_append(&last->cases, snapshot->cases.data, snapshot->cases.len) ||
	    vec_append(&last->labels, snapshot->labels.data, snapshot->labels.len) ||
	    vec_append(&last->strings, snapshot->strings.data, snapshot->strings.len)) {
		reader->memory.known.len = 0;
		return;
	}
	reader->options = *options;
	swap = reader->memory;
	reader->memory.known.data = reader->next.known.data;
	reader->memory.known.len = reader->next.known.len;
	reader->memory.known.cap = reader->next.known.cap;
	reader->next.known.data = swap.known.data;
	reader->next.known.len = swap.known.len;
	reader->next.known.cap = swap.known.cap;
}

static int snapshot_error(const struct target *target, int status, struct err *err)
{
	switch (-status) {
	case ESRCH:
		return err_set(err, ESRCH, WHAT, "start again with its new id",
			       "process %d is gone", target->pid);
	case EPERM:
		return err_set(err, EPERM, WHAT, "run it as root, or with CAP_SYS_PTRACE",
			       "the kernel does not allow it");
	case ENOMEM:
		return err_set(err, ENOMEM, WHAT, "free some memory", "out of memory");
	case EINVAL:
		return err_set(err, EINVAL, WHAT, "report it with the program's Go version",
			       "the process names an impossible number of goroutines");
	default:
		return err_set(err, -status, WHAT, "try again", "%s", strerror(-status));
	}
}

int snapshot_read(struct snapshot_reader *reader, const struct snapshot_options *options,
		  struct snapshot *snapshot, struct err *err)
{
	bool recalls = reader->memory.known.len && is_same_question(options, &reader->options);
	struct snapshot_assembly assembly = { .snapshot = snapshot,
					      .last = recalls ? &reader->memory.last : NULL,
					      .next = &reader->next };
	int status;

	snapshot_clear(snapshot);
	snapshot->has_args = options->args;
	snapshot->at_ns = clock_now_ns();
	reader->next.known.len = 0;
	status = read_all(reader, options, recalls ? &reader->memory : NULL, &assembly);
	if (!status)
		status = snapshot_assembly_end(&assembly);
	if (!status)
		status = complete(reader, options, &assembly);
	if (!status && !options->last)
		remember(reader, options, snapshot);
	snapshot_assembly_free(&assembly);
	snapshot->took_ns = clock_now_ns() - snapshot->at_ns;
	return status ? snapshot_error(reader->target, status, err) : 0;
}

int snapshot_take(const struct target *target, const struct snapshot_options *options,
		  struct snapshot *snapshot, struct err *err)
{
	struct snapshot_reader *reader = snapshot_reader_new(target);
	struct snapshot_options only = *options;
	int status;

	if (!reader)
		return snapshot_error(target, -ENOMEM, err);
	only.last = true;
	status = snapshot_read(reader, &only, snapshot, err);
	snapshot_reader_free(reader);
	return status;
}

void snapshot_free(struct snapshot *snapshot)
{
	vec_free(&snapshot->goroutines);
	vec_free(&snapshot->pcs);
	vec_free(&snapshot->args);
	vec_free(&snapshot->cases);
	vec_free(&snapshot->chans);
	vec_free(&snapshot->locks);
	vec_free(&snapshot->next_ops);
	vec_free(&snapshot->labels);
	vec_free(&snapshot->strings);
}

static int compare_chan(const void *key, const void *element)
{
	const uint64_t *addr = key;
	const struct chan_state *chan = element;

	return *addr < chan->addr ? -1 : *addr > chan->addr;
}

const struct chan_state *snapshot_chan(const struct snapshot *snapshot, uint64_t addr)
{
	if (!snapshot->chans.len)
		return NULL;
	return bsearch(&addr, snapshot->chans.data, snapshot->chans.len,
		       sizeof(snapshot->chans.data[0]), compare_chan);
}
