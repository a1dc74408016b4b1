/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The kernel's maps at one moment, as plain arrays. Totals since the attach. */
#ifndef COLLECT_AGGREGATES_H
#define COLLECT_AGGREGATES_H

#include <stdint.h>

#include "base/err.h"
#include "base/vec.h"
#include "collect/hash_entries.h"
#include "conctrace_abi.h"
#include "probe/session.h"

struct task_row {
	uint64_t g;
	struct ct_task task;
};
struct site_row {
	uint32_t index;
	struct ct_site site;
};
struct object_row {
	struct ct_object_key key;
	struct ct_object object;
};
struct chan_ops_row {
	uint64_t addr;
	struct ct_chan_ops ops;
};
struct release_row {
	struct ct_object_key key;
	struct ct_release release;
};
struct spawn_row {
	uint64_t gopc;
	struct ct_spawn spawn;
};
struct wake_row {
	struct ct_wake_key key;
	struct ct_wake wake;
};

struct tally_row {
	struct ct_tally_key key;
	struct ct_tally tally;
};
struct panic_row {
	struct ct_panic_key key;
	struct ct_panic panic;
};
struct cancel_row {
	uint64_t context;
	struct ct_cancel cancel;
};

struct turn_row {
	uint64_t addr; /* of the semaphore */
	struct ct_turn turn;
};

#define AGGREGATES_HASHES 10

struct aggregates {
	uint64_t at_ns; /* when the reading began, CLOCK_MONOTONIC */
	uint64_t counters[CT_N_COUNTERS];
	VEC(struct task_row) tasks;
	VEC(struct site_row) sites;
	VEC(struct object_row) objects;
	VEC(struct chan_ops_row) chan_ops;
	VEC(struct release_row) releases;
	VEC(struct spawn_row) spawns;
	VEC(struct wake_row) wakes;
	VEC(struct tally_row) tallies;
	VEC(struct panic_row) panics;
	VEC(struct cancel_row) cancels;
	VEC(struct turn_row) turns;
	struct hash_keys keys[AGGREGATES_HASHES]; /* what the next reading makes use of */
};

/* Read everything into *out (reused between calls, freed by aggregates_free). */
int aggregates_read(const struct probe_maps *maps, struct aggregates *out, struct err *err);
void aggregates_free(struct aggregates *aggregates);

#endif
