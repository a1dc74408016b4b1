// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "collect/leak_watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "collect/addr_map.h"
#include "collect/heap_roots.h"
#include "collect/heap_watch.h"
#include "collect/leak_look.h"
#include "collect/stack_memory.h"

#define MS 1000000ULL
#define WHOLE_PASSES 3 /* later ones look at what has changed before, and at what is new */
/*
 * A list that a thread builds anew all the time, in new memory, evades one pass in two or three. In a
 * program that rests nothing does.
 */
#define INDEPENDENT_MIN 20
#define QUIET_MIN 2
#define WORK_MAX_NS (10000 * MS) /* of a processor: a busy machine gives us little a second */
#define LONGEST_NS (60000 * MS)
#define APART_NS (5 * MS)        /* between two passes, at least */
#define PATIENCE_NS (100 * MS)   /* for threads that get no processor, a pass */
#define ENOUGH_NS (20 * 1000ULL) /* of a processor, for all registers to have other values */

/* A thread that ran a goroutine at the last pass, and how long it had run. */
struct thread {
	uint64_t id, ran_ns;
};

struct watching {
	struct leak_watch *watch;
	struct addr_map places; /* in watch->snapshot, + 1, by g */
	struct snapshot now;
	VEC(uint32_t) moved; /* in `now` */
	VEC(struct thread) threads;
	unsigned quiet;   /* passes in a row in which nothing had changed, and nothing ran */
};

/* proc(5), schedstat: time on a processor. */
static bool thread_ran(pid_t pid, uint64_t id, uint64_t *ns)
{
	unsigned long long ran;
	char path[64];
	FILE *file;
	bool known;

	snprintf(path, sizeof(path), "/proc/%d/task/%llu/schedstat", (int)pid,
		 (unsigned long long)id);
	file = fopen(path, "re");
	if (!file)
		return false;
	known = fscanf(file, "%llu", &ran) == 1;
	fclose(file);
	*ns = ran;
	return known;
}

static int note_threads(struct watching *watching)
{
	watching->threads.len = 0;
	for (size_t i = 0; i < watching->now.goroutines.len; i++) {
		const struct goroutine *goroutine = &watching->now.goroutines.data[i];
		struct thread thread = { goroutine->m_procid, 0 }, *slot;

		if (goroutine->status != G_RUNNING || !thread.id ||
		    !thread_ran(watching->watch->target->pid, thread.id, &thread.ran_ns))
			continue;
		slot = vec_push(&watching->threads);
		if (!slot)
			return -ENOMEM;
		*slot = thread;
	}
	return 0;
}

/* One that has ended has got on, too. */
static bool all_got_on(const struct watching *watching)
{
	for (size_t i = 0; i < watching->threads.len; i++) {
		const struct thread *thread = &watching->threads.data[i];
		uint64_t ran;

		if (thread_ran(watching->watch->target->pid, thread->id, &ran) &&
		    ran < thread->ran_ns + ENOUGH_NS)
			return false;
	}
	return true;
}

static bool wait_until_all_got_on(const struct watching *watching)
{
	uint64_t end_ns = clock_now_ns() + PATIENCE_NS;

	do {
		nanosleep(&(struct timespec){ .tv_nsec = APART_NS }, NULL);
		if (all_got_on(watching))
			return true;
	} while (clock_now_ns() < end_ns);
	return false;
}

static int index_goroutines(struct watching *watching)
{
	const struct snapshot *snapshot = watching->watch->snapshot;

	for (size_t i = 0; i < snapshot->goroutines.len; i++) {
		uint32_t *slot = addr_map_put(&watching->places, snapshot->goroutines.data[i].g);

		if (!slot)
			return -ENOMEM;
		*slot = i + 1;
	}
	return 0;
}

/* Index in the look's snapshot of a goroutine that is as it was there, or -1. */
static int64_t same_as_before(const struct watching *watching, size_t index)
{
	const struct snapshot *snapshot = watching->watch->snapshot;
	const struct goroutine *now = &watching->now.goroutines.data[index];
	const uint32_t *slot = addr_map_get(&watching->places, now->g);

	if (!slot || watching->watch->reach->goroutines[*slot - 1].role == REACH_ROOT ||
	    leak_key(&watching->now, now) !=
		    leak_key(snapshot, &snapshot->goroutines.data[*slot - 1]))
		return -1;
	return *slot - 1;
}

/* Those that have moved; what had seemed to be lost and has moved was not. */
static int list_moved(struct watching *watching)
{
	size_t count = watching->watch->snapshot->goroutines.len;
	bool *same = calloc(count + 1, sizeof(*same));
	int status = same ? 0 : -ENOMEM;

	watching->moved.len = 0;
	for (size_t i = 0; i < watching->now.goroutines.len && !status; i++) {
		int64_t place = same_as_before(watching, i);
		uint32_t *slot;

		if (place >= 0) {
			same[place] = true;
			continue;
		}
		slot = vec_push(&watching->moved);
		if (slot)
			*slot = i;
		else
			status = -ENOMEM;
	}
	for (size_t i = 0; i < count && !status; i++)
		if (!same[i])
			watching->watch->reach->goroutines[i].role = REACH_ROOT;
	free(same);
	return status;
}

static int touch_stacks(struct watching *watching)
{
	const struct stack_memory_options options = { .running = true };
	const struct leak_watch *watch = watching->watch;
	struct stack_memory stacks;
	int status = stack_memory_read(watch->target, &watching->now, watching->moved.data,
				       watching->moved.len, &options, &stacks);

	for (size_t i = 0; i < watching->moved.len && !status; i++) {
		const struct stack_bytes *stack = &stacks.stacks[watching->moved.data[i]];

		if (stack->bytes)
			heap_touch_bytes(watch->heap, watch->touched, stack->bytes, stack->len);
	}
	stack_memory_free(&stacks);
	return status;
}

static int touch_globals(const struct leak_watch *watch)
{
	struct heap_roots roots = { 0 };
	int status = heap_roots_globals(watch->target, &roots);

	for (size_t i = 0; i < roots.areas.len && !status; i++)
		heap_touch_bytes(watch->heap, watch->touched, roots.areas.data[i].bytes,
				 roots.areas.data[i].len);
	heap_roots_free(&roots);
	return status;
}

static int read_goroutines(struct watching *watching)
{
	const struct snapshot_options wanted = { .stacks = true, .system = true };
	int status = snapshot_read(watching->watch->reader, &wanted, &watching->now, NULL);

	if (!status)
		status = list_moved(watching);
	return status ? status : touch_stacks(watching);
}

/*
 * Stacks come after the heap, and those of the pass before come before it: what goes from one to the
 * other is seen in one of them.
 */
static int pass(struct watching *watching)
{
	const struct leak_watch *watch = watching->watch;
	bool hot_only = watch->passes >= WHOLE_PASSES;
	uint64_t changed = 0;
	int status = heap_watch(watch->target, watch->heap, hot_only, watch->touched, &changed);

	if (!status)
		status = touch_globals(watch);
	if (!status)
		status = read_goroutines(watching);
	if (!status)
		status = note_threads(watching);
	watching->quiet = !changed && !watching->threads.len ? watching->quiet + 1 : 0;
	return status;
}

/* With the copy as it is now, and all that was ever seen. */
static int mark(struct watching *watching)
{
	struct reach *reach = watching->watch->reach;
	int status = reach_run(reach);

	for (size_t i = 0; i < reach->goroutine_count; i++)
		if (reach->goroutines[i].alive)
			reach->goroutines[i].role = REACH_ROOT;
	return status;
}

static uint64_t worked_ns(void)
{
	struct timespec worked;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &worked);
	return (uint64_t)worked.tv_sec * NSEC_PER_SEC + worked.tv_nsec;
}

static bool has_time(uint64_t start_ns, uint64_t worked_before_ns)
{
	return clock_now_ns() - start_ns < LONGEST_NS &&
	       worked_ns() - worked_before_ns < WORK_MAX_NS;
}

static bool is_enough(const struct watching *watching)
{
	return watching->watch->independent >= INDEPENDENT_MIN || watching->quiet >= QUIET_MIN;
}

int leak_watch_run(struct leak_watch *watch)
{
	struct watching watching = { .watch = watch };
	uint64_t start_ns = clock_now_ns(), before_ns = worked_ns();
	int status = index_goroutines(&watching);

	if (!status)
		status = read_goroutines(&watching);
	watch->passes = watch->independent = 0;
	watch->reach->touched = watch->touched;
	while (!status && !is_enough(&watching) && has_time(start_ns, before_ns)) {
		watch->independent += wait_until_all_got_on(&watching);
		status = pass(&watching);
		watch->passes++;
		if (!status)
			status = mark(&watching);
	}
	watch->enough = is_enough(&watching);
	watch->reach->touched = NULL;
	snapshot_free(&watching.now);
	vec_free(&watching.moved);
	vec_free(&watching.threads);
	addr_map_free(&watching.places);
	return status;
}
