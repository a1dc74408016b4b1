/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Writes a recording: batch by batch everything that the model is made from, so that replaying it
 * (replay.h) gives the same model. A batch is a transaction, and has only what changed; a keyframe
 * has all, and is where a reader can begin. After a kill or a full disk the file is good up to the
 * last batch.
 */
#ifndef COLLECT_RECORDING_H
#define COLLECT_RECORDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "collect/aggregates.h"
#include "collect/record_rows.h"
#include "collect/snapshot.h"
#include "probe/governor.h"
#include "target/facts.h"
#include "target/layout.h"
#include "target/pclntab.h"

/* The process, and who knows its code and variables; all good as long as the recording. */
struct recording_source {
	const struct target_facts *facts;
	const struct layout *layout;
	int minor, reasons_minor;
	uint8_t wrapper_id;
	const char *goroot_file; /* as symbols_new */
	uint64_t code_start, code_limit, code_offset;
	const char *build_id, *go_build_id;
	size_t (*look_up)(void *ctx, uint64_t pc, struct pclntab_frame *frames, size_t max);
	const char *(*variable)(void *ctx, uint64_t addr, uint64_t *start);
	void *ctx;
};

struct recording_options {
	uint64_t keep_ns;   /* forget what is older, about; 0: keep all */
	uint64_t max_bytes; /* of the file, about; 0: no limit */
};

/* One moment. aggregates and status go together; they or the snapshot may be NULL. */
struct recording_moment {
	uint64_t wall_ns, age_ns, map_bytes;
	const struct aggregates *aggregates;
	const struct governor_status *status;
	const struct snapshot *snapshot;
	const struct resources *resources; /* NULL: unknown */
	/* what the model made of it, for people */
	const struct record_lock *locks;
	size_t lock_count;
	const struct record_chan *chans;
	size_t chan_count;
	/* the last look at the heap, NULL: none; and of look->scan.found, in their order, what it says
	   of them: the rest of these rows is filled in */
	const struct record_look *look;
	const struct record_leak *leaks;
};

struct recording;

int recording_create(const char *path, const struct recording_source *source,
		     const struct recording_options *options, struct recording **recording,
		     struct err *err);

/*
 * Write the batch, with the events since the last one. 0; 1: written, and the file has its largest
 * size (never when old things are forgotten).
 */
int recording_add(struct recording *recording, const struct recording_moment *moment,
		  struct err *err);

/* Of the timeline; written for good with the next flush or batch. */
int recording_add_event(struct recording *recording, const struct ct_event *event, struct err *err);
int recording_add_coverage(struct recording *recording, uint64_t opened_ns, uint64_t closed_ns,
			   struct err *err);
int recording_flush(struct recording *recording, struct err *err);

/* A copy of the file as of the last batch; `path` must not be there. */
int recording_dump(struct recording *recording, const char *path, struct err *err);

uint64_t recording_bytes(const struct recording *recording);  /* as of the last batch */
uint64_t recording_events(const struct recording *recording); /* of the timeline, written so far */

#define RECORDING_ENDED_WITH_PROCESS "the process ended"
/* Note how it ended, and leave one file without a log beside it. Frees it in any case. */
int recording_close(struct recording *recording, const char *how, struct err *err);

#endif
