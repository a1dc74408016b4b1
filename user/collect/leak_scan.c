// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "collect/leak_scan.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "collect/addr_map.h"

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

static int index_candidates(const struct leak_look *look, struct addr_map *by_g)
{
	for (size_t i = 0; i < look->candidates.len; i++) {
		uint32_t *slot = addr_map_put(by_g, look->candidates.data[i].g);

		if (!slot)
			return -ENOMEM;
		*slot = i + 1;
	}
	return 0;
}

static enum leak_doubt judge(const struct leak_candidate *first, const struct leak_candidate *now,
			     enum leak_doubt of_looks)
{
	if (!first || first->goid != now->goid)
		return LEAK_IS_NEW;
	if (first->key != now->key || first->runs != now->runs)
		return LEAK_RAN;
	return of_looks;
}

static int compare(struct leak_scan *scan, const struct leak_look *first,
		   const struct leak_look *second)
{
	enum leak_doubt of_looks = doubt_of(first) ? doubt_of(first) : doubt_of(second);
	struct addr_map by_g = { 0 };
	int status = index_candidates(first, &by_g);
	size_t confirmed = 0;

	for (size_t i = 0; i < second->candidates.len && !status; i++) {
		const struct leak_candidate *now = &second->candidates.data[i];
		const uint32_t *slot = addr_map_get(&by_g, now->g);
		struct leak_found *found = vec_push(&scan->found);

		if (!found) {
			status = -ENOMEM;
			break;
		}
		*found = (struct leak_found){
			now->goroutine,
			judge(slot ? &first->candidates.data[*slot - 1] : NULL, now, of_looks),
		};
		confirmed += found->doubt != LEAK_IS_NEW;
	}
	scan->withdrawn = first->candidates.len - confirmed;
	addr_map_free(&by_g);
	return status;
}

static void wait_apart(uint64_t ns)
{
	struct timespec left = { ns / NSEC_PER_SEC, ns % NSEC_PER_SEC };

	while (nanosleep(&left, &left) && errno == EINTR)
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

static int look_twice(const struct target *target, struct snapshot_reader *reader,
		      const struct leak_scan_options *options, struct leak_scan *scan,
		      struct leak_look *first, struct leak_look *second, struct err *err)
{
	struct progress progress = { .options = options };
	struct leak_look_options how = {
		.heap = { .max_bytes = options->max_memory, .progress = copied, .ctx = &progress },
		.phase = begin_phase,
		.ctx = &progress,
	};
	int status = leak_look(target, reader, &how, &scan->snapshot, first, err);

	if (status)
		return status;
	note(scan, first);
	if (!first->candidates.len)
		return 0;
	begin_phase(&progress, "waiting for the second look");
	wait_apart(options->pause_ns);
	how.watches = true;
	status = leak_look(target, reader, &how, &scan->snapshot, second, err);
	if (status)
		return status;
	note(scan, second);
	scan->apart_ns = second->at_ns - first->at_ns;
	return compare(scan, first, second) ? NO_MEMORY(err) : 0;
}

int leak_scan_run(const struct target *target, const struct leak_scan_options *options,
		  struct leak_scan *scan, struct err *err)
{
	struct snapshot_reader *reader = snapshot_reader_new(target);
	struct leak_look first = { 0 }, second = { 0 };
	uint64_t start_ns = clock_now_ns();
	int status;

	memset(scan, 0, sizeof(*scan));
	status = reader ? look_twice(target, reader, options, scan, &first, &second, err) :
			  NO_MEMORY(err);
	leak_look_free(&first);
	leak_look_free(&second);
	snapshot_reader_free(reader);
	scan->took_ns = clock_now_ns() - start_ns;
	return status;
}

void leak_scan_free(struct leak_scan *scan)
{
	snapshot_free(&scan->snapshot);
	vec_free(&scan->found);
}
