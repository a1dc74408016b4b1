/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What blocked goroutines wait for: from their sudogs, the semaphore table and the channels. */
#ifndef COLLECT_WAIT_OBJECT_H
#define COLLECT_WAIT_OBJECT_H

#include "collect/snapshot.h"

/* Kind of waiting that a wait reason's text stands for. */
enum wait_kind wait_kind_of(const char *reason);

/* `waiting[i]` is g.waiting of snapshot->goroutines[first + i]: fills in the channels waited for. */
int wait_object_channels(const struct target *target, struct snapshot *snapshot, size_t first,
			 const uint64_t *waiting);

/* Addresses of the semaphores waited for, from runtime.semtable. */
int wait_object_semaphores(const struct target *target, struct snapshot *snapshot);

/* State of every channel in snapshot->cases, into snapshot->chans. */
int wait_object_chan_states(const struct target *target, struct snapshot *snapshot);

#endif
