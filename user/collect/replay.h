/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reads a recording back, batch by batch: totals of the probes, snapshot, and what the code and
 * variables of the process were called, so that the model can be made again as it was. The file is
 * not trusted: what does not fit together is left out.
 */
#ifndef COLLECT_REPLAY_H
#define COLLECT_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "collect/aggregates.h"
#include "collect/record_rows.h"
#include "collect/snapshot.h"
#include "target/layout.h"
#include "target/pclntab.h"

struct replay;

/* When a batch was. */
struct replay_batch {
	uint64_t number, at_ns, wall_ns;
};

int replay_open(const char *path, struct replay **replay, struct err *err);
void replay_close(struct replay *replay);

const struct record_target *replay_target(const struct replay *replay);
const struct layout *replay_layout(const struct replay *replay);
/* How it ended, in a word or two; "" when it was cut off. */
const char *replay_ended(const struct replay *replay);
/* Ascending; at least one. */
const struct replay_batch *replay_batches(const struct replay *replay, size_t *count);

/* The state after a batch; what is not there is NULL. Good until the next one. */
struct replay_moment {
	const struct record_capture *capture;
	const struct aggregates *aggregates;
	const struct governor_status *status;
	const struct snapshot *snapshot;
	const struct resources *resources;
};

/*
 * Every batch in turn, from the first one on: 1 and the moment; 0: there are no more; -errno. Totals
 * are those since the attach, or, of a flight recording that has forgotten its beginning, those since
 * the first batch that is there.
 */
int replay_next(struct replay *replay, struct replay_moment *moment, struct err *err);

/*
 * The last look at the heap up to the moment: 1, and *look with a scan that leak_scan_free frees and
 * that has the goroutines which were found and no others; 0: there was none; -ENOMEM with the error.
 */
int replay_look(struct replay *replay, struct record_look *look, struct err *err);

/* As symbols_look_up and symbols_data; ctx is the replay. */
size_t replay_frames(void *ctx, uint64_t pc, struct pclntab_frame *frames, size_t max);
const char *replay_variable(void *ctx, uint64_t addr, uint64_t *start);

/* For the timeline (replay_events.h). */
struct sqlite3;
struct sqlite3 *replay_db(const struct replay *replay);

#endif
