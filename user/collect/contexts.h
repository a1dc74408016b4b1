/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Contexts that waiting goroutines hold, whether they are cancelled, and when they will be. A
 * context.Context on a stack is an itab and a pointer; the itab tells that it is one of the context
 * package's own. A word that is left over on a stack looks the same, so what this finds is a hint.
 */
#ifndef COLLECT_CONTEXTS_H
#define COLLECT_CONTEXTS_H

#include "base/err.h"
#include "base/vec.h"
#include "collect/snapshot.h"
#include "target/target.h"

enum context_deadline {
	CONTEXT_DEADLINE_UNKNOWN, /* it derives from a context that is not the package's own */
	CONTEXT_DEADLINE_NONE,
	CONTEXT_DEADLINE_SET,
};

struct held_context {
	uint64_t goid;
	uint64_t context; /* its cancelCtx, also when what is held derives values from it */
	bool cancelled;
	uint8_t deadline;     /* enum context_deadline; its own, or its parents' */
	uint64_t deadline_ns; /* CONTEXT_DEADLINE_SET: CLOCK_MONOTONIC, 0 for all before that began */
};

typedef VEC(struct held_context) held_contexts;

/*
 * Of the goroutines of the application that wait in the snapshot, each pair once, ascending by goid.
 * What cannot be read is left out. 0; -ENOMEM; -ESRCH: the process is gone.
 */
int contexts_read(const struct target *target, const struct snapshot *snapshot,
		  held_contexts *held);

#endif
