// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A chunk of goroutines at a time: their g structs, the tops of their stacks, then the g structs
 * again. What changed in between was running and is read once more on its own.
 */
#include "collect/snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "collect/unwind.h"
#include "collect/wait_object.h"
#include "target/memory.h"

#define WHAT "reading the goroutines"
#define CHUNK 8192
#define GOROUTINES_MAX (1ULL << 27)
#define G_SIZE_MAX 4096
#define STACK_MAX (4ULL << 30)
#define DEFAULT_DEPTH 128
#define TORN_RETRIES 3

struct reader {
	const struct target *target;
	const struct snapshot_options *options;
	struct snapshot *snapshot;
	struct pc_cache *cache;
	size_t g_size, max_depth;
	uint64_t addrs[CHUNK];
	uint8_t *before, *after;  /* CHUNK g structs each */
	uint8_t *stacks;          /* CHUNK windows */
	size_t window_len[CHUNK]; /* bytes of each that were read */
	uint64_t waiting[CHUNK];
	size_t slot[CHUNK]; /* of the chunk's goroutines that were kept: index in `addrs` */
	uint64_t *pcs;      /* max_depth */
	struct memory_piece pieces[CHUNK];
};

static uint64_t word(const uint8_t *bytes, uint32_t offset)
{
	uint64_t value;

	if (offset == LAYOUT_ABSENT)
		return 0;
	memcpy(&value, bytes + offset, sizeof(value));
	return value;
}

static uint32_t raw_status(const struct layout *layout, const uint8_t *g)
{
	uint32_t status;

	memcpy(&status, g + layout->g_atomicstatus, sizeof(status));
	return status;
}

static bool exists(uint32_t status)
{
	return status != G_IDLE && status != G_DEAD && status != G_DEADEXTRA &&
	       status <= G_DEADEXTRA;
}

/* The same rest: nothing that a walk of the stack depends on has changed. */
static bool is_same_rest(const struct layout *layout, const uint8_t *a, const uint8_t *b)
{
	const uint32_t fields[] = { layout->g_goid,
				    layout->g_sched + layout->gobuf_pc,
				    layout->g_sched + layout->gobuf_sp,
				    layout->g_stack_lo,
				    layout->g_stack_lo + 8,
				    layout->g_syscallsp,
				    layout->g_syscallpc };

	if ((raw_status(layout, a) & ~G_SCAN_BIT) != (raw_status(layout, b) & ~G_SCAN_BIT))
		return false;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (word(a, fields[i]) != word(b, fields[i]))
			return false;
	return true;
}

static void describe(struct reader *reader, uint64_t addr, const uint8_t *g,
		     struct goroutine *goroutine)
{
	const struct target *target = reader->target;
	const struct layout *layout = &target->layout;
	uint32_t status = raw_status(layout, g);

	*goroutine = (struct goroutine){
		.g = addr,
		.goid = word(g, layout->g_goid),
		.parent_goid = word(g, layout->g_parentgoid),
		.gopc = word(g, layout->g_gopc),
		.startpc = word(g, layout->g_startpc),
		.waitsince_ns = word(g, layout->g_waitsince),
		.status = status & ~G_SCAN_BIT,
		.scan = status & G_SCAN_BIT,
		.locked = word(g, layout->g_lockedm) != 0,
	};
	if (goroutine->status == G_WAITING || goroutine->status == G_LEAKED) {
		goroutine->wait_reason = g[layout->g_waitreason];
		goroutine->wait_kind = wait_kind_of(
			wait_reason_text(target->reasons_minor, goroutine->wait_reason));
	}
	goroutine->system =
		pc_cache_look_up(reader->cache, target, goroutine->startpc)->system_start;
}

/* Where the goroutine rests; false when it does not. */
static bool resting_place(const struct layout *layout, const uint8_t *g, uint64_t *pc, uint64_t *sp,
			  uint64_t *hi)
{
	uint64_t lo = word(g, layout->g_stack_lo);

	*hi = word(g, layout->g_stack_lo + 8);
	switch (raw_status(layout, g) & ~G_SCAN_BIT) {
	case G_SYSCALL:
	case G_RUNNABLE:
	case G_WAITING:
	case G_PREEMPTED:
	case G_LEAKED:
		/* also after a system call, until it runs again */
		*sp = word(g, layout->g_syscallsp);
		if (*sp) {
			*pc = word(g, layout->g_syscallpc);
			break;
		}
		*pc = word(g, layout->g_sched + layout->gobuf_pc);
		*sp = word(g, layout->g_sched + layout->gobuf_sp);
		break;
	default:
		return false;
	}
	return *pc && *sp >= lo && *sp < *hi && *hi - lo <= STACK_MAX && *sp % 8 == 0;
}

static size_t window_length(uint64_t sp, uint64_t hi)
{
	return hi - sp < UNWIND_WINDOW ? hi - sp : UNWIND_WINDOW;
}

static int keep_stack(struct reader *reader, struct goroutine *goroutine, size_t count)
{
	struct snapshot *snapshot = reader->snapshot;

	goroutine->first_pc = snapshot->pcs.len;
	goroutine->pc_count = count;
	for (size_t i = 0; i < count; i++) {
		uint64_t *pc = vec_push(&snapshot->pcs);

		if (!pc)
			return -ENOMEM;
		*pc = reader->pcs[i];
	}
	return 0;
}

static size_t walk(struct reader *reader, const uint8_t *g, uint8_t *window, size_t window_len,
		   bool *cut)
{
	struct unwind unwind = { .target = reader->target,
				 .cache = reader->cache,
				 .window = window,
				 .window_len = window_len };

	*cut = true;
	if (!resting_place(&reader->target->layout, g, &unwind.pc, &unwind.sp, &unwind.stack_hi))
		return 0;
	unwind.in_syscall = word(g, reader->target->layout.g_syscallsp) != 0;
	unwind.window_addr = unwind.sp;
	return unwind_stack(&unwind, reader->pcs, reader->max_depth, cut);
}

/* One goroutine from scratch; false: it still would not hold still. */
static bool read_again(struct reader *reader, struct goroutine *goroutine, uint8_t *window,
		       size_t *count)
{
	const struct layout *layout = &reader->target->layout;
	uint8_t first[G_SIZE_MAX], second[G_SIZE_MAX];
	pid_t pid = reader->target->pid;
	uint64_t addr = goroutine->g;

	for (int i = 0; i < TORN_RETRIES; i++) {
		if (memory_read(pid, addr, first, reader->g_size))
			return false;
		describe(reader, addr, first, goroutine);
		*count = walk(reader, first, window, 0, &goroutine->stack_cut);
		if (memory_read(pid, addr, second, reader->g_size))
			return false;
		if (is_same_rest(layout, first, second))
			return true;
	}
	*count = 0;
	return false;
}

static int read_stacks(struct reader *reader, size_t first)
{
	const struct layout *layout = &reader->target->layout;
	size_t count = reader->snapshot->goroutines.len - first, pieces = 0;
	bool rests[CHUNK];
	int status;

	for (size_t i = 0; i < count; i++) {
		uint64_t pc, sp, hi;

		rests[i] = resting_place(layout, reader->before + reader->slot[i] * reader->g_size,
					 &pc, &sp, &hi);
		if (rests[i])
			reader->pieces[pieces++] =
				(struct memory_piece){ .addr = sp,
						       .to = reader->stacks + i * UNWIND_WINDOW,
						       .len = window_length(sp, hi) };
	}
	status = memory_read_many(reader->target->pid, reader->pieces, pieces);
	if (status)
		return status;
	for (size_t i = 0, piece = 0; i < count; i++) {
		reader->window_len[i] = 0;
		if (!rests[i])
			continue;
		if (reader->pieces[piece].ok)
			reader->window_len[i] = reader->pieces[piece].len;
		piece++;
	}
	return 0;
}

static int read_gs(struct reader *reader, uint8_t *to, size_t count)
{
	for (size_t i = 0; i < count; i++)
		reader->pieces[i] = (struct memory_piece){ .addr = reader->addrs[i],
							   .to = to + i * reader->g_size,
							   .len = reader->g_size };
	return memory_read_many(reader->target->pid, reader->pieces, count);
}

static bool runs_user_code(struct reader *reader, const uint64_t *pcs, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!pc_cache_look_up(reader->cache, reader->target, pcs[i])->in_runtime)
			return true;
	return false;
}

/* The finalizers' goroutine is a user's while it runs a finalizer. */
static void settle_system(struct reader *reader, struct goroutine *goroutine, size_t count)
{
	if (!goroutine->system ||
	    !pc_cache_look_up(reader->cache, reader->target, goroutine->startpc)->system_when_idle)
		return;
	goroutine->system = !runs_user_code(reader, reader->pcs, count);
	reader->snapshot->system -= !goroutine->system;
}

static void drop_system(struct snapshot *snapshot, size_t first)
{
	size_t kept = first;

	for (size_t i = first; i < snapshot->goroutines.len; i++)
		if (!snapshot->goroutines.data[i].system)
			snapshot->goroutines.data[kept++] = snapshot->goroutines.data[i];
	snapshot->goroutines.len = kept;
}

static int walk_stacks(struct reader *reader, size_t first)
{
	const struct layout *layout = &reader->target->layout;
	struct snapshot *snapshot = reader->snapshot;

	for (size_t i = first; i < snapshot->goroutines.len; i++) {
		struct goroutine *goroutine = &snapshot->goroutines.data[i];
		size_t slot = reader->slot[i - first], count;
		const uint8_t *before = reader->before + slot * reader->g_size;
		uint8_t *window = reader->stacks + (i - first) * UNWIND_WINDOW;
		int status;

		count = walk(reader, before, window, reader->window_len[i - first],
			     &goroutine->stack_cut);
		if (!is_same_rest(layout, before, reader->after + slot * reader->g_size) &&
		    !read_again(reader, goroutine, window, &count)) {
			goroutine->torn = true;
			snapshot->torn++;
			count = 0;
		}
		if (goroutine->status == G_RUNNING)
			goroutine->stack_cut = true;
		settle_system(reader, goroutine, count);
		status = keep_stack(reader, goroutine, count);
		if (status)
			return status;
	}
	return 0;
}

static int keep_goroutines(struct reader *reader, size_t count, size_t first)
{
	const struct layout *layout = &reader->target->layout;
	struct snapshot *snapshot = reader->snapshot;

	for (size_t i = 0; i < count; i++) {
		const uint8_t *g = reader->before + i * reader->g_size;
		struct goroutine described, *goroutine;

		if (!reader->pieces[i].ok) {
			snapshot->unreadable++;
			continue;
		}
		if (!exists(raw_status(layout, g) & ~G_SCAN_BIT))
			continue;
		describe(reader, reader->addrs[i], g, &described);
		snapshot->system += described.system;
		if (described.system && !reader->options->system &&
		    !pc_cache_look_up(reader->cache, reader->target, described.startpc)
			     ->system_when_idle)
			continue;
		goroutine = vec_push(&snapshot->goroutines);
		if (!goroutine)
			return -ENOMEM;
		*goroutine = described;
		reader->slot[snapshot->goroutines.len - 1 - first] = i;
		reader->waiting[snapshot->goroutines.len - 1 - first] = word(g, layout->g_waiting);
	}
	return 0;
}

static int read_chunk(struct reader *reader, uint64_t table, size_t count)
{
	size_t first = reader->snapshot->goroutines.len;
	int status = memory_read(reader->target->pid, table, reader->addrs, count * 8);

	if (!status)
		status = read_gs(reader, reader->before, count);
	if (!status)
		status = keep_goroutines(reader, count, first);
	if (!status && reader->options->stacks) {
		status = read_stacks(reader, first);
		if (!status)
			status = read_gs(reader, reader->after, count);
		if (!status)
			status = walk_stacks(reader, first);
	}
	if (!status)
		status = wait_object_channels(reader->target, reader->snapshot, first,
					      reader->waiting);
	if (!reader->options->system)
		drop_system(reader->snapshot, first);
	return status;
}

static int read_all(struct reader *reader)
{
	const struct target *target = reader->target;
	uint64_t count, table;
	int status = memory_read_u64(target->pid, target->allglen, &count);

	if (!status)
		status = memory_read_u64(target->pid, target->allgptr, &table);
	if (!status && count > GOROUTINES_MAX)
		status = -EINVAL;
	for (uint64_t i = 0; !status && i < count; i += CHUNK)
		status = read_chunk(reader, table + 8 * i, count - i < CHUNK ? count - i : CHUNK);
	if (!status)
		status = wait_object_semaphores(target, reader->snapshot);
	if (!status)
		status = wait_object_chan_states(target, reader->snapshot);
	return status;
}

static void reader_free(struct reader *reader)
{
	if (!reader)
		return;
	pc_cache_free(reader->cache);
	free(reader->before);
	free(reader->after);
	free(reader->stacks);
	free(reader->pcs);
	free(reader);
}

static struct reader *reader_new(const struct target *target,
				 const struct snapshot_options *options, struct snapshot *snapshot)
{
	struct reader *reader = calloc(1, sizeof(*reader));

	if (!reader)
		return NULL;
	reader->target = target;
	reader->options = options;
	reader->snapshot = snapshot;
	reader->g_size = target->layout.g_size;
	reader->max_depth = options->max_depth ? options->max_depth : DEFAULT_DEPTH;
	reader->cache = pc_cache_new();
	reader->before = malloc(CHUNK * reader->g_size);
	reader->after = malloc(CHUNK * reader->g_size);
	reader->stacks = malloc((size_t)CHUNK * UNWIND_WINDOW);
	reader->pcs = calloc(reader->max_depth, sizeof(*reader->pcs));
	if (reader->cache && reader->before && reader->after && reader->stacks && reader->pcs)
		return reader;
	reader_free(reader);
	return NULL;
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

int snapshot_take(const struct target *target, const struct snapshot_options *options,
		  struct snapshot *snapshot, struct err *err)
{
	struct reader *reader = reader_new(target, options, snapshot);
	int status = -ENOMEM;

	snapshot->at_ns = clock_now_ns();
	snapshot->torn = snapshot->unreadable = snapshot->system = 0;
	snapshot->goroutines.len = snapshot->pcs.len = snapshot->cases.len = snapshot->chans.len =
		0;
	if (reader)
		status = read_all(reader);
	reader_free(reader);
	snapshot->took_ns = clock_now_ns() - snapshot->at_ns;
	return status ? snapshot_error(target, status, err) : 0;
}

void snapshot_free(struct snapshot *snapshot)
{
	vec_free(&snapshot->goroutines);
	vec_free(&snapshot->pcs);
	vec_free(&snapshot->cases);
	vec_free(&snapshot->chans);
}
