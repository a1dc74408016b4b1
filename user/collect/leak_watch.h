/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * After a look has found goroutines that nothing seems to lead to, the program is watched for a while:
 * references that were on their way while the heap was copied must be somewhere else soon.
 */
#ifndef COLLECT_LEAK_WATCH_H
#define COLLECT_LEAK_WATCH_H

#include "collect/heap.h"
#include "collect/reach.h"
#include "collect/snapshot.h"

struct leak_watch {
	const struct target *target;
	struct snapshot_reader *reader;
	struct heap *heap;               /* becomes what it is at the last pass */
	const struct snapshot *snapshot; /* of the look */
	/*
	 * What the look has found: its goroutines are first those of the snapshot. Once alive, they
	 * stay so.
	 */
	struct reach *reach;
	uint64_t *touched; /* in and out: objects that something was seen to lead to, a bit each */
	unsigned passes;   /* out: as many were made */
	/* out: in between, every thread that runs goroutines had got on; else what it has in its
	   registers may have stayed there all along */
	unsigned independent;
	bool enough; /* out: what was not seen to be referred to is not */
};

/* 0, or -errno. */
int leak_watch_run(struct leak_watch *watch);

#endif
