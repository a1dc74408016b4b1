// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "collect/leak_look.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "collect/addr_map.h"
#include "collect/heap_roots.h"
#include "collect/leak_watch.h"
#include "collect/pc_cache.h"
#include "collect/reach.h"
#include "collect/stack_memory.h"
#include "target/memory.h"
#include "target/resources.h"

#define WHAT "looking for leaks"
#define GOROUTINES_MAX (1ULL << 27)
#define STACK_NEEDED 8 /* bytes, of one of which only its state is asked for */

static const struct snapshot_options wanted = { .stacks = true, .system = true };

struct leak_looking {
	const struct target *target;
	const struct leak_look_options *options;
	struct snapshot_reader *reader;
	struct leak_look *look;
	struct snapshot before, after; /* the first look's */
	struct snapshot last;          /* the second one's */
	struct stack_memory stacks_before, stacks_after;
	struct heap heap;
	struct heap_roots roots;
	uint64_t needed;
	VEC(uint64_t) gs;
	VEC(uint32_t) moved; /* in `after`: those that are not as they were, or may have run */
	/* by goroutine of `after`: index in `before` + 1, 0: none */
	uint32_t *earlier;
	VEC(struct reach_goroutine) goroutines; /* those of `after`, then those that are gone */
	VEC(uint64_t) waits;
	struct reach reach;
	bool again; /* there was a second look */
};

static uint64_t mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * 0x9e3779b97f4a7c15ULL;
	return hash ^ hash >> 29;
}

uint64_t leak_key(const struct snapshot *snapshot, const struct goroutine *goroutine)
{
	uint64_t key = mix(goroutine->wait_kind, goroutine->wait_reason);

	key = mix(mix(key, goroutine->wait_addr), goroutine->goid);
	for (uint32_t i = 0; i < goroutine->pc_count; i++)
		key = mix(key, snapshot->pcs.data[goroutine->first_pc + i]);
	for (uint32_t i = 0; i < goroutine->case_count; i++)
		key = mix(key, snapshot->cases.data[goroutine->first_case + i].chan);
	return key;
}

static bool waits_for_nothing(const struct target *target, const struct goroutine *goroutine)
{
	const char *reason = wait_reason_text(target->reasons_minor, goroutine->wait_reason);

	return reason && (strstr(reason, "(nil chan)") || strstr(reason, "(no cases)"));
}

/* By its wait alone; what is not known for certain to wait for objects of the heap is a root. */
static enum reach_role role_of(const struct target *target, const struct goroutine *goroutine)
{
	if ((goroutine->status != G_WAITING && goroutine->status != G_LEAKED) || goroutine->torn ||
	    goroutine->system || !goroutine->pc_count)
		return REACH_ROOT;
	switch (goroutine->wait_kind) {
	case WAIT_CHAN_SEND:
	case WAIT_CHAN_RECV:
		return goroutine->case_count && !goroutine->cases_cut ? REACH_WAITS : REACH_ROOT;
	case WAIT_SELECT:
		if (goroutine->cases_cut)
			return REACH_ROOT;
		/* it queues nowhere: all of its channels are nil */
		return goroutine->case_count ? REACH_WAITS : REACH_NEVER;
	case WAIT_SEMA:
	case WAIT_COND:
	case WAIT_COROUTINE:
		return goroutine->wait_addr ? REACH_WAITS : REACH_ROOT;
	case WAIT_OTHER:
		return waits_for_nothing(target, goroutine) ? REACH_NEVER : REACH_ROOT;
	default:
		return REACH_ROOT;
	}
}

static void phase(const struct leak_looking *looking, const char *name)
{
	if (looking->options->phase)
		looking->options->phase(looking->options->ctx, name);
}

static int list_gs(struct leak_looking *looking)
{
	const struct target *target = looking->target;
	uint64_t count, table;
	int status = memory_read_u64(target->pid, target->allglen, &count);

	if (!status)
		status = memory_read_u64(target->pid, target->allgptr, &table);
	if (!status && count > GOROUTINES_MAX)
		status = -ENODATA;
	if (status)
		return status;
	looking->gs.data = calloc(count + 1, sizeof(*looking->gs.data));
	if (!looking->gs.data)
		return -ENOMEM;
	looking->gs.len = looking->gs.cap = count;
	return memory_read(target->pid, table, looking->gs.data, count * 8);
}

static int read_heap(struct leak_looking *looking)
{
	const struct leak_look_options *options = looking->options;
	struct heap_options how = { .progress = options->progress, .ctx = options->ctx };
	struct resources ours;
	int status = 0;

	/* goroutines and their stacks are here already, and will be read again */
	resources_read(getpid(), &ours);
	ours.rss += looking->stacks_before.bytes / 2;
	if (options->max_memory > ours.rss)
		how.max_bytes = options->max_memory - ours.rss;
	for (int i = 0; i < LEAK_HEAP_ATTEMPTS && !status; i++) {
		heap_free(&looking->heap);
		status = heap_read(looking->target, &how, &looking->heap, &looking->needed);
		looking->needed += ours.rss;
		if (!status && !looking->heap.odd)
			break;
	}
	if (!status)
		status = heap_roots_read(looking->target, &looking->heap, &looking->heap.spans,
					 LEAK_FOREIGN_MAX, &looking->roots);
	if (!status)
		heap_blank_write_buffers(&looking->target->layout, &looking->heap);
	return status;
}

/* Where each goroutine of `after` was before. */
static int match(struct leak_looking *looking)
{
	const struct snapshot *before = &looking->before, *after = &looking->after;
	struct addr_map by_g = { 0 };
	int status = 0;

	looking->earlier = calloc(after->goroutines.len + 1, sizeof(*looking->earlier));
	if (!looking->earlier)
		return -ENOMEM;
	for (size_t i = 0; i < before->goroutines.len && !status; i++) {
		uint32_t *slot = addr_map_put(&by_g, before->goroutines.data[i].g);

		if (slot)
			*slot = i + 1;
		else
			status = -ENOMEM;
	}
	for (size_t i = 0; i < after->goroutines.len && !status; i++) {
		const struct goroutine *goroutine = &after->goroutines.data[i];
		const uint32_t *slot = addr_map_get(&by_g, goroutine->g);

		if (slot && before->goroutines.data[*slot - 1].goid == goroutine->goid)
			looking->earlier[i] = *slot;
	}
	addr_map_free(&by_g);
	return status;
}

static struct heap_bytes bytes_of(const struct stack_memory *stacks, size_t index)
{
	const struct stack_bytes *stack = &stacks->stacks[index];

	return stack->bytes ? (struct heap_bytes){ stack->bytes, stack->len } :
			      (struct heap_bytes){ 0 };
}

static bool stayed(const struct leak_looking *looking, size_t index)
{
	uint32_t earlier = looking->earlier[index];
	const struct goroutine *goroutine = &looking->after.goroutines.data[index];

	return earlier && looking->stacks_before.stacks[earlier - 1].state == STACK_AT_REST &&
	       leak_key(&looking->after, goroutine) ==
		       leak_key(&looking->before, &looking->before.goroutines.data[earlier - 1]);
}

static int add_waits(struct leak_looking *looking, const struct goroutine *goroutine,
		     struct reach_goroutine *reach)
{
	reach->first_wait = looking->waits.len;
	for (uint32_t i = 0; i < goroutine->case_count; i++) {
		uint64_t chan = looking->after.cases.data[goroutine->first_case + i].chan;
		uint64_t *slot = chan ? vec_push(&looking->waits) : NULL;

		if (chan && !slot)
			return -ENOMEM;
		if (chan)
			*slot = chan;
	}
	if (!goroutine->case_count) {
		uint64_t *slot = vec_push(&looking->waits);

		if (!slot)
			return -ENOMEM;
		*slot = goroutine->wait_addr;
	}
	reach->wait_count = looking->waits.len - reach->first_wait;
	return 0;
}

static int add_goroutine(struct leak_looking *looking, size_t index)
{
	const struct goroutine *goroutine = &looking->after.goroutines.data[index];
	struct reach_goroutine *reach = vec_push(&looking->goroutines);
	uint32_t earlier = looking->earlier[index], *slot;
	int status = 0;

	if (!reach)
		return -ENOMEM;
	reach->g = goroutine->g;
	reach->role = role_of(looking->target, goroutine);
	if (earlier)
		reach->stacks[0] = bytes_of(&looking->stacks_before, earlier - 1);
	if (reach->role != REACH_ROOT && !stayed(looking, index))
		reach->role = REACH_ROOT;
	if (reach->role != REACH_ROOT)
		looking->look->blocked++;
	if (reach->role == REACH_WAITS)
		status = add_waits(looking, goroutine, reach);
	if (status || (reach->role != REACH_ROOT && goroutine->recalled))
		return status;
	slot = vec_push(&looking->moved);
	if (!slot)
		return -ENOMEM;
	*slot = index;
	return 0;
}

/* Those that ended meanwhile may have handed on what they had. */
static int add_gone(struct leak_looking *looking)
{
	size_t count = looking->before.goroutines.len;
	bool *there = calloc(count + 1, sizeof(*there));
	int status = there ? 0 : -ENOMEM;

	for (size_t i = 0; i < looking->after.goroutines.len && !status; i++)
		if (looking->earlier[i])
			there[looking->earlier[i] - 1] = true;
	for (size_t i = 0; i < count && !status; i++) {
		struct reach_goroutine *reach = there[i] ? NULL : vec_push(&looking->goroutines);

		if (reach)
			reach->stacks[0] = bytes_of(&looking->stacks_before, i);
		else if (!there[i])
			status = -ENOMEM;
	}
	free(there);
	return status;
}

/* Stacks of those that moved, as they are now. */
static int read_moved(struct leak_looking *looking)
{
	const struct stack_memory_options options = { .running = true };
	int status = stack_memory_read(looking->target, &looking->after, looking->moved.data,
				       looking->moved.len, &options, &looking->stacks_after);

	for (size_t i = 0; i < looking->moved.len && !status; i++) {
		uint32_t index = looking->moved.data[i];

		looking->goroutines.data[index].stacks[1] = bytes_of(&looking->stacks_after, index);
	}
	return status;
}

/* A goroutine that runs finalizers or cleanups is blocked in the program's own code. */
static bool finalizers_stuck(const struct target *target, const struct snapshot *snapshot,
			     struct pc_cache *cache)
{
	for (size_t i = 0; i < snapshot->goroutines.len; i++) {
		const struct goroutine *goroutine = &snapshot->goroutines.data[i];

		if (!goroutine->system && role_of(target, goroutine) != REACH_ROOT &&
		    pc_cache_look_up(cache, target, goroutine->startpc)->system_when_idle)
			return true;
	}
	return false;
}

static int keep_candidates(struct leak_looking *looking)
{
	const struct snapshot *after = &looking->after;

	for (size_t i = 0; i < after->goroutines.len; i++) {
		const struct goroutine *goroutine = &after->goroutines.data[i];
		struct leak_candidate *candidate;

		if (looking->goroutines.data[i].alive)
			continue;
		/* that main waits for ever is how many programs keep running */
		if (goroutine->goid == 1 && waits_for_nothing(looking->target, goroutine))
			continue;
		candidate = vec_push(&looking->look->candidates);
		if (!candidate)
			return -ENOMEM;
		*candidate = (struct leak_candidate){
			.g = goroutine->g,
			.goid = goroutine->goid,
			.goroutine = i,
			.runs = looking->stacks_before.stacks[looking->earlier[i] - 1].runs,
		};
	}
	return 0;
}

static int describe(struct leak_looking *looking)
{
	struct leak_look *look = looking->look;
	struct pc_cache *cache = pc_cache_new();

	if (!cache)
		return -ENOMEM;
	look->marked = looking->reach.marked;
	look->objects = looking->heap.objects;
	look->scan_bytes = looking->heap.scan_bytes;
	look->noscan_bytes = looking->heap.noscan_bytes;
	look->copied_bytes = looking->heap.scan_bytes + looking->stacks_before.bytes +
			     looking->stacks_after.bytes + looking->roots.globals_bytes +
			     looking->roots.foreign_bytes;
	look->heap_changed = looking->heap.odd || looking->heap.unreadable;
	look->foreign_cut = looking->roots.foreign_cut;
	look->specials_cut = looking->roots.specials_cut;
	look->finalizers_stuck = finalizers_stuck(looking->target, &looking->after, cache);
	pc_cache_free(cache);
	return 0;
}

static int mark(struct leak_looking *looking)
{
	int status;

	looking->reach = (struct reach){
		.heap = &looking->heap,
		.layout = &looking->target->layout,
		.gs = looking->gs.data,
		.g_count = looking->gs.len,
		.roots = looking->roots.areas.data,
		.root_count = looking->roots.areas.len,
		.goroutines = looking->goroutines.data,
		.goroutine_count = looking->goroutines.len,
		.waits = looking->waits.data,
		.wait_count = looking->waits.len,
	};
	status = reach_run(&looking->reach);
	if (!status)
		status = describe(looking);
	return status ? status : keep_candidates(looking);
}

static int assemble(struct leak_looking *looking)
{
	int status = match(looking);

	for (size_t i = 0; i < looking->after.goroutines.len && !status; i++)
		status = add_goroutine(looking, i);
	if (!status)
		status = read_moved(looking);
	return status ? status : add_gone(looking);
}

static int look_error(const struct leak_looking *looking, int status, struct err *err)
{
	unsigned long long mib = (looking->needed >> 20) + 1;
	char todo[160];

	switch (-status) {
	case E2BIG:
		snprintf(todo, sizeof(todo), "allow that with --max-memory %lluM", mib + mib / 10);
		return err_set(err, E2BIG, WHAT, todo,
			       "with a copy of what can hold pointers it takes %llu MiB, more than "
			       "the %llu MiB allowed",
			       mib, (unsigned long long)looking->options->max_memory >> 20);
	case ENODATA:
		return err_set(err, ENODATA, WHAT, "report it with the program's Go version",
			       "the heap of process %d is unknown: its list of spans or its "
			       "variables were not found",
			       looking->target->pid);
	case ENOMEM:
		return err_set(err, ENOMEM, WHAT, "free some memory",
			       "out of memory; it takes %llu MiB", mib);
	case ESRCH:
		return err_set(err, ESRCH, WHAT, "start again with its new id",
			       "process %d is gone", looking->target->pid);
	case EPERM:
		return err_set(err, EPERM, WHAT, "run it as root, or with CAP_SYS_PTRACE",
			       "the kernel does not allow it");
	default:
		return err_set(err, -status, WHAT, "try again", "%s", strerror(-status));
	}
}

static int read_goroutines(struct leak_looking *looking)
{
	const struct stack_memory_options all = { .running = true };
	int status = snapshot_read(looking->reader, &wanted, &looking->before, NULL);

	return status ? status :
			stack_memory_read(looking->target, &looking->before, NULL, 0, &all,
					  &looking->stacks_before);
}

int leak_look_first(struct leak_looking *looking, struct leak_look *look, struct err *err)
{
	int status;

	looking->look = look;
	look->at_ns = clock_now_ns();
	phase(looking, "reading the goroutines");
	status = read_goroutines(looking);
	if (!status) {
		phase(looking, "copying the heap");
		status = read_heap(looking);
	}
	if (!status) {
		phase(looking, "reading the goroutines again");
		status = snapshot_read(looking->reader, &wanted, &looking->after, NULL);
	}
	if (!status)
		status = list_gs(looking);
	if (!status)
		status = assemble(looking);
	if (!status) {
		look->read_ns = clock_now_ns();
		phase(looking, "following its pointers");
		status = mark(looking);
	}
	return status ? look_error(looking, status, err) : 0;
}

/* Whether those that are left have run. */
static int see_who_ran(struct leak_looking *looking)
{
	struct leak_look *look = looking->look;
	const struct stack_memory_options options = { .max_stack = STACK_NEEDED };
	struct stack_memory stacks = { 0 };
	VEC(uint32_t) which = { 0 };
	int status = 0;

	for (size_t i = 0; i < look->candidates.len && !status; i++) {
		uint32_t *slot = vec_push(&which);

		if (slot)
			*slot = look->candidates.data[i].goroutine;
		else
			status = -ENOMEM;
	}
	if (!status && which.len)
		status = stack_memory_read(looking->target, &looking->last, which.data, which.len,
					   &options, &stacks);
	for (size_t i = 0; i < look->candidates.len && !status; i++) {
		struct leak_candidate *candidate = &look->candidates.data[i];
		const struct stack_bytes *stack = &stacks.stacks[candidate->goroutine];

		candidate->ran = stack->state != STACK_AT_REST || stack->runs != candidate->runs;
	}
	stack_memory_free(&stacks);
	vec_free(&which);
	return status;
}

/* Those that are still not alive, with their places in the last snapshot. */
static int keep_lost(struct leak_looking *looking)
{
	struct leak_look *look = looking->look;
	struct addr_map by_g = { 0 };
	int status = 0;
	size_t kept = 0;

	for (size_t i = 0; i < looking->last.goroutines.len && !status; i++)
		status = addr_map_set(&by_g, looking->last.goroutines.data[i].g, i);
	for (size_t i = 0; i < look->candidates.len && !status; i++) {
		struct leak_candidate candidate = look->candidates.data[i];
		const uint32_t *place = addr_map_get(&by_g, candidate.g);

		if (!place || looking->goroutines.data[candidate.goroutine].alive)
			continue;
		candidate.goroutine = *place;
		look->candidates.data[kept++] = candidate;
	}
	look->candidates.len = kept;
	addr_map_free(&by_g);
	return status ? status : see_who_ran(looking);
}

static int watch(struct leak_looking *looking)
{
	struct leak_look *look = looking->look;
	struct leak_watch watch = { .target = looking->target,
				    .reader = looking->reader,
				    .heap = &looking->heap,
				    .snapshot = &looking->after,
				    .reach = &looking->reach,
				    .now = &looking->last };
	struct pc_cache *cache = pc_cache_new();
	int status = cache ? leak_watch_run(&watch) : -ENOMEM;

	if (!status) {
		look->marked = looking->reach.marked;
		look->passes = watch.passes;
		look->restless = !watch.enough;
		look->heap_changed |= watch.heap_changed;
		look->foreign_cut |= watch.foreign_cut;
		look->specials_cut |= watch.specials_cut;
		look->finalizers_stuck |= finalizers_stuck(looking->target, &looking->last, cache);
		status = keep_lost(looking);
	}
	pc_cache_free(cache);
	return status;
}

int leak_look_again(struct leak_looking *looking, struct leak_look *look, struct err *err)
{
	int status;

	looking->look = look;
	looking->again = true;
	/* its memory is there already, and nobody asks for what was in it any more */
	looking->last = looking->before;
	memset(&looking->before, 0, sizeof(looking->before));
	phase(looking, "watching what it writes");
	status = watch(looking);
	return status ? look_error(looking, status, err) : 0;
}

struct snapshot leak_looking_snapshot(struct leak_looking *looking)
{
	struct snapshot *last = looking->again ? &looking->last : &looking->after;
	struct snapshot snapshot = *last;

	memset(last, 0, sizeof(*last));
	return snapshot;
}

struct leak_looking *leak_looking_new(const struct target *target, struct snapshot_reader *reader,
				      const struct leak_look_options *options)
{
	struct leak_looking *looking = calloc(1, sizeof(*looking));

	if (looking) {
		looking->target = target;
		looking->reader = reader;
		looking->options = options;
	}
	return looking;
}

void leak_looking_free(struct leak_looking *looking)
{
	if (!looking)
		return;
	reach_free(&looking->reach);
	snapshot_free(&looking->before);
	snapshot_free(&looking->after);
	snapshot_free(&looking->last);
	stack_memory_free(&looking->stacks_before);
	stack_memory_free(&looking->stacks_after);
	heap_free(&looking->heap);
	heap_roots_free(&looking->roots);
	vec_free(&looking->gs);
	vec_free(&looking->moved);
	vec_free(&looking->goroutines);
	vec_free(&looking->waits);
	free(looking->earlier);
	free(looking);
}

void leak_look_free(struct leak_look *look)
{
	vec_free(&look->candidates);
}
