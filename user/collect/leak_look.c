// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "collect/leak_look_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "target/memory.h"
#include "target/resources.h"

#define WHAT "looking for leaks"
#define GOROUTINES_MAX (1ULL << 27)

static const struct snapshot_options wanted = { .stacks = true, .system = true };

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

static int keep_candidates(struct leak_looking *looking)
{
	const struct snapshot *after = &looking->after;

	for (size_t i = 0; i < after->goroutines.len; i++) {
		const struct goroutine *goroutine = &after->goroutines.data[i];
		struct leak_candidate *candidate;

		if (looking->goroutines.data[i].alive)
			continue;
		/* that main waits for ever is how many programs keep running */
		if (goroutine->goid == 1 && leak_waits_for_nothing(looking->target, goroutine))
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
	look->finalizers_stuck = leak_finalizers_stuck(looking->target, &looking->after, cache);
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

int leak_look_error(const struct leak_looking *looking, int status, struct err *err)
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
	leak_looking_phase(looking, "reading the goroutines");
	status = read_goroutines(looking);
	if (!status) {
		leak_looking_phase(looking, "copying the heap");
		status = read_heap(looking);
	}
	if (!status) {
		leak_looking_phase(looking, "reading the goroutines again");
		status = snapshot_read(looking->reader, &wanted, &looking->after, NULL);
	}
	if (!status)
		status = list_gs(looking);
	if (!status)
		status = leak_looking_assemble(looking);
	if (!status) {
		look->read_ns = clock_now_ns();
		leak_looking_phase(looking, "following its pointers");
		status = mark(looking);
	}
	return status ? leak_look_error(looking, status, err) : 0;
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
