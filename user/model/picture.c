// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "model/picture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/graph_parts.h"

#define OBJECTS_MAX 60
#define PARTIES_MAX 12 /* of one object, each a box of its own */
#define NO_BOX SIZE_MAX

struct drawing {
	const struct waits_graph *graph;
	struct picture *picture;
	size_t *object_box; /* by object; NO_BOX: not drawn */
	size_t *node_box;   /* by node */
	VEC(size_t) drawn;  /* objects, in the order of their boxes */
};

static uint64_t worth(const struct waits_object *object)
{
	uint64_t named = object->to_count && waits_leads_on(object) ? 2 : 0;

	if (!named && (object->chan || object->waiter_count < 2))
		return 0;
	return object->waiter_count * (object->lock ? 4 : 1) + named;
}

struct choice {
	uint64_t worth;
	size_t object;
};

static int by_worth(const void *a, const void *b)
{
	const struct choice *x = a, *y = b;

	if (x->worth != y->worth)
		return x->worth < y->worth ? 1 : -1;
	return x->object < y->object ? -1 : x->object > y->object;
}

static int draw_object(struct drawing *drawing, size_t index)
{
	struct picture_box *box;
	size_t *slot;

	if (drawing->object_box[index] != NO_BOX)
		return 0;
	if (drawing->drawn.len == OBJECTS_MAX) {
		drawing->picture->left_out++;
		return 0;
	}
	box = vec_push(&drawing->picture->boxes);
	slot = vec_push(&drawing->drawn);
	if (!box || !slot)
		return -ENOMEM;
	box->object = &drawing->graph->objects.data[index];
	*slot = index;
	drawing->object_box[index] = drawing->picture->boxes.len - 1;
	return 0;
}

static int choose_objects(struct drawing *drawing)
{
	const struct waits_graph *graph = drawing->graph;
	struct choice *choices = calloc(graph->objects.len + 1, sizeof(*choices));
	int status = choices ? 0 : -ENOMEM;

	for (size_t i = 0; i < graph->objects.len && !status; i++)
		choices[i] = (struct choice){ worth(&graph->objects.data[i]), i };
	if (!status)
		qsort(choices, graph->objects.len, sizeof(*choices), by_worth);
	for (size_t i = 0; i < graph->objects.len && !status && choices[i].worth; i++)
		status = draw_object(drawing, choices[i].object);
	free(choices);
	return status;
}

static int add_arrow(struct drawing *drawing, size_t from, size_t to, const char *label,
		     bool certain)
{
	struct picture_arrow *arrow = vec_push(&drawing->picture->arrows);

	if (!arrow)
		return -ENOMEM;
	*arrow = (struct picture_arrow){ from, to, label, certain };
	return 0;
}

static int draw_node(struct drawing *drawing, size_t index, size_t *box_index)
{
	const struct waits_graph *graph = drawing->graph;
	const struct waits_node *node = &graph->nodes.data[index];
	struct picture_box *box;

	if (drawing->node_box[index] == NO_BOX) {
		bool cycle = node->cycle != WAITS_NOBODY;

		box = vec_push(&drawing->picture->boxes);
		if (!box)
			return -ENOMEM;
		*box = (struct picture_box){
			.task = node->task,
			.count = 1,
			.fate = node->fate,
			.cycle = cycle && graph->cycles.data[node->cycle].certain,
			.may_cycle = cycle && !graph->cycles.data[node->cycle].certain,
		};
		drawing->node_box[index] = drawing->picture->boxes.len - 1;
	}
	*box_index = drawing->node_box[index];
	return 0;
}

/* Those who could end the waits; of many, one box for all. */
static int draw_parties(struct drawing *drawing, const struct waits_object *object, size_t from)
{
	const struct waits_graph *graph = drawing->graph;
	bool leads_on = waits_leads_on(object);
	size_t shown = object->to_count < PARTIES_MAX ? object->to_count : PARTIES_MAX;
	int status = 0;

	for (size_t i = 0; leads_on && i < shown && !status; i++) {
		const struct waits_to *to = &graph->to.data[object->first_to + i];
		size_t box;

		status = draw_node(drawing, graph_node_index(graph, to->task), &box);
		if (!status)
			status = add_arrow(drawing, from, box, model_role_name(to->role),
					   to->certain);
	}
	if (!status && (!leads_on || shown < object->to_count)) {
		const struct waits_to *to = &graph->to.data[object->first_to];
		struct picture_box *box = vec_push(&drawing->picture->boxes);

		if (!box)
			return -ENOMEM;
		*box = (struct picture_box){ .task = to->task,
					     .count = leads_on ? object->to_count - shown :
								 object->to_count,
					     .any = !leads_on };
		status = add_arrow(drawing, from, drawing->picture->boxes.len - 1,
				   model_role_name(to->role), leads_on && to->certain);
	}
	return status;
}

/* What those that are drawn wait for themselves. Objects are put behind the ones there are. */
static int draw_all_parties(struct drawing *drawing)
{
	const struct waits_graph *graph = drawing->graph;
	int status = 0;

	for (size_t i = 0; i < drawing->drawn.len && !status; i++) {
		size_t index = drawing->drawn.data[i];
		const struct waits_object *object = &graph->objects.data[index];

		status = draw_parties(drawing, object, drawing->object_box[index]);
		for (size_t j = 0;
		     waits_leads_on(object) && j < object->to_count && j < PARTIES_MAX && !status;
		     j++) {
			const struct waits_node *node =
				waits_node_of(graph, graph->to.data[object->first_to + j].task);

			for (size_t k = 0; k < node->object_count && !status; k++)
				status = draw_object(
					drawing, graph->node_objects.data[node->first_object + k]);
		}
	}
	return status;
}

static const struct pclntab_frame *site_of(const struct model_task *task)
{
	return task->stack ? task->stack->site : NULL;
}

/* Waiters that are no party to anything drawn, at the same place: one box. */
static struct picture_box *alike(struct drawing *drawing, size_t first_box, size_t task)
{
	const struct model_task *tasks = drawing->graph->model->tasks.data;
	struct picture *picture = drawing->picture;

	for (size_t i = first_box; i < picture->boxes.len; i++) {
		struct picture_box *box = &picture->boxes.data[i];

		if (!box->object && site_of(&tasks[box->task]) == site_of(&tasks[task]) &&
		    tasks[box->task].reason == tasks[task].reason)
			return box;
	}
	return NULL;
}

static int draw_waiter(struct drawing *drawing, size_t node, size_t object_box, size_t first_box)
{
	const struct waits_graph *graph = drawing->graph;
	struct picture_box *box;
	size_t index;
	int status;

	if (drawing->node_box[node] != NO_BOX)
		return add_arrow(drawing, drawing->node_box[node], object_box, NULL, true);
	box = alike(drawing, first_box, graph->nodes.data[node].task);
	if (box) {
		box->count++;
		return 0;
	}
	status = draw_node(drawing, node, &index);
	drawing->node_box[node] = NO_BOX; /* its box stands for others, too */
	return status ? status : add_arrow(drawing, index, object_box, NULL, true);
}

static int draw_waiters(struct drawing *drawing)
{
	const struct waits_graph *graph = drawing->graph;
	int status = 0;

	for (size_t i = 0; i < drawing->drawn.len && !status; i++) {
		size_t index = drawing->drawn.data[i];
		const struct waits_object *object = &graph->objects.data[index];
		size_t first_box = drawing->picture->boxes.len;

		for (size_t j = 0; j < object->waiter_count && !status; j++)
			status = draw_waiter(drawing, graph->waiters.data[object->first_waiter + j],
					     drawing->object_box[index], first_box);
	}
	return status;
}

int picture_make(const struct waits_graph *graph, struct picture *picture)
{
	struct drawing drawing = { .graph = graph, .picture = picture };
	int status = -ENOMEM;

	drawing.object_box = malloc((graph->objects.len + 1) * sizeof(size_t));
	drawing.node_box = malloc((graph->nodes.len + 1) * sizeof(size_t));
	if (drawing.object_box && drawing.node_box) {
		memset(drawing.object_box, 0xff, graph->objects.len * sizeof(size_t));
		memset(drawing.node_box, 0xff, graph->nodes.len * sizeof(size_t));
		status = choose_objects(&drawing);
	}
	if (!status)
		status = draw_all_parties(&drawing);
	if (!status)
		status = draw_waiters(&drawing);
	free(drawing.object_box);
	free(drawing.node_box);
	vec_free(&drawing.drawn);
	return status;
}

void picture_free(struct picture *picture)
{
	vec_free(&picture->boxes);
	vec_free(&picture->arrows);
	picture->left_out = 0;
}
