/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Takes the events of a timeline out of the kernel's ring buffer, in their order. */
#ifndef COLLECT_TIMELINE_H
#define COLLECT_TIMELINE_H

#include <stdbool.h>

#include "base/err.h"
#include "conctrace_abi.h"
#include "probe/session.h"

struct timeline;

/* Called for each event; what it returns other than 0 ends the draining. */
typedef int (*timeline_sink)(void *ctx, const struct ct_event *event);

int timeline_open(const struct probe_maps *maps, timeline_sink sink, void *ctx,
		  struct timeline **timeline, struct err *err);
void timeline_close(struct timeline *timeline);

/*
 * Some of what is there, so that it comes to an end while events keep coming. *more: there may be more.
 * 0, or what the sink returned.
 */
int timeline_drain(struct timeline *timeline, bool *more);

#endif
