// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "collect/leak_watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "collect/g_watch.h"
#include "collect/heap_list.h"
#include "collect/heap_roots.h"
#include "collect/heap_watch.h"
#include "collect/leak_look.h"
#include "collect/stack_memory.h"

#define MS 1000000ULL
#define WHOLE_PASSES 1 /* later ones look at what had changed by then, and at what is new */
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

#define SEEN_SAME 1  /* it is as it was there */
#define SEEN_STALE 2 /* it may have run since its stack was read */

/* A thread that ran a goroutine at the last pass, and how long it had run. */
struct thread {
	uint64_t id, ran_ns;
};

struct watching {
	struct leak_watch *watch;
	VEC(uint32_t) places; /* in watch->snapshot, + 1, by place in allgs; 0: none */
	uint8_t *seen;        /* SEEN_... by place in watch->snapshot */
	uint64_t *touched;    /* objects that something was seen to lead to, a bit each */
	VEC(uint32_t) moved;  /* in the snapshot that is looked at */
	struct g_watch gs;
	struct heap_lister *lister;
	VEC(struct thread) threads;
	bool now_is_old; /* watch->now was not read at the last pass */
	unsigned quiet;  /* passes in a row in which nothing had changed, and nothing ran */
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
	const struct snapshot *snapshot = &watching->gs.moved;

	watching->threads.len = 0;
	for (size_t i = 0; i < snapshot->goroutines.len; i++) {
		const struct goroutine *goroutine = &snapshot->goroutines.data[i];
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

	watching->seen = calloc(snapshot->goroutines.len + 1, 1);
	if (!watching->seen)
		return -ENOMEM;
	for (size_t i = 0; i < snapshot->goroutines.len; i++) {
		while (watching->places.len <= snapshot->goroutines.data[i].index)
			if (!vec_push(&watching->places))
				return -ENOMEM;
		watching->places.data[snapshot->goroutines.data[i].index] = i + 1;
	}
	return 0;
}

/* Index + 1 in the look's snapshot of a goroutine, or 0. */
static uint32_t place_of(const struct watching *watching, const struct goroutine *now)
{
	uint32_t place = now->index < watching->places.len ? watching->places.data[now->index] : 0;

	return place && watching->watch->snapshot->goroutines.data[place - 1].goid == now->goid ?
		       place :
		       0;
}

/* Whether its stack must be read, because it may hold what was nowhere else. */
static bool has_moved(struct watching *watching, const struct goroutine *now)
{
	const struct leak_watch *watch = watching->watch;
	uint32_t place = place_of(watching, now);
	uint8_t *seen = place ? &watching->seen[place - 1] : NULL;
	bool rests = now->recalled && (now->status == G_WAITING || now->status == G_LEAKED);
	bool lost = place && !watch->reach->goroutines[place - 1].alive, stale;

	if (lost && (rests || leak_key(watch->now, now) ==
				      leak_key(watch->snapshot,
					       &watch->snapshot->goroutines.data[place - 1]))) {
		*seen |= SEEN_SAME | (rests ? 0 : SEEN_STALE);
		return false;
	}
	stale = seen && (*seen & SEEN_STALE);
	if (seen)
		*seen &= ~SEEN_STALE;
	return !rests || stale;
}

/* Those that have moved; what had seemed to be lost and has moved was not. */
static int list_moved(struct watching *watching)
{
	const struct leak_watch *watch = watching->watch;

	watching->moved.len = 0;
	for (size_t i = 0; i < watch->now->goroutines.len; i++) {
		uint32_t *slot;

		if (!has_moved(watching, &watch->now->goroutines.data[i]))
			continue;
		slot = vec_push(&watching->moved);
		if (!slot)
			return -ENOMEM;
		*slot = i;
	}
	for (size_t i = 0; i < watch->snapshot->goroutines.len; i++) {
		if (!(watching->seen[i] & SEEN_SAME))
			watch->reach->goroutines[i].role = REACH_ROOT;
		watching->seen[i] &= ~SEEN_SAME;
	}
	return 0;
}

static int touch_stacks(struct watching *watching, const struct snapshot *snapshot)
{
	const struct stack_memory_options options = { .running = true };
	const struct leak_watch *watch = watching->watch;
	struct stack_memory stacks;
	int status = stack_memory_read(watch->target, snapshot, watching->moved.data,
				       watching->moved.len, &options, &stacks);

	for (size_t i = 0; i < watching->moved.len && !status; i++) {
		const struct stack_bytes *stack = &stacks.stacks[watching->moved.data[i]];

		if (stack->bytes)
			heap_touch_bytes(watch->heap, watching->touched, stack->bytes, stack->len);
	}
	stack_memory_free(&stacks);
	return status;
}

static void touch_roots(const struct watching *watching, const struct heap_roots *roots)
{
	for (size_t i = 0; i < roots->areas.len; i++)
		heap_touch_bytes(watching->watch->heap, watching->touched,
				 roots->areas.data[i].bytes, roots->areas.data[i].len);
}

static int touch_globals(const struct watching *watching)
{
	struct heap_roots roots = { 0 };
	int status = heap_roots_globals(watching->watch->target, &roots);

	if (!status)
		touch_roots(watching, &roots);
	heap_roots_free(&roots);
	return status;
}

static int read_goroutines(struct watching *watching)
{
	const struct snapshot_options wanted = { .stacks = true, .system = true };
	int status = snapshot_read(watching->watch->reader, &wanted, watching->watch->now, NULL);

	if (!status)
		status = list_moved(watching);
	return status ? status : touch_stacks(watching, watching->watch->now);
}

/* By its place in allgs. */
static bool seemed_lost(const struct watching *watching, uint32_t index)
{
	uint32_t place = index < watching->places.len ? watching->places.data[index] : 0;

	return place && !watching->watch->reach->goroutines[place - 1].alive;
}

static bool lost_one_moved(const struct watching *watching)
{
	const struct g_watch *gs = &watching->gs;

	for (size_t i = 0; i < gs->moved.goroutines.len; i++)
		if (seemed_lost(watching, gs->moved.goroutines.data[i].index))
			return true;
	for (size_t i = 0; i < gs->ended.len; i++)
		if (seemed_lost(watching, gs->ended.data[i]))
			return true;
	return false;
}

/* Those that have moved; those that seemed lost, and may have run since their stacks were read, have before. */
static int add_stale(struct watching *watching)
{
	const struct leak_watch *watch = watching->watch;

	for (size_t i = 0; i < watch->snapshot->goroutines.len; i++) {
		struct goroutine *slot;

		if (!(watching->seen[i] & SEEN_STALE) || !watch->reach->goroutines[i].alive)
			continue;
		slot = vec_push(&watching->gs.moved.goroutines);
		if (!slot)
			return -ENOMEM;
		*slot = watch->snapshot->goroutines.data[i];
		watching->seen[i] &= ~SEEN_STALE;
	}
	return 0;
}

static int number_moved(struct watching *watching)
{
	watching->moved.len = 0;
	for (size_t i = 0; i < watching->gs.moved.goroutines.len; i++) {
		uint32_t *slot = vec_push(&watching->moved);

		if (!slot)
			return -ENOMEM;
		*slot = i;
	}
	return 0;
}

/*
 * To tell who has moved it takes no more than the structs; only whether one that seemed lost still waits for
 * the same takes a snapshot.
 */
static int read_who_moved(struct watching *watching)
{
	int status = g_watch_run(&watching->gs);

	if (!status)
		status = note_threads(watching);
	if (status)
		return status;
	watching->now_is_old = !lost_one_moved(watching);
	if (!watching->now_is_old)
		return read_goroutines(watching);
	status = add_stale(watching);
	if (!status)
		status = number_moved(watching);
	return status ? status : touch_stacks(watching, &watching->gs.moved);
}

static int list_spans(const struct watching *watching, struct heap *now)
{
	int status = 0;

	for (unsigned i = 0; i < LEAK_HEAP_ATTEMPTS && !status; i++) {
		heap_free(now);
		status = heap_list(watching->lister, now);
		if (!now->odd)
			break;
	}
	return status;
}

/* As for the first look, all that the program has. */
static int look_again(struct watching *watching)
{
	struct leak_watch *watch = watching->watch;
	struct heap now = { 0 };
	struct heap_watch how = { .target = watch->target,
				  .heap = watch->heap,
				  .spans = &now.spans,
				  .touched = watching->touched,
				  .new_only = true };
	struct heap_roots roots = { 0 };
	int status = list_spans(watching, &now);

	if (!status)
		status = heap_watch_run(&how);
	if (!status)
		status = heap_roots_read(watch->target, watch->heap, &now.spans, LEAK_FOREIGN_MAX,
					 &roots);
	if (!status) {
		touch_roots(watching, &roots);
		watch->heap_changed = now.odd || how.unreadable;
		watch->foreign_cut = roots.foreign_cut;
		watch->specials_cut = roots.specials_cut;
		/* before a snapshot: what moves between the two is in the next pass's */
		status = g_watch_run(&watching->gs);
	}
	if (!status)
		status = read_goroutines(watching);
	heap_roots_free(&roots);
	heap_free(&now);
	return status;
}

/*
 * Stacks come after the heap, and those of the pass before come before it: what goes from one to the
 * other is seen in one of them.
 */
static int pass(struct watching *watching)
{
	struct leak_watch *watch = watching->watch;
	struct heap now = { 0 };
	struct heap_watch how = { .target = watch->target,
				  .heap = watch->heap,
				  .spans = &now.spans,
				  .touched = watching->touched,
				  .hot_only = watch->passes >= WHOLE_PASSES };
	int status = how.hot_only ? heap_list_news(watching->lister, watch->heap, &now) :
				    heap_list(watching->lister, &now);

	if (!status)
		status = heap_watch_run(&how);
	heap_free(&now);
	if (!status)
		status = touch_globals(watching);
	if (!status)
		status = read_who_moved(watching);
	watching->quiet = !how.changed && !watching->threads.len ? watching->quiet + 1 : 0;
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

/* What the first look had found is left to be lost in part. */
static bool any_lost(const struct leak_watch *watch)
{
	for (size_t i = 0; i < watch->snapshot->goroutines.len; i++)
		if (!watch->reach->goroutines[i].alive)
			return true;
	return false;
}

static int run(struct watching *watching)
{
	struct leak_watch *watch = watching->watch;
	uint64_t start_ns = clock_now_ns(), before_ns = worked_ns();
	int status = index_goroutines(watching);

	if (!status)
		status = read_goroutines(watching);
	if (!status)
		status = look_again(watching);
	if (!status)
		status = reach_run(watch->reach);
	while (!status && any_lost(watch) && !is_enough(watching) &&
	       has_time(start_ns, before_ns)) {
		watch->independent += wait_until_all_got_on(watching);
		status = pass(watching);
		watch->passes++;
		if (!status)
			status = reach_run(watch->reach);
	}
	watch->enough = is_enough(watching);
	if (!status && watching->now_is_old)
		status = read_goroutines(watching);
	return status ? status : reach_run(watch->reach);
}

int leak_watch_run(struct leak_watch *watch)
{
	struct watching watching = { .watch = watch, .gs.target = watch->target };
	int status = -ENOMEM;

	watch->passes = watch->independent = 0;
	watching.touched = calloc(watch->heap->numbers / 64 + 1, sizeof(*watching.touched));
	watching.lister = heap_lister_new(watch->target);
	watch->reach->touched = watching.touched;
	if (watching.touched && watching.lister)
		status = run(&watching);
	watch->reach->touched = NULL;
	free(watching.touched);
	heap_lister_free(watching.lister);
	g_watch_free(&watching.gs);
	vec_free(&watching.moved);
	vec_free(&watching.threads);
	vec_free(&watching.places);
	free(watching.seen);
	return status;
}
