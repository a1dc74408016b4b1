// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "export/json_diff.h"

#include "export/json_parts.h"

static json_t *side(const struct diff_row *row, const struct diff_side *side)
{
	if (!side->there)
		return json_null();
	if (row->of == DIFF_GOROUTINES)
		return json_pack("{s:I}", "count", (json_int_t)side->count);
	return json_pack("{s:I, s:I, s:I, s:f, s:f}", "waiting_now", (json_int_t)side->count,
			 "waits", (json_int_t)side->waits, "wait_ns_mean",
			 (json_int_t)diff_mean_ns(side), "waits_per_second",
			 side->seconds > 0 ? (double)side->waits / side->seconds : 0.0,
			 "waiting_mean", diff_waiting(side));
}

static json_t *json_row(const struct diff_row *row)
{
	json_t *object = json_pack(
		"{s:s, s:s, s:o, s:o, s:o, s:o}", "change",
		row->change == DIFF_SAME ? "same" : diff_change_name(row->change),
		row->of == DIFF_LOCKS ? "kind" : "wait_reason", row->reason, "frame",
		json_frame(row->stack ? row->stack->site : NULL), "before", side(row, &row->before),
		"after", side(row, &row->after), "stack", json_stack(row->stack));

	if (row->of == DIFF_LOCKS)
		json_object_set_new(object, "symbol",
				    row->name[0] ? json_text(row->name) : json_null());
	return object;
}

json_t *json_diff(const struct json_source *before, const struct json_source *after,
		  const struct diff *diff)
{
	static const char *const keys[DIFF_KINDS] = {
		[DIFF_GOROUTINES] = "goroutines", [DIFF_WAITS] = "waits", [DIFF_LOCKS] = "locks"
	};
	json_t *document = json_document(after, "diff"), *earlier = json_document(before, "diff");

	json_object_del(earlier, "schema");
	json_object_set_new(document, "before", earlier);
	for (int of = 0; of < DIFF_KINDS; of++) {
		json_t *rows = json_array();

		for (size_t i = 0; i < diff->rows.len; i++)
			if ((int)diff->rows.data[i].of == of)
				json_array_append_new(rows, json_row(&diff->rows.data[i]));
		json_object_set_new(document, keys[of], rows);
	}
	return document;
}
