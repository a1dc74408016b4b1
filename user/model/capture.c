// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "model/capture.h"

void capture_note(struct capture *capture, const struct model *model,
		  const struct governor_status *status, const struct snapshot *snapshot,
		  uint64_t map_bytes, uint64_t wall_ns)
{
	*capture = (struct capture){ .wall_ns = wall_ns, .overhead_pct = -1 };
	capture->snapshot = snapshot;
	if (snapshot) {
		capture->snapshot_ns = snapshot->took_ns;
		capture->torn = snapshot->torn;
		capture->duration_ns = snapshot->took_ns;
	}
	if (!status)
		return;
	capture->probes = true;
	capture->duration_ns = status->elapsed_ns;
	capture->windows_share =
		status->elapsed_ns ? (double)status->on_ns / (double)status->elapsed_ns : 1;
	if (!model->estimated)
		capture->windows_share = 1;
	capture->events = status->hits;
	capture->overhead_pct = status->overhead_pct;
	capture->hit_cost_ns = status->hit_cost_ns;
	capture->estimate_error = status->hits_error;
	capture->slowdown = status->slowdown;
	capture->map_bytes = map_bytes;
	capture->lost = model_lost(model);
	capture->unmatched = model->counters[CT_N_UNMATCHED];
	capture->disagreements = model->disagreements;
}

const char *capture_mode(const struct capture *capture)
{
	if (capture->probes)
		return capture->snapshot ? "probes+snapshot" : "probes";
	return "snapshot";
}
