/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel side of one target: programs loaded for its layout, attached by its plan.
 * Everything goes away with the process that owns it: links and maps are file descriptors only.
 */
#ifndef PROBE_SESSION_H
#define PROBE_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "probe/plan.h"

struct probe_options {
	uint32_t max_tasks;          /* goroutines kept in the kernel; 0: default 262144 */
	uint64_t waker_stack_min_ns; /* keep the waker's stack for waits at least this long */
};

/* File descriptors of the maps of conctrace_abi.h, owned by the session. */
struct probe_maps {
	int tasks, site_index, sites, objects, chan_ops, releases, spawns, wakes, counters;
};

struct probe_session;

/*
 * Load the programs that the plan needs. Errors name the missing capability or kernel feature
 * (CAP_BPF and CAP_PERFMON, lockdown, no uprobes).
 */
int probe_session_open(const struct target *target, const struct plan *plan,
		       const struct probe_options *options, struct probe_session **session,
		       struct err *err);
int probe_session_attach(struct probe_session *session, struct err *err);
void probe_session_detach(struct probe_session *session);
void probe_session_close(struct probe_session *session);

const struct probe_maps *probe_session_maps(const struct probe_session *session);
bool probe_session_uses_multi(const struct probe_session *session);
/* When attach returned, and for how long the probes have been on in all, ns. */
uint64_t probe_session_attached_ns(const struct probe_session *session);
uint64_t probe_session_on_ns(const struct probe_session *session);
/* Memory that the maps can take at most, bytes. */
uint64_t probe_session_map_bytes(const struct probe_session *session);

#endif
