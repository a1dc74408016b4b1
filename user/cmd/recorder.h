/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A live process and the recording that is made of it. */
#ifndef CMD_RECORDER_H
#define CMD_RECORDER_H

#include "cmd/live.h"
#include "cmd/observed_leaks.h"
#include "collect/recording.h"
#include "collect/timeline.h"

struct recorder {
	struct live live;
	struct recording_source source;
	struct recording *recording;
	struct timeline *timeline;   /* NULL: none is wanted */
	struct err *err;             /* of an event that could not be written */
	uint64_t flush_ns;           /* when events are to be written for good */
	struct observed_leaks leaks; /* by the last look at the heap, with --leaks */
	uint64_t next_look_ns;       /* when the next one is due */
	uint64_t batches;
	bool full; /* the file has its largest size */
};

int recorder_open(struct recorder *recorder, const struct options *options, struct err *err);
void recorder_close(struct recorder *recorder);

/* Take what events there are, for no longer than some tenths of a second. */
int recorder_drain(struct recorder *recorder, struct err *err);
/* The next batch is to have a new look at the heap. */
void recorder_look_now(struct recorder *recorder);
/* Bring the model up to date and write a batch; with --leaks after a look at the heap where one is due. */
int recorder_add(struct recorder *recorder, const struct options *options, struct err *err);
/* Take the probes away, and write what is left. */
int recorder_finish(struct recorder *recorder, const struct options *options, struct err *err);

#endif
