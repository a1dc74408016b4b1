/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How what is shown was captured: goes with every output. */
#ifndef MODEL_CAPTURE_H
#define MODEL_CAPTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "model/model.h"

struct capture {
	uint64_t wall_ns;      /* CLOCK_REALTIME of the moment that is shown */
	bool probes, snapshot; /* which of the two sources there are */
	uint64_t duration_ns; /* since the probes were attached; of a snapshot alone: its own time */
	uint64_t events, lost; /* probe hits; what the kernel could not keep */
	uint64_t unmatched;    /* wake-ups of goroutines that parked before the attach: no loss */
	double windows_share;  /* share of the time the probes were on; 1: every event was seen */
	double overhead_pct;   /* estimated cost to the target, percent of the time; < 0: unknown */
	double hit_cost_ns;    /* measured on this machine; 0: not measured */
	double estimate_error; /* standard error of all events together, as a share; 0: exact */
	double slowdown;    /* share by which tracing slowed a busy target down while it was on */
	uint64_t map_bytes; /* memory that the kernel's tables can take at most; --max-tasks sets it */
	uint64_t snapshot_ns, torn, disagreements;
};

/*
 * From what the model was brought up to date with; status or snapshot may be NULL. What no model knows
 * is the caller's: map_bytes and wall_ns.
 */
void capture_note(struct capture *capture, const struct model *model,
		  const struct governor_status *status, const struct snapshot *snapshot,
		  uint64_t map_bytes, uint64_t wall_ns);

/* "probes+snapshot", "probes", "snapshot". */
const char *capture_mode(const struct capture *capture);

#endif
