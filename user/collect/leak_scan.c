// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "collect/leak_scan.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/background.h"
#include "base/clock.h"
#include "collect/code.h"
#include "collect/next_ops.h"
#include "target/resources.h"

#define AHEAD_STEPS (1U << 22) /* instructions: a fraction of a second */
#define NO_MEMORY(err)                                                                             \
	err_set(err, ENOMEM, "looking for leaks", "free some memory", "out of memory")

struct progress {
	const struct leak_scan_options *options;
	const char *phase;
};

static void begin_phase(void *ctx, const char *name)
{
	struct progress *progress = ctx;

	progress->phase = name;
	if (progress->options->progress)
		progress->options->progress(progress->options->ctx, name, 0);
}

static void copied(void *ctx, uint64_t done, uint64_t total)
{
	const struct progress *progress = ctx;

	if (progress->options->progress && total)
		progress->options->progress(progress->options->ctx, progress->phase,
					    (unsigned)(done * 100 / total));
}

/* What holds for all that one of the looks found. */
static enum leak_doubt doubt_of(const struct leak_look *look)
{
	if (look->heap_changed)
		return LEAK_HEAP_CHANGED;
	if (look->foreign_cut)
		return LEAK_FOREIGN;
	if (look->restless)
		return LEAK_RESTLESS;
	return look->specials_cut || look->finalizers_stuck ? LEAK_FINALIZERS : LEAK_NO_DOUBT;
}

static int take_over(struct leak_scan *scan, const struct leak_look *look)
{
	enum leak_doubt of_looks = doubt_of(look);

	for (size_t i = 0; i < look->candidates.len; i++) {
		const struct leak_candidate *candidate = &look->candidates.data[i];
		struct leak_found *found = vec_push(&scan->found);

		if (!found)
			return -ENOMEM;
		*found = (struct leak_found){ .goroutine = candidate->goroutine,
					      .doubt = candidate->ran ? LEAK_RAN : of_looks };
	}
	return 0;
}

/* What those that are leaked would do next, for whom they wait for among themselves. */
static int look_ahead(const struct target *target, struct leak_scan *scan)
{
	struct code *code = code_new(target);
	VEC(uint32_t) leaked = { 0 };
	int status = code ? 0 : -ENOMEM;

	for (size_t i = 0; i < scan->found.len && !status; i++) {
		uint32_t *slot;

		if (scan->found.data[i].doubt != LEAK_NO_DOUBT)
			continue;
		slot = vec_push(&leaked);
		if (slot)
			*slot = scan->found.data[i].goroutine;
		else
			status = -ENOMEM;
	}
	if (!status && leaked.len)
		status = next_ops_find(target, code, AHEAD_OF_ALL, AHEAD_STEPS,
				       (struct next_ops_of){ leaked.data, leaked.len },
				       &scan->snapshot);
	vec_free(&leaked);
	code_free(code);
	return status;
}

static void wait_until(uint64_t at_ns)
{
	const struct timespec at = { at_ns / NSEC_PER_SEC, at_ns % NSEC_PER_SEC };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
		;
}

static void note(struct leak_scan *scan, const struct leak_look *look)
{
	scan->looks++;
	scan->blocked = look->blocked;
	scan->scan_bytes = look->scan_bytes;
	scan->noscan_bytes = look->noscan_bytes;
	scan->objects = look->objects;
	scan->marked = look->marked;
	scan->passes = look->passes;
	scan->copied_bytes = look->copied_bytes;
}

uint64_t leak_scan_fair_memory(void)
{
	struct resources ours;

	resources_read(getpid(), &ours);
	return ours.memory_available ? ours.memory_available / 2 + ours.rss : UINT64_MAX;
}

static int look_again(struct leak_looking *looking, const struct leak_scan_options *options,
		      struct progress *progress, struct leak_scan *scan, struct leak_look *look,
		      struct err *err)
{
	size_t count = look->candidates.len;
	uint64_t again_ns;
	int status;

	begin_phase(progress, "waiting for the second look");
	wait_until(look->read_ns + options->pause_ns);
	again_ns = clock_now_ns();
	status = leak_look_again(looking, look, err);
	if (status)
		return status;
	note(scan, look);
	scan->apart_ns = again_ns - look->at_ns;
	scan->withdrawn = count - look->candidates.len;
	return take_over(scan, look) ? NO_MEMORY(err) : 0;
}

static int look_twice(const struct target *target, struct snapshot_reader *reader,
		      const struct leak_scan_options *options, struct leak_scan *scan,
		      struct err *err)
{
	struct progress progress = { .options = options };
	const struct leak_look_options how = {
		.max_memory = options->max_memory,
		.progress = copied,
		.phase = begin_phase,
		.ctx = &progress,
	};
	struct leak_looking *looking = leak_looking_new(target, reader, &how);
	struct leak_look look = { 0 };
	int status = looking ? leak_look_first(looking, &look, err) : NO_MEMORY(err);

	if (!status)
		note(scan, &look);
	if (!status && look.candidates.len)
		status = look_again(looking, options, &progress, scan, &look, err);
	if (looking)
		scan->snapshot = leak_looking_snapshot(looking);
	/* that the process is gone by now is no error */
	if (!status && look_ahead(target, scan) == -ENOMEM)
		status = NO_MEMORY(err);
	leak_look_free(&look);
	leak_looking_free(looking);
	return status;
}

struct scanning {
	const struct target *target;
	const struct leak_scan_options *options;
	struct leak_scan *scan;
	struct err *err;
};

static int run(void *arg)
{
	const struct scanning *scanning = arg;
	struct snapshot_reader *reader = snapshot_reader_new(scanning->target);
	int status = reader ? look_twice(scanning->target, reader, scanning->options,
					 scanning->scan, scanning->err) :
			      NO_MEMORY(scanning->err);

	snapshot_reader_free(reader);
	return status;
}

int leak_scan_run(const struct target *target, const struct leak_scan_options *options,
		  struct leak_scan *scan, struct err *err)
{
	struct scanning scanning = { target, options, scan, err };
	uint64_t start_ns = clock_now_ns();
	int status;

	memset(scan, 0, sizeof(*scan));
	status = background_run(run, &scanning);
	scan->took_ns = clock_now_ns() - start_ns;
	return status;
}

void leak_scan_free(struct leak_scan *scan)
{
	snapshot_free(&scan->snapshot);
	vec_free(&scan->found);
}
