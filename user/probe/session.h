/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel side of one target: the program loaded for its layout, attached by its plan, as often
 * as wanted. Everything goes away with the process that owns it: file descriptors only.
 *
 * From attach to detach a window is open (struct ct_window): what happens is recorded from the
 * moment that all probes are in place, and until the first of them goes. In a window without
 * limits everything that the probes see is exact.
 *
 * Of two calls at a time, on two threads, one may be any of those that take a const session.
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
	bool force_perf;             /* perf events even where the kernel has better, for tests */
	bool floor;                  /* an empty program on every probe, for benchmarks */
};

/* File descriptors of the maps of conctrace_abi.h, owned by the session. */
struct probe_maps {
	int tasks, site_index, sites, objects, chan_ops, releases, spawns, wakes, counters;
};

struct probe_session;

/*
 * Load the program that the plan needs. Errors name the missing capability or kernel feature
 * (CAP_BPF and CAP_PERFMON, lockdown, no uprobes).
 */
int probe_session_open(const struct target *target, const struct plan *plan,
		       const struct probe_options *options, struct probe_session **session,
		       struct err *err);
int probe_session_attach(struct probe_session *session, struct err *err);
void probe_session_detach(struct probe_session *session);
void probe_session_close(struct probe_session *session);

/*
 * Close the windows to come, though not detach, after so many hits, give or take CT_HIT_BATCH a
 * CPU; 0: no limit. The descriptor becomes readable then, until the next attach.
 */
void probe_session_limit_hits(struct probe_session *session, uint64_t hits);
int probe_session_limit_fd(const struct probe_session *session);

const struct probe_maps *probe_session_maps(const struct probe_session *session);
pid_t probe_session_pid(const struct probe_session *session);
size_t probe_session_probes(const struct probe_session *session);
bool probe_session_uses_multi(const struct probe_session *session);
/* When the latest window was opened, and for how long windows have been open in all, ns. */
uint64_t probe_session_attached_ns(const struct probe_session *session);
uint64_t probe_session_on_ns(const struct probe_session *session);
/* Memory that the maps can take at most, bytes. */
uint64_t probe_session_map_bytes(const struct probe_session *session);

/* Every hit since the session was opened, in a window or not. */
uint64_t probe_session_hits(const struct probe_session *session);
/*
 * What the kernel has measured of the program while statistics were on (bpf_enable_stats): runs,
 * and the time in them, ns. 0; -errno.
 */
int probe_session_run_stats(const struct probe_session *session, uint64_t *runs, uint64_t *ns);

#endif
