/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A recording of the last minutes: what is older than a keyframe is dropped as soon as that keyframe
 * is old enough itself, or the file is too large. SQLite uses the room again.
 */
#ifndef COLLECT_RECORDING_RING_H
#define COLLECT_RECORDING_RING_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/vec.h"
#include "collect/recording.h"

struct recording_ring {
	sqlite3 *db;
	struct recording_options options;
	VEC(uint64_t) keyframes; /* batches, ascending; the first is the oldest that is kept */
	uint64_t keyframe_ns;    /* when the last one was, CLOCK_MONOTONIC */
	uint64_t keyframe_bytes; /* size of the file then */
	uint64_t base_ns;        /* that events' times are since */
	uint64_t events_from_ns; /* older events were dropped */
	uint64_t last_bytes;     /* size of the file when it was last looked at */
};

/* All: SQLITE_OK or another result of SQLite. */
int recording_ring_init(struct recording_ring *ring, sqlite3 *db,
			const struct recording_options *options, uint64_t base_ns);
void recording_ring_free(struct recording_ring *ring);

/* The batch was written. *keyframe_due: the next one is to be a keyframe. */
int recording_ring_turn(struct recording_ring *ring, uint64_t batch, bool was_keyframe,
			bool *keyframe_due);
/* The file has its limit, and it is one that older things make room for. */
bool recording_ring_is_full(const struct recording_ring *ring);
/* What is before the second keyframe, else the oldest events. SQLITE_FULL: there is neither. */
int recording_ring_make_room(struct recording_ring *ring);
/* Events were written: room for as many again. */
int recording_ring_trim(struct recording_ring *ring);

int recording_ring_dump(struct recording_ring *ring, const char *path, struct err *err);
uint64_t recording_ring_bytes(const struct recording_ring *ring);

#endif
