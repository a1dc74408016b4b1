/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel side of one target: the program loaded for its layout, attached by its plan, as often
 * as wanted. Everything goes away with the process that owns it: file descriptors only.
 *
 * What happens is recorded while a window is open (struct ct_window), so from the moment that all
 * probes are in place until the first of them goes.
 *
 * One thread at a time. While a governor runs it is the governor's; then the maps, and what is
 * constant once the session is open, is for everybody.
 */
#ifndef PROBE_SESSION_H
#define PROBE_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "probe/budget.h"
#include "probe/calibrate.h"
#include "probe/plan.h"

struct probe_options {
	uint32_t max_tasks;          /* goroutines kept in the kernel; 0: default 262144 */
	uint64_t waker_stack_min_ns; /* keep the waker's stack for waits at least this long */
	uint64_t only_goid;          /* parks and wake-ups of one goroutine; 0: of all */
	bool charge_wakers;          /* ct_wake.charged_ns; with a waker_stack_min_ns of 0 */
	bool turns;                  /* how long those who waited for a lock have it: `turns` */
	uint32_t timeline_bytes;     /* ring buffer of events, a power of 2; 0: no timeline */
	bool force_perf;             /* perf events even where the kernel has better, for tests */
	bool floor;                  /* an empty program on every probe, for benchmarks */
};

/* File descriptors of the maps of conctrace_abi.h, owned by the session. */
struct probe_maps {
	int tasks, site_index, sites, objects, chan_ops, releases, spawns, wakes, counters,
		timeline;
	int tallies, panics, cancels, turns;
	uint32_t max_sites, stripes;      /* struct ct_config */
	const volatile uint64_t *created; /* struct ct_window; as long as the session */
};

/* struct ct_window */
struct probe_weights {
	uint64_t events, time;
};

struct probe_session;

/*
 * Load the program that the plan needs. Errors name the missing capability or kernel feature
 * (CAP_BPF and CAP_PERFMON, lockdown, no uprobes).
 */
int probe_session_open(const struct target *target, const struct plan *plan,
		       const struct probe_options *options, struct probe_session **session,
		       struct err *err);
void probe_session_close(struct probe_session *session);

/* Put the probes in place and open a window of weight 1 without a limit: all is exact. */
int probe_session_attach(struct probe_session *session, struct err *err);
/* Close the window and take the probes away: no hits any more when it returns. */
void probe_session_detach(struct probe_session *session);

/* The same by steps. Times are of the opening and the closing. */
int probe_session_place(struct probe_session *session, struct err *err);
uint64_t probe_session_open_window(struct probe_session *session, struct probe_weights weights,
				   uint64_t max_hits);
uint64_t probe_session_close_window(struct probe_session *session);
/*
 * The window closes by itself, though the probes stay, after max_hits hits from now on, give or
 * take CT_HIT_BATCH a CPU; 0: no limit. Then the descriptor becomes readable, until the next
 * window is opened.
 */
void probe_session_change_window(struct probe_session *session, struct probe_weights weights,
				 uint64_t max_hits);
int probe_session_limit_fd(const struct probe_session *session);
bool probe_session_limit_reached(const struct probe_session *session);
/* Now, or when the window that is open reached its limit. */
uint64_t probe_session_window_now(const struct probe_session *session);

/*
 * The oldest window that has ended and was not taken yet; false: none. From one thread, which need not
 * be the session's. A few hundred are kept; what is not taken in time is left out.
 */
bool probe_session_take_window(struct probe_session *session, uint64_t *opened_ns,
			       uint64_t *closed_ns);
/* A window is open, since when. */
bool probe_session_window_is_open(const struct probe_session *session, uint64_t *opened_ns);

/* What the target's scheduler has counted so far (probe/progress.h). False: it is not known. */
bool probe_session_work(const struct probe_session *session, uint64_t *work);

/* struct ct_window */
uint64_t probe_session_newest_goid(const struct probe_session *session);

/*
 * Hits since the last call or the opening of the session, in a window or not, of the probes that are
 * on in windows. Hits of the others (enum ct_pace), in all.
 */
struct budget_hits probe_session_take_hits(struct probe_session *session);
uint64_t probe_session_hits_of(struct probe_session *session, enum ct_pace pace);

/* The probes of a pace that knows no windows: nothing else touches them. 0; -errno. */
bool probe_session_has(const struct probe_session *session, enum ct_pace pace);
int probe_session_place_pace(struct probe_session *session, enum ct_pace pace);
void probe_session_detach_pace(struct probe_session *session, enum ct_pace pace);

const struct probe_maps *probe_session_maps(const struct probe_session *session);
pid_t probe_session_pid(const struct probe_session *session);
/* Some probe sits on an instruction that is single-stepped. */
bool probe_session_is_stepped(const struct probe_session *session);
bool probe_session_uses_multi(const struct probe_session *session);
/* When the latest window was opened, and for how long windows have been open in all, ns. */
uint64_t probe_session_attached_ns(const struct probe_session *session);
uint64_t probe_session_on_ns(const struct probe_session *session);
/* Memory that the maps can take at most, bytes. */
uint64_t probe_session_map_bytes(const struct probe_session *session);

/*
 * What the kernel has measured of the program while statistics were on (bpf_enable_stats): runs,
 * and the time in them, ns. 0; -errno.
 */
int probe_session_run_stats(const struct probe_session *session, uint64_t *runs, uint64_t *ns);
/* With the program and the kind of link that the session has. 0; -errno. */
int probe_session_calibrate(const struct probe_session *session, struct calibration *calibration);

#endif
