// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "collect/chunk.h"

#include <errno.h>
#include <stdlib.h>

#include "collect/g_struct.h"
#include "collect/unwind.h"
#include "collect/wait_object.h"

#define DEFAULT_DEPTH 128
#define TORN_RETRIES 3
#define WINDOW_MAX 2048
#define ARGS_MAX (1U << 22) /* of a chunk's goroutines: a thousand each */

/* A goroutine to be read: it is new, or has run since the last snapshot. */
struct resting {
	uint32_t goroutine; /* in the chunk */
	uint32_t slot;      /* in `before` and `after` */
	bool rests;
	struct g_rest rest;
	uint8_t *window; /* [rest.sp, rest.sp + window_len) of the target */
	size_t window_len;
};

void chunk_free(struct chunk *chunk)
{
	vec_free(&chunk->goroutines);
	vec_free(&chunk->origins);
	vec_free(&chunk->known);
	vec_free(&chunk->cases);
	vec_free(&chunk->args);
	vec_free(&chunk->conds);
	stack_set_free(&chunk->stacks);
}

struct chunk_reader *chunk_reader_new(const struct target *target)
{
	struct chunk_reader *reader = calloc(1, sizeof(*reader));

	if (!reader)
		return NULL;
	reader->target = target;
	reader->g_size = target->layout.g_size;
	reader->cache = pc_cache_new();
	reader->scratch = memory_scratch_new();
	reader->addrs = malloc(CHUNK_MAX * sizeof(*reader->addrs));
	reader->before = malloc(CHUNK_MAX * reader->g_size);
	reader->after = malloc(CHUNK_MAX * reader->g_size);
	reader->windows = malloc((size_t)CHUNK_MAX * WINDOW_MAX);
	reader->pieces = malloc(CHUNK_MAX * sizeof(*reader->pieces));
	reader->resting = malloc(CHUNK_MAX * sizeof(*reader->resting));
	reader->spill = malloc(UNWIND_SPILL);
	if (reader->cache && reader->scratch && reader->addrs && reader->before && reader->after &&
	    reader->windows && reader->pieces && reader->resting && reader->spill)
		return reader;
	chunk_reader_free(reader);
	return NULL;
}

void chunk_reader_free(struct chunk_reader *reader)
{
	if (!reader)
		return;
	pc_cache_free(reader->cache);
	frame_args_free(reader->args);
	memory_scratch_free(reader->scratch);
	free(reader->addrs);
	free(reader->before);
	free(reader->after);
	free(reader->windows);
	free(reader->pieces);
	free(reader->resting);
	free(reader->spill);
	free(reader->pcs);
	free(reader);
}

int chunk_reader_set(struct chunk_reader *reader, const struct snapshot_options *options,
		     const struct snapshot_memory *memory)
{
	size_t depth = options->max_depth ? options->max_depth : DEFAULT_DEPTH;

	reader->options = options;
	reader->memory = memory;
	reader->max_depth = depth;
	if (options->args && !reader->args) {
		reader->args = frame_args_new(reader->target);
		if (!reader->args)
			return -ENOMEM;
	}
	if (depth <= reader->pcs_size)
		return 0;
	free(reader->pcs);
	reader->pcs = malloc(depth * sizeof(*reader->pcs));
	reader->pcs_size = reader->pcs ? depth : 0;
	return reader->pcs ? 0 : -ENOMEM;
}

static const struct pc_info *info_of(struct chunk_reader *reader, uint64_t pc)
{
	return pc_cache_look_up(reader->cache, reader->target, pc);
}

static int read_gs(struct chunk_reader *reader, const uint64_t *addrs, uint8_t *to, size_t count)
{
	for (size_t i = 0; i < count; i++)
		reader->pieces[i] = (struct memory_piece){ .addr = addrs[i],
							   .to = to + i * reader->g_size,
							   .len = reader->g_size };
	return memory_read_many_with(reader->target->pid, reader->pieces, count, reader->scratch);
}

/* Number of the goroutine in the last snapshot when it has not run since, else CHUNK_NONE. */
static uint32_t recall(const struct chunk_reader *reader, size_t place, uint64_t addr,
		       uint64_t hash)
{
	const struct snapshot_memory *memory = reader->memory;
	const struct known_g *known;

	if (!memory || place >= memory->known.len)
		return CHUNK_NONE;
	known = &memory->known.data[place];
	return known->g == addr && known->hash == hash ? known->goroutine : CHUNK_NONE;
}

static struct goroutine *push(struct chunk *chunk, uint32_t origin)
{
	struct goroutine *goroutine = vec_push(&chunk->goroutines);
	uint32_t *slot = vec_push(&chunk->origins);

	if (!goroutine || !slot)
		return NULL;
	*slot = origin;
	return goroutine;
}

static int keep_stack(struct chunk *chunk, struct goroutine *goroutine, const uint64_t *pcs,
		      size_t count)
{
	goroutine->pc_count = count;
	goroutine->first_pc = CHUNK_NONE;
	return count ? stack_set_add(&chunk->stacks, pcs, count, &goroutine->first_pc) : 0;
}

static int keep_recalled(struct chunk_reader *reader, struct chunk *chunk, uint32_t origin)
{
	const struct snapshot *last = &reader->memory->last;
	struct goroutine *goroutine = push(chunk, origin);

	if (!goroutine)
		return -ENOMEM;
	*goroutine = last->goroutines.data[origin];
	goroutine->recalled = true;
	goroutine->peer = 0;
	if (!goroutine->since_ns)
		goroutine->since_ns = last->at_ns;
	chunk->system += goroutine->system;
	return keep_stack(chunk, goroutine, last->pcs.data + goroutine->first_pc,
			  goroutine->pc_count);
}

static int keep_new(struct chunk_reader *reader, struct chunk *chunk, size_t slot)
{
	const uint8_t *g = reader->before + slot * reader->g_size;
	struct resting *resting = &reader->resting[reader->resting_count];
	const struct pc_info *start;
	struct goroutine described, *goroutine;

	g_describe(reader->target, reader->addrs[slot], g, &described);
	start = info_of(reader, described.startpc);
	described.system = start->system_start;
	chunk->system += described.system;
	if (described.system && !reader->options->system && !start->system_when_idle)
		return 0;
	goroutine = push(chunk, CHUNK_NONE);
	if (!goroutine)
		return -ENOMEM;
	*goroutine = described;
	goroutine->first_pc = CHUNK_NONE;
	*resting = (struct resting){ .goroutine = chunk->goroutines.len - 1, .slot = slot };
	resting->rests = g_rests(&reader->target->layout, g, &resting->rest);
	reader->resting_count++;
	return 0;
}

static int keep_goroutines(struct chunk_reader *reader, struct chunk *chunk, size_t first,
			   size_t count)
{
	const struct layout *layout = &reader->target->layout;

	for (size_t i = 0; i < count; i++) {
		const uint8_t *g = reader->before + i * reader->g_size;
		struct known_g *known = vec_push(&chunk->known);
		int status = 0;

		if (!known)
			return -ENOMEM;
		*known = (struct known_g){ .g = reader->addrs[i], .goroutine = CHUNK_NONE };
		if (!reader->pieces[i].ok) {
			chunk->unreadable++;
		} else if (g_exists(layout, g)) {
			uint32_t origin;

			if (reader->memory || !reader->options->last)
				known->hash = g_hash(g, reader->g_size);
			origin = recall(reader, first + i, known->g, known->hash);
			known->goroutine = chunk->goroutines.len;
			status = origin != CHUNK_NONE ? keep_recalled(reader, chunk, origin) :
							keep_new(reader, chunk, i);
			if (known->goroutine == chunk->goroutines.len)
				known->goroutine = CHUNK_NONE;
			else
				chunk->goroutines.data[known->goroutine].index = first + i;
		}
		if (status)
			return status;
	}
	return 0;
}

static int read_windows(struct chunk_reader *reader)
{
	uint8_t *window = reader->windows;
	size_t pieces = 0;
	int status;

	for (size_t i = 0; i < reader->resting_count; i++) {
		struct resting *resting = &reader->resting[i];
		uint64_t used = resting->rest.hi - resting->rest.sp;

		if (!resting->rests)
			continue;
		resting->window = window;
		resting->window_len = used < WINDOW_MAX ? used : WINDOW_MAX;
		reader->pieces[pieces++] = (struct memory_piece){ .addr = resting->rest.sp,
								  .to = window,
								  .len = resting->window_len };
		window += resting->window_len;
	}
	status =
		memory_read_many_with(reader->target->pid, reader->pieces, pieces, reader->scratch);
	for (size_t i = 0, piece = 0; i < reader->resting_count; i++)
		if (reader->resting[i].rests && !reader->pieces[piece++].ok)
			reader->resting[i].window_len = 0;
	return status;
}

static int read_gs_again(struct chunk_reader *reader)
{
	for (size_t i = 0; i < reader->resting_count; i++) {
		size_t slot = reader->resting[i].slot;

		reader->pieces[i] =
			(struct memory_piece){ .addr = reader->addrs[slot],
					       .to = reader->after + slot * reader->g_size,
					       .len = reader->g_size };
	}
	return memory_read_many_with(reader->target->pid, reader->pieces, reader->resting_count,
				     reader->scratch);
}

/* *reads_later: memory was read that had not been read beforehand. */
static size_t walk(struct chunk_reader *reader, const struct resting *resting, bool *cut,
		   bool *reads_later)
{
	size_t count;

	struct unwind unwind = { .target = reader->target,
				 .cache = reader->cache,
				 .pc = resting->rest.pc,
				 .sp = resting->rest.sp,
				 .stack_hi = resting->rest.hi,
				 .in_syscall = resting->rest.in_syscall,
				 .window = resting->window,
				 .window_len = resting->window_len,
				 .spill = reader->spill,
				 .args = reader->options->args ? reader->args : NULL };

	*cut = true;
	if (unwind.args) {
		unwind.args->values.len = 0;
		unwind.args->cut = false;
	}
	count = resting->rests ? unwind_stack(&unwind, reader->pcs, reader->max_depth, cut) : 0;
	*reads_later = unwind.spill_len != 0;
	return count;
}

/* Those of the last walk. */
static int keep_args(struct chunk_reader *reader, struct chunk *chunk, struct goroutine *goroutine)
{
	goroutine->first_arg = chunk->args.len;
	if (!reader->options->args || !goroutine->pc_count ||
	    reader->args->values.len > ARGS_MAX - chunk->args.len)
		return 0;
	for (size_t i = 0; i < reader->args->values.len; i++) {
		uint64_t *value = vec_push(&chunk->args);

		if (!value)
			return -ENOMEM;
		*value = reader->args->values.data[i];
	}
	goroutine->arg_count = reader->args->values.len;
	return 0;
}

/*
 * One goroutine from scratch. False: it still would not hold still. *same: nothing at all of it
 * changed meanwhile.
 */
static bool read_again(struct chunk_reader *reader, struct goroutine *goroutine,
		       struct resting *resting, size_t *count, bool *same)
{
	const struct layout *layout = &reader->target->layout;
	uint8_t *first = reader->before + resting->slot * reader->g_size;
	uint8_t *second = reader->after + resting->slot * reader->g_size;
	pid_t pid = reader->target->pid;
	bool system = goroutine->system, reads_later;
	uint64_t addr = goroutine->g;

	for (int i = 0; i < TORN_RETRIES; i++) {
		if (memory_read(pid, addr, first, reader->g_size) || !g_exists(layout, first))
			return false;
		g_describe(reader->target, addr, first, goroutine);
		goroutine->system = system;
		resting->rests = g_rests(layout, first, &resting->rest);
		resting->window_len = 0;
		*count = walk(reader, resting, &goroutine->stack_cut, &reads_later);
		if (memory_read(pid, addr, second, reader->g_size))
			return false;
		*same = !memcmp(first, second, reader->g_size);
		if (*same)
			return true;
	}
	return g_is_same_rest(layout, first, second);
}

static bool runs_user_code(struct chunk_reader *reader, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!info_of(reader, reader->pcs[i])->in_runtime)
			return true;
	return false;
}

/* The finalizers' goroutine is a user's while it runs a finalizer. */
static void settle_system(struct chunk_reader *reader, struct chunk *chunk,
			  struct goroutine *goroutine, size_t count)
{
	if (!goroutine->system || !info_of(reader, goroutine->startpc)->system_when_idle ||
	    !runs_user_code(reader, count))
		return;
	goroutine->system = false;
	chunk->system--;
}

/* What runs, or changed while it was read, is not remembered. */
static void remember(const struct chunk_reader *reader, struct chunk *chunk,
		     const struct resting *resting, bool same, bool again)
{
	struct known_g *known = &chunk->known.data[resting->slot];

	if (!same || !resting->rests)
		known->goroutine = CHUNK_NONE;
	else if (again)
		known->hash =
			g_hash(reader->before + resting->slot * reader->g_size, reader->g_size);
}

static int walk_stacks(struct chunk_reader *reader, struct chunk *chunk)
{
	for (size_t i = 0; i < reader->resting_count; i++) {
		struct resting *resting = &reader->resting[i];
		struct goroutine *goroutine = &chunk->goroutines.data[resting->goroutine];
		const uint8_t *before = reader->before + resting->slot * reader->g_size;
		uint8_t *after = reader->after + resting->slot * reader->g_size;
		bool same = reader->pieces[i].ok, reads_later, again;
		size_t count = walk(reader, resting, &goroutine->stack_cut, &reads_later);
		int status;

		/* of a deep stack, parts were read after the struct was looked at again */
		if (reads_later && same)
			same = !memory_read(reader->target->pid, goroutine->g, after,
					    reader->g_size);
		same = same && !memcmp(before, after, reader->g_size);
		again = !same;
		if (again && !read_again(reader, goroutine, resting, &count, &same)) {
			goroutine->torn = true;
			goroutine->stack_cut = true;
			resting->rests = false;
			chunk->torn++;
			count = 0;
		}
		remember(reader, chunk, resting, same, again);
		settle_system(reader, chunk, goroutine, count);
		status = keep_stack(chunk, goroutine, reader->pcs, count);
		if (!status)
			status = keep_args(reader, chunk, goroutine);
		if (status)
			return status;
	}
	return 0;
}

/* What resting goroutines wait for, as far as one of them alone can tell. */
static int find_objects(struct chunk_reader *reader, struct chunk *chunk)
{
	struct waiters waiters = { .target = reader->target,
				   .scratch = reader->scratch,
				   .hints = &reader->hints,
				   .chunk = chunk };
	int status = -ENOMEM;

	waiters.list = calloc(reader->resting_count + 1, sizeof(*waiters.list));
	if (!waiters.list)
		return -ENOMEM;
	for (size_t i = 0; i < reader->resting_count; i++) {
		const struct resting *resting = &reader->resting[i];
		const uint8_t *g = reader->before + resting->slot * reader->g_size;
		struct goroutine *goroutine = &chunk->goroutines.data[resting->goroutine];

		if (goroutine->torn)
			continue;
		waiters.list[waiters.count++] = (struct waiter){
			.goroutine = resting->goroutine,
			.g = g,
			.sp = resting->rest.sp,
			.hi = resting->rest.hi,
			.window = resting->window,
			.window_len = resting->rests ? resting->window_len : 0,
		};
	}
	status = wait_objects(&waiters);
	free(waiters.list);
	return status;
}

static void drop_system(struct chunk *chunk)
{
	size_t kept = 0;
	uint32_t moved[CHUNK_MAX];

	for (size_t i = 0; i < chunk->goroutines.len; i++) {
		moved[i] = chunk->goroutines.data[i].system ? CHUNK_NONE : kept;
		if (chunk->goroutines.data[i].system)
			continue;
		chunk->origins.data[kept] = chunk->origins.data[i];
		chunk->goroutines.data[kept++] = chunk->goroutines.data[i];
	}
	if (kept == chunk->goroutines.len)
		return;
	chunk->goroutines.len = chunk->origins.len = kept;
	for (size_t i = 0; i < chunk->known.len; i++)
		if (chunk->known.data[i].goroutine != CHUNK_NONE)
			chunk->known.data[i].goroutine = moved[chunk->known.data[i].goroutine];
	kept = 0;
	for (size_t i = 0; i < chunk->conds.len; i++) {
		struct cond_waiter waiter = chunk->conds.data[i];

		waiter.goroutine = moved[waiter.goroutine];
		if (waiter.goroutine != CHUNK_NONE)
			chunk->conds.data[kept++] = waiter;
	}
	chunk->conds.len = kept;
}

int chunk_read(struct chunk_reader *reader, uint64_t table, size_t first, size_t count,
	       struct chunk *chunk)
{
	int status = memory_read(reader->target->pid, table, reader->addrs, count * 8);

	reader->resting_count = 0;
	if (!status)
		status = read_gs(reader, reader->addrs, reader->before, count);
	if (!status)
		status = keep_goroutines(reader, chunk, first, count);
	if (!status && reader->options->stacks && reader->resting_count) {
		status = read_windows(reader);
		if (!status)
			status = read_gs_again(reader);
		if (!status)
			status = walk_stacks(reader, chunk);
	}
	if (!status && reader->resting_count)
		status = find_objects(reader, chunk);
	if (!status && !reader->options->system)
		drop_system(chunk);
	return status;
}
