// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <inttypes.h>

#include "export/picture.h"
#include "model/format.h"

static void object_label(const struct waits_object *object, char *to, size_t size)
{
	const char *symbol = object->lock ? object->lock->symbol : object->chan->symbol;
	const char *unknown = object->lock && !object->to_count ? "\nholder unknown" : "";

	if (symbol[0])
		snprintf(to, size, "%s\n%s%s", object->kind, symbol, unknown);
	else
		snprintf(to, size, "%s\n0x%" PRIx64 "%s", object->kind, object->addr, unknown);
}

void picture_label(const struct waits_graph *graph, const struct picture_box *box, char *to,
		   size_t size)
{
	const struct model *model = graph->model;
	const struct model_task *task;
	char who[64];

	if (box->object) {
		object_label(box->object, to, size);
		return;
	}
	task = &model->tasks.data[box->task];
	if (box->any)
		snprintf(who, sizeof(who), "any of %" PRIu64 " goroutines", box->count);
	else if (box->count > 1)
		snprintf(who, sizeof(who), "%" PRIu64 " goroutines", box->count);
	else
		snprintf(who, sizeof(who), "goroutine %" PRIu64, task->goid);
	snprintf(to, size, "%s\n%s\n%s", who,
		 task->state == G_WAITING ? model_reason(model, task->reason) :
					    model_state_name(task->state),
		 PLACE(task->stack ? task->stack->site : NULL));
}
