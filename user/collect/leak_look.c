// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "collect/leak_look.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "collect/addr_map.h"
#include "collect/heap_roots.h"
#include "collect/leak_watch.h"
#include "collect/pc_cache.h"
#include "collect/reach.h"
#include "collect/stack_memory.h"
#include "target/memory.h"

#define WHAT "looking for leaks"
#define GOROUTINES_MAX (1ULL << 27)
#define HEAP_ATTEMPTS 3
#define FOREIGN_MAX (512ULL << 20)

static const struct snapshot_options wanted = { .stacks = true, .system = true };

/* One look in the making. */
struct looking {
	const struct target *target;
	const struct leak_look_options *options;
	struct leak_look *look;
	struct snapshot_reader *reader;
	struct snapshot before, *after;
	struct stack_memory stacks_before, stacks_after;
	struct heap heap;
	struct heap_roots roots;
	uint64_t needed;
	VEC(uint64_t) gs;
	VEC(uint32_t) moved; /* in `after`: those that are not as they were */
	/* by goroutine of `after`: index in `before` + 1, 0: none */
	uint32_t *earlier;
	VEC(struct reach_goroutine) goroutines; /* those of `after`, then those that are gone */
	VEC(uint64_t) waits;
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

static void phase(const struct looking *looking, const char *name)
{
	if (looking->options->phase)
		looking->options->phase(looking->options->ctx, name);
}

static int list_gs(struct looking *looking)
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

/* A program that allocates much changes its spans all the time: it gets a few chances. */
static int read_heap(struct looking *looking)
{
	int status = 0;

	for (int i = 0; i < HEAP_ATTEMPTS && !status; i++) {
		heap_free(&looking->heap);
		status = heap_read(looking->target, &looking->options->heap, &looking->heap,
				   &looking->needed);
		if (!status && !looking->heap.odd)
			break;
	}
	if (!status)
		status = heap_roots_read(looking->target, &looking->heap, FOREIGN_MAX,
					 &looking->roots);
	if (!status)
		heap_blank_write_buffers(&looking->target->layout, &looking->heap);
	return status;
}

/* Where each goroutine of `after` was before. */
static int match(struct looking *looking)
{
	const struct snapshot *before = &looking->before, *after = looking->after;
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

static bool stayed(const struct looking *looking, size_t index)
{
	uint32_t earlier = looking->earlier[index];
	const struct goroutine *goroutine = &looking->after->goroutines.data[index];

	return earlier && looking->stacks_before.stacks[earlier - 1].state == STACK_AT_REST &&
	       leak_key(looking->after, goroutine) ==
		       leak_key(&looking->before, &looking->before.goroutines.data[earlier - 1]);
}

static int add_waits(struct looking *looking, const struct goroutine *goroutine,
		     struct reach_goroutine *reach)
{
	reach->first_wait = looking->waits.len;
	for (uint32_t i = 0; i < goroutine->case_count; i++) {
		uint64_t chan = looking->after->cases.data[goroutine->first_case + i].chan;
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

static int add_goroutine(struct looking *looking, size_t index)
{
	const struct goroutine *goroutine = &looking->after->goroutines.data[index];
	struct reach_goroutine *reach = vec_push(&looking->goroutines);
	uint32_t earlier = looking->earlier[index], *slot;

	if (!reach)
		return -ENOMEM;
	reach->g = goroutine->g;
	reach->role = role_of(looking->target, goroutine);
	if (earlier)
		reach->stacks[0] = bytes_of(&looking->stacks_before, earlier - 1);
	if (reach->role != REACH_ROOT && stayed(looking, index)) {
		looking->look->blocked++;
		return reach->role == REACH_WAITS ? add_waits(looking, goroutine, reach) : 0;
	}
	reach->role = REACH_ROOT;
	slot = vec_push(&looking->moved);
	if (!slot)
		return -ENOMEM;
	*slot = index;
	return 0;
}

/* Those that ended meanwhile may have handed on what they had. */
static int add_gone(struct looking *looking)
{
	size_t count = looking->before.goroutines.len;
	bool *there = calloc(count + 1, sizeof(*there));
	int status = there ? 0 : -ENOMEM;

	for (size_t i = 0; i < looking->after->goroutines.len && !status; i++)
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
static int read_moved(struct looking *looking)
{
	const struct stack_memory_options options = { .running = true };
	int status = stack_memory_read(looking->target, looking->after, looking->moved.data,
				       looking->moved.len, &options, &looking->stacks_after);

	for (size_t i = 0; i < looking->moved.len && !status; i++) {
		uint32_t index = looking->moved.data[i];

		looking->goroutines.data[index].stacks[1] = bytes_of(&looking->stacks_after, index);
	}
	return status;
}

/* A goroutine that runs finalizers or cleanups is blocked in the program's own code. */
static bool finalizers_stuck(const struct looking *looking, struct pc_cache *cache)
{
	for (size_t i = 0; i < looking->after->goroutines.len; i++) {
		const struct goroutine *goroutine = &looking->after->goroutines.data[i];

		if (!goroutine->system && looking->goroutines.data[i].role != REACH_ROOT &&
		    pc_cache_look_up(cache, looking->target, goroutine->startpc)->system_when_idle)
			return true;
	}
	return false;
}

static int keep_candidates(struct looking *looking)
{
	const struct snapshot *after = looking->after;

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
			.key = leak_key(after, goroutine),
			.goroutine = i,
			.runs = looking->stacks_before.stacks[looking->earlier[i] - 1].runs,
		};
	}
	return 0;
}

static void describe(struct looking *looking, uint64_t marked, struct pc_cache *cache)
{
	struct leak_look *look = looking->look;

	look->marked = marked;
	look->objects = looking->heap.objects;
	look->scan_bytes = looking->heap.scan_bytes;
	look->noscan_bytes = looking->heap.noscan_bytes;
	look->copied_bytes = looking->needed + looking->stacks_before.bytes +
			     looking->stacks_after.bytes + looking->roots.globals_bytes +
			     looking->roots.foreign_bytes;
	look->heap_changed = looking->heap.odd || looking->heap.unreadable;
	look->foreign_cut = looking->roots.foreign_cut;
	look->specials_cut = looking->roots.specials_cut;
	look->finalizers_stuck = finalizers_stuck(looking, cache);
}

static bool any_lost(const struct looking *looking)
{
	for (size_t i = 0; i < looking->after->goroutines.len; i++)
		if (!looking->goroutines.data[i].alive)
			return true;
	return false;
}

/* Watch what the program does, and mark once more with what was seen. */
static int watch(struct looking *looking, struct reach *reach)
{
	uint64_t *touched = calloc(looking->heap.numbers / 64 + 1, sizeof(*touched));
	struct leak_watch watch = { .target = looking->target,
				    .reader = looking->reader,
				    .heap = &looking->heap,
				    .snapshot = looking->after,
				    .reach = reach,
				    .touched = touched };
	int status = touched ? leak_watch_run(&watch) : -ENOMEM;

	looking->look->passes = watch.passes;
	looking->look->restless = !watch.enough;
	free(touched);
	return status;
}

static int mark(struct looking *looking)
{
	struct reach reach = {
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
	struct pc_cache *cache = pc_cache_new();
	int status = cache ? reach_run(&reach) : -ENOMEM;

	if (!status && looking->options->watches && any_lost(looking)) {
		phase(looking, "watching what it writes");
		status = watch(looking, &reach);
	}
	if (!status)
		describe(looking, reach.marked, cache);
	reach_free(&reach);
	pc_cache_free(cache);
	return status ? status : keep_candidates(looking);
}

static int assemble(struct looking *looking)
{
	int status = match(looking);

	for (size_t i = 0; i < looking->after->goroutines.len && !status; i++)
		status = add_goroutine(looking, i);
	if (!status)
		status = read_moved(looking);
	return status ? status : add_gone(looking);
}

static void release(struct looking *looking)
{
	snapshot_free(&looking->before);
	stack_memory_free(&looking->stacks_before);
	stack_memory_free(&looking->stacks_after);
	heap_free(&looking->heap);
	heap_roots_free(&looking->roots);
	vec_free(&looking->gs);
	vec_free(&looking->moved);
	vec_free(&looking->goroutines);
	vec_free(&looking->waits);
	free(looking->earlier);
}

static int look_error(const struct looking *looking, int status, struct err *err)
{
	unsigned long long mib = (looking->needed >> 20) + 1;
	char todo[160];

	switch (-status) {
	case E2BIG:
		snprintf(todo, sizeof(todo), "allow that with --max-memory %lluM", mib + mib / 10);
		return err_set(err, E2BIG, WHAT, todo,
			       "a copy of what can hold pointers takes %llu MiB, more than allowed",
			       mib);
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

int leak_look(const struct target *target, struct snapshot_reader *reader,
	      const struct leak_look_options *options, struct snapshot *snapshot,
	      struct leak_look *look, struct err *err)
{
	const struct stack_memory_options all = { .running = true };
	struct looking *looking = calloc(1, sizeof(*looking));
	int status;

	memset(look, 0, sizeof(*look));
	if (!looking)
		return err_set(err, ENOMEM, WHAT, "free some memory", "out of memory");
	looking->target = target;
	looking->options = options;
	looking->look = look;
	looking->reader = reader;
	looking->after = snapshot;
	look->at_ns = clock_now_ns();
	phase(looking, "reading the goroutines");
	status = snapshot_read(reader, &wanted, &looking->before, err);
	if (status) {
		release(looking);
		free(looking);
		return status;
	}
	status =
		stack_memory_read(target, &looking->before, NULL, 0, &all, &looking->stacks_before);
	if (!status) {
		phase(looking, "copying the heap");
		status = read_heap(looking);
	}
	if (!status) {
		phase(looking, "reading the goroutines again");
		if (snapshot_read(reader, &wanted, snapshot, err)) {
			release(looking);
			free(looking);
			return -EIO;
		}
		status = list_gs(looking);
	}
	if (!status)
		status = assemble(looking);
	if (!status) {
		phase(looking, "following its pointers");
		status = mark(looking);
	}
	if (status)
		look_error(looking, status, err);
	release(looking);
	free(looking);
	return status;
}

void leak_look_free(struct leak_look *look)
{
	vec_free(&look->candidates);
}
