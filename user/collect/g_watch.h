/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which goroutines may have run since they were last looked at, by their structs alone: nearly all of a large
 * program's rest, and a snapshot of those takes several times as long.
 */
#ifndef COLLECT_G_WATCH_H
#define COLLECT_G_WATCH_H

#include "collect/snapshot.h"

#define G_WATCH_THREADS 2

/* Of each goroutine g, goid, index and status are known; m_procid of those that run. */
struct g_watch {
	const struct target *target;
	struct g_watch_reader *readers[G_WATCH_THREADS]; /* NULL: not needed so far */
	VEC(uint64_t) hashes; /* by place in allgs, of the struct as it was last */
	/* out: all but those that are blocked and whose struct is as it was last, in no order */
	struct snapshot moved;
	/* out: places in allgs of those that have ended since, and of structs that could not be read */
	VEC(uint32_t) ended;
};

/*
 * *watch is zero-initialised but for its target; free it also after an error. The first time nothing is listed:
 * the structs are only remembered. 0; -ENOMEM; -EINVAL: impossibly many; -ESRCH, -EPERM, -EFAULT.
 */
int g_watch_run(struct g_watch *watch);
void g_watch_free(struct g_watch *watch);

#endif
