/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What detectors need of the snapshots before the last one, in little space: how many goroutines there
 * were by (go statement, place, wait reason), who of the first ones is still there, what locks and
 * channels looked like, and the process's memory; each with its time.
 */
#ifndef DETECT_SERIES_H
#define DETECT_SERIES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/vec.h"
#include "model/model.h"
#include "target/resources.h"

/* When there are more, every second one of the older half is left out. */
#define SERIES_POINTS_MAX 240
/* Groups beyond are not followed, and counted as `left_out`. */
#define SERIES_GROUPS_MAX 8192

struct series_point {
	uint64_t at_ns;      /* CLOCK_MONOTONIC */
	uint64_t goroutines; /* user ones */
	struct resources resources;
};

struct series_group {
	uint64_t gopc;                    /* pc behind the go statement; 0: the main goroutine */
	const struct pclntab_frame *site; /* of the model; NULL: no stack is known */
	const struct stack *stack;        /* of one of them */
	uint8_t reason, state;
	uint8_t wait_kind;
	VEC(uint32_t) counts; /* by point; missing ones at the end are 0 */
};

/* A lock or channel that goroutines waited for at a snapshot. */
struct series_object {
	uint64_t addr;
	bool is_lock;
	size_t first_point, last_point; /* index of the snapshots that had waiters first and last */
	uint32_t seen;                  /* snapshots with waiters */
	uint32_t full; /* channels: with len == cap and senders waiting; semaphore.Weighted: with waiters */
	uint32_t starving;     /* mutexes: with the starving bit set */
	size_t first_starving; /* index of the first such snapshot */
	/*
	 * Locks: snapshots with waiters that looked ahead, so that holders could be known; and those of
	 * them whose holder waited itself, for something other than a lock.
	 */
	uint32_t looked, held_blocked;
	uint64_t least_waiters, most_waiters; /* while seen */
};

struct series;

struct series *series_new(void); /* NULL: no memory */
void series_free(struct series *series);

/*
 * Note what the model has now, which was updated with a snapshot; `ahead`: one that looked for holders.
 * 0 or -ENOMEM.
 */
int series_add(struct series *series, const struct model *model, bool ahead,
	       const struct resources *resources);

size_t series_points(const struct series *series, const struct series_point **points);
/* The counts of a group at every point are given by series_count. */
size_t series_groups(const struct series *series, const struct series_group *const **groups);
uint32_t series_count(const struct series_group *group, size_t point);
/* NULL: nobody waited for it at any snapshot. */
const struct series_object *series_object(const struct series *series, uint64_t addr);
/* Snapshots that were noted in all. */
uint64_t series_snapshots(const struct series *series);
uint64_t series_left_out(const struct series *series);

/*
 * Of the goroutines of the group at the first snapshot that had it, how many are in it at the last.
 * At most SERIES_FOLLOWED of them are followed.
 */
#define SERIES_FOLLOWED 4096
struct series_survivors {
	uint64_t followed, left; /* of those at the first point; how many of them are still there */
	uint64_t anew;           /* of those left: woke since, and wait there again */
};
struct series_survivors series_survivors(const struct series_group *group);

/*
 * A goroutine was made after the first snapshot. False also when that is unknown: at most SERIES_KNOWN of
 * those that were there then are remembered.
 */
#define SERIES_KNOWN 65536
bool series_was_made_since(const struct series *series, uint64_t goid);

/* Growth a second by least squares over points [from, end); 0 with fewer than two points. */
double series_slope(const struct series *series, const struct series_group *group, size_t from);
/* The same of all goroutines, and of the memory in bytes. */
double series_slope_total(const struct series *series);
double series_slope_memory(const struct series *series);

#endif
