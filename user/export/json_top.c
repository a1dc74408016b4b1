// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "export/json_parts.h"

static json_t *site_row(const struct model *model, const struct model_site *site)
{
	return json_pack("{s:o, s:s, s:I, s:I, s:I, s:I, s:o, s:b, s:I, s:I, s:f, s:o, s:o, s:b}",
			 "frame", json_frame(site->stack->site), "wait_reason",
			 model_reason(model, site->reason), "parks", (json_int_t)site->parks,
			 "aborted", (json_int_t)site->aborted, "waits",
			 (json_int_t)site->stats.waits, "waiting_now",
			 (json_int_t)site->waiting_now, "oldest_ns",
			 site->oldest_ns ? json_integer((json_int_t)site->oldest_ns) : json_null(),
			 "oldest_is_lower_bound", site->oldest_is_bound, "wait_ns_total",
			 (json_int_t)wait_stats_total_ns(&site->stats), "wait_ns_max",
			 (json_int_t)site->stats.wait_ns_max, "waits_per_second",
			 model->interval_counted_ns ? (double)site->delta_parks * 1e9 /
							      (double)model->interval_counted_ns :
						      0.0,
			 "hist_log2_ns", json_histogram(site->stats.hist), "stack",
			 json_stack(site->stack), "frame_is_guess", site->stack->site_is_guess);
}

static json_t *sites(const struct json_source *source)
{
	const struct model *model = source->model;
	json_t *rows = json_array();

	for (size_t i = 0; i < model->sites.len; i++)
		if (source->system || !model->sites.data[i].system)
			json_array_append_new(rows, site_row(model, &model->sites.data[i]));
	return rows;
}

static json_t *spawn_row(struct model *model, const struct model_spawn *spawn)
{
	const struct pclntab_frame *frame = model_created_by(model, spawn->gopc);

	return json_pack("{s:o, s:o, s:o, s:I, s:I, s:o}", "function",
			 json_function(frame ? frame->function : NULL), "file",
			 frame ? json_string(frame->file) : json_null(), "line",
			 frame ? json_integer(frame->line) : json_null(), "spawned",
			 (json_int_t)spawn->spawned, "exited", (json_int_t)spawn->exited,
			 "start_function", json_function(model_function(model, spawn->start_pc)));
}

static json_t *spawns(const struct json_source *source)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < source->model->spawns.len; i++)
		if (source->system || !source->model->spawns.data[i].system)
			json_array_append_new(rows, spawn_row(source->model,
							      &source->model->spawns.data[i]));
	return rows;
}

static json_t *counts(const uint64_t *counters)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I}", "spawned", (json_int_t)counters[CT_N_SPAWN],
			 "exited", (json_int_t)counters[CT_N_EXIT], "parks",
			 (json_int_t)counters[CT_N_PARK], "readies",
			 (json_int_t)counters[CT_N_READY], "aborted",
			 (json_int_t)counters[CT_N_ABORTED]);
}

json_t *json_top(const struct json_source *source)
{
	const struct model *model = source->model;
	json_t *document = json_document(source, "top");
	uint64_t total;

	json_object_set_new(document, "by_state", json_states(model, &total));
	json_object_set_new(document, "total", json_integer((json_int_t)total));
	json_object_set_new(document, "rates",
			    json_pack("{s:f, s:f, s:f, s:f}", "spawn", model->rates.spawn, "exit",
				      model->rates.exit, "park", model->rates.park, "ready",
				      model->rates.ready));
	json_object_set_new(document, "counts", counts(model->counters));
	json_object_set_new(document, "sites", sites(source));
	json_object_set_new(document, "locks", json_lock_rows(source));
	json_object_set_new(document, "channels", json_chan_rows(source));
	json_object_set_new(document, "spawns", spawns(source));
	return document;
}
