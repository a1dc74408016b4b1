/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The second look, some time after a first one has found goroutines that nothing seems to lead to: the heap is
 * compared with the copy of the first, and what that mark had not come to, but a root or a changed word leads
 * to by now, is marked besides. So what was not reachable in the first copy, and is not in what a second would
 * be, is left. Then the program is watched for a while: references that were on their way while the heap was
 * read must be somewhere else soon.
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
	const struct snapshot *snapshot; /* of the first look */
	/*
	 * What the look has found: its goroutines are first those of the snapshot. Once alive, they
	 * stay so.
	 */
	struct reach *reach;
	struct snapshot *now; /* out: the last */
	unsigned passes;      /* out: as many were made after the second look */
	/* out: in between, every thread that runs goroutines had got on; else what it has in its
	   registers may have stayed there all along */
	unsigned independent;
	bool enough; /* out: what was not seen to be referred to is not */
	/* out, of the second look */
	bool heap_changed, foreign_cut, specials_cut;
};

/* 0, or -errno. */
int leak_watch_run(struct leak_watch *watch);

#endif
