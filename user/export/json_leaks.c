// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "export/json_parts.h"

static json_t *row_of(const struct json_source *source, const struct leaks *leaks,
		      const struct leak_row *row)
{
	struct model *model = source->model;
	const struct model_task *task = &model->tasks.data[row->task];
	char proof[512], doubt[256];
	json_t *object;

	leaks_proof(model, leaks, row, proof, sizeof(proof));
	object = json_pack("{s:I, s:s, s:s, s:o, s:o, s:o}", "goid", (json_int_t)task->goid,
			   "wait_reason", model_reason(model, task->reason), "proof", proof,
			   "waiting_on", json_waiting_on(model, task), "created_by",
			   json_created_by(model, task->gopc, task->parent_goid), "stack",
			   json_stack(task->stack));
	if (row->doubt != LEAK_NO_DOUBT) {
		leaks_doubt((enum leak_doubt)row->doubt, doubt, sizeof(doubt));
		json_object_set_new(object, "doubt", json_string(doubt));
	}
	return object;
}

json_t *json_leak_rows(const struct json_source *source, const struct leaks *leaks, bool proven)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < leaks->rows.len; i++)
		if ((leaks->rows.data[i].doubt == LEAK_NO_DOUBT) == proven)
			json_array_append_new(rows, row_of(source, leaks, &leaks->rows.data[i]));
	return rows;
}

/* Lists of goids, as of conctrace.waits. */
static json_t *cycles(const struct json_source *source, const struct leaks *leaks)
{
	json_t *lists = json_array();

	for (size_t i = 0; i < leaks->cycles.len; i++) {
		const struct leak_cycle *cycle = &leaks->cycles.data[i];
		json_t *goids = json_array();

		for (size_t j = 0; j < cycle->count; j++) {
			size_t task = leaks->cycle_tasks.data[cycle->first + j];

			json_array_append_new(
				goids,
				json_integer((json_int_t)source->model->tasks.data[task].goid));
		}
		json_array_append_new(lists, goids);
	}
	return lists;
}

json_t *json_leaks(const struct json_source *source, const struct leaks *leaks)
{
	const struct leak_scan *scan = leaks->scan;
	json_t *document = json_document(source, "leaks");

	json_object_set_new(document, "leaked", json_leak_rows(source, leaks, true));
	json_object_set_new(document, "suspects", json_leak_rows(source, leaks, false));
	json_object_set_new(document, "cycles", cycles(source, leaks));
	json_object_set_new(
		document, "scan",
		json_pack("{s:i, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "looks",
			  (int)scan->looks, "passes", (int)scan->passes, "took_ns",
			  (json_int_t)scan->took_ns, "apart_ns", (json_int_t)scan->apart_ns,
			  "blocked", (json_int_t)scan->blocked, "withdrawn",
			  (json_int_t)scan->withdrawn, "heap_scan_bytes",
			  (json_int_t)scan->scan_bytes, "heap_noscan_bytes",
			  (json_int_t)scan->noscan_bytes, "objects", (json_int_t)scan->objects,
			  "objects_alive", (json_int_t)scan->marked, "copied_bytes",
			  (json_int_t)scan->copied_bytes));
	return document;
}
