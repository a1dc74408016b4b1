// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The waits-for graph around the findings, in layers from left to right: who waits, for what, who keeps
 * it. Boxes that have nothing to do with a finding are left out; in a layer they are put near those
 * that they come from.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "export/html_text.h"
#include "export/picture.h"
#include "export/report.h"

#define BOXES_MAX 36
#define BOX_WIDTH 230.0
#define BOX_HEIGHT 58.0
#define GAP_X 70.0
#define GAP_Y 18.0
#define LABEL_MAX 34 /* bytes that fit into a box */

struct layout_box {
	bool drawn, visited, on_path;
	size_t layer;
	double order, x, y;
};

struct drawing {
	const struct diagnosis *diagnosis;
	const struct picture *picture;
	struct layout_box *boxes;
	bool *back; /* by arrow: it closes a cycle */
	size_t *order;
	size_t count;
	double height;
};

/* ---- which ------------------------------------------------------------------------------------- */

static bool has(const uint64_t *goids, size_t count, uint64_t goid)
{
	for (size_t i = 0; i < count; i++)
		if (goids[i] == goid)
			return true;
	return false;
}

static bool is_of(const struct drawing *drawing, const struct finding *finding,
		  const struct picture_box *box)
{
	uint64_t goid;

	if (finding->severity == SEVERITY_INFO)
		return false;
	if (box->object)
		return finding->object_addr && finding->object_addr == box->object->addr;
	goid = drawing->diagnosis->input.model->tasks.data[box->task].goid;
	return has(finding->goids.data, finding->goids.len, goid) ||
	       has(finding->affected.data, finding->affected.len, goid);
}

static void mark(struct drawing *drawing, size_t box)
{
	if (drawing->boxes[box].drawn || drawing->count == BOXES_MAX)
		return;
	drawing->boxes[box].drawn = true;
	drawing->count++;
}

static void choose(struct drawing *drawing)
{
	const struct picture *picture = drawing->picture;
	const struct findings *findings = &drawing->diagnosis->findings;
	size_t before;

	for (size_t i = 0; i < findings->rows.len; i++)
		for (size_t j = 0; j < picture->boxes.len; j++)
			if (is_of(drawing, &findings->rows.data[i], &picture->boxes.data[j]))
				mark(drawing, j);
	/* and what they are connected with */
	do {
		before = drawing->count;
		for (size_t i = 0; i < picture->arrows.len; i++) {
			const struct picture_arrow *arrow = &picture->arrows.data[i];

			if (drawing->boxes[arrow->from].drawn)
				mark(drawing, arrow->to);
			else if (drawing->boxes[arrow->to].drawn)
				mark(drawing, arrow->from);
		}
	} while (drawing->count != before);
}

static bool is_drawn(const struct drawing *drawing, const struct picture_arrow *arrow)
{
	return drawing->boxes[arrow->from].drawn && drawing->boxes[arrow->to].drawn;
}

/* ---- where ------------------------------------------------------------------------------------- */

/* Depth first; an arrow back to a box of the path closes a cycle. At most BOXES_MAX deep. */
static void visit(struct drawing *drawing, size_t box)
{
	const struct picture *picture = drawing->picture;

	drawing->boxes[box].visited = drawing->boxes[box].on_path = true;
	for (size_t i = 0; i < picture->arrows.len; i++) {
		const struct picture_arrow *arrow = &picture->arrows.data[i];

		if (arrow->from != box || !is_drawn(drawing, arrow))
			continue;
		if (drawing->boxes[arrow->to].on_path)
			drawing->back[i] = true;
		else if (!drawing->boxes[arrow->to].visited)
			visit(drawing, arrow->to);
	}
	drawing->boxes[box].on_path = false;
}

static void find_layers(struct drawing *drawing)
{
	const struct picture *picture = drawing->picture;
	bool changed = true;

	for (size_t i = 0; i < picture->boxes.len; i++)
		if (drawing->boxes[i].drawn && !drawing->boxes[i].visited)
			visit(drawing, i);
	for (size_t round = 0; changed && round < BOXES_MAX; round++) {
		changed = false;
		for (size_t i = 0; i < picture->arrows.len; i++) {
			const struct picture_arrow *arrow = &picture->arrows.data[i];
			size_t wanted = drawing->boxes[arrow->from].layer + 1;

			if (!is_drawn(drawing, arrow) || drawing->back[i] ||
			    drawing->boxes[arrow->to].layer >= wanted)
				continue;
			drawing->boxes[arrow->to].layer = wanted;
			changed = true;
		}
	}
}

static int by_order(const void *a, const void *b, void *ctx)
{
	const struct drawing *drawing = ctx;
	size_t i = *(const size_t *)a, j = *(const size_t *)b;
	const struct layout_box *x = &drawing->boxes[i], *y = &drawing->boxes[j];

	if (x->order != y->order)
		return x->order < y->order ? -1 : 1;
	return i < j ? -1 : i > j;
}

/* The mean height of the boxes that lead here. */
static double height_before(const struct drawing *drawing, size_t box)
{
	const struct picture *picture = drawing->picture;
	double sum = 0, count = 0;

	for (size_t i = 0; i < picture->arrows.len; i++) {
		const struct picture_arrow *arrow = &picture->arrows.data[i];

		if (arrow->to != box || !is_drawn(drawing, arrow) || drawing->back[i])
			continue;
		sum += drawing->boxes[arrow->from].y;
		count++;
	}
	return count > 0 ? sum / count : 0;
}

static size_t place_layer(struct drawing *drawing, size_t layer)
{
	size_t count = 0;
	double y = 10;

	for (size_t i = 0; i < drawing->picture->boxes.len; i++)
		if (drawing->boxes[i].drawn && drawing->boxes[i].layer == layer) {
			drawing->boxes[i].order = height_before(drawing, i);
			drawing->order[count++] = i;
		}
	vec_sort_elements(drawing->order, count, sizeof(*drawing->order), by_order, drawing);
	for (size_t i = 0; i < count; i++) {
		struct layout_box *box = &drawing->boxes[drawing->order[i]];

		box->x = 10 + (double)layer * (BOX_WIDTH + GAP_X);
		box->y = box->order > y ? box->order : y;
		y = box->y + BOX_HEIGHT + GAP_Y;
	}
	if (y > drawing->height)
		drawing->height = y;
	return count;
}

/* ---- drawing ----------------------------------------------------------------------------------- */

static void draw_label(FILE *out, const struct drawing *drawing, const struct picture_box *from,
		       const struct layout_box *box)
{
	char label[1024], *line = label, *end;
	double y = box->y + 18;

	picture_label(&drawing->diagnosis->graph, from, label, sizeof(label));
	for (; line; line = end, y += 16) {
		end = strchr(line, '\n');
		if (end)
			*end++ = '\0';
		fprintf(out, "<text x='%.1f' y='%.1f' text-anchor='middle'%s>",
			box->x + BOX_WIDTH / 2, y, line == label ? " font-weight='600'" : "");
		html_text_fitted(out, line, LABEL_MAX);
		fputs("</text>\n", out);
	}
}

static void draw_box(FILE *out, const struct drawing *drawing, size_t index)
{
	const struct picture_box *from = &drawing->picture->boxes.data[index];
	const struct layout_box *box = &drawing->boxes[index];
	const char *stroke = from->cycle                                ? "#b3261e" :
			     from->may_cycle                            ? "#b26a00" :
			     from->fate == WAITS_STUCK && !from->object ? "#b3261e" :
									  "#5b6475";

	if (from->count > 1 && !from->object)
		fprintf(out,
			"<rect x='%.1f' y='%.1f' width='%.0f' height='%.0f' rx='6' fill='#fff' "
			"stroke='%s'/>\n",
			box->x + 4, box->y + 4, BOX_WIDTH, BOX_HEIGHT, stroke);
	fprintf(out,
		"<rect x='%.1f' y='%.1f' width='%.0f' height='%.0f' rx='%d' fill='%s' stroke='%s'%s/>\n",
		box->x, box->y, BOX_WIDTH, BOX_HEIGHT, from->object ? 28 : 6,
		from->object ? "#eef2f9" : "#fff", stroke,
		from->cycle ? " stroke-width='2.5'" : "");
	draw_label(out, drawing, from, box);
}

static void draw_arrow(FILE *out, const struct drawing *drawing, size_t index)
{
	const struct picture_arrow *arrow = &drawing->picture->arrows.data[index];
	const struct layout_box *from = &drawing->boxes[arrow->from],
				*to = &drawing->boxes[arrow->to];
	double x1 = from->x + BOX_WIDTH, y1 = from->y + BOX_HEIGHT / 2, x2 = to->x,
	       y2 = to->y + BOX_HEIGHT / 2, bend = GAP_X * 0.6;
	const char *dashes = arrow->certain || !arrow->label ? "" : " stroke-dasharray='5 4'";

	if (drawing->back[index]) {
		/* round below, from left to left */
		double low = (from->y > to->y ? from->y : to->y) + BOX_HEIGHT + GAP_Y * 0.8;

		x1 = from->x + BOX_WIDTH / 2;
		y1 = from->y + BOX_HEIGHT;
		x2 = to->x + BOX_WIDTH / 2;
		y2 = to->y + BOX_HEIGHT;
		fprintf(out,
			"<path d='M%.1f %.1f C%.1f %.1f %.1f %.1f %.1f %.1f' fill='none' "
			"stroke='#b3261e' stroke-width='1.5' marker-end='url(#arrow)'%s/>\n",
			x1, y1, x1, low + 20, x2, low + 20, x2, y2 + 3, dashes);
		if (arrow->label) {
			fprintf(out, "<text x='%.1f' y='%.1f' text-anchor='middle' fill='#5b6475'>",
				(x1 + x2) / 2, low + 10);
			html_text_fitted(out, arrow->label, LABEL_MAX);
			fputs("</text>\n", out);
		}
		return;
	}
	fprintf(out,
		"<path d='M%.1f %.1f C%.1f %.1f %.1f %.1f %.1f %.1f' fill='none' stroke='#5b6475' "
		"stroke-width='1.5' marker-end='url(#arrow)'%s/>\n",
		x1, y1, x1 + bend, y1, x2 - bend, y2, x2 - 3, y2, dashes);
	if (!arrow->label)
		return;
	fprintf(out, "<text x='%.1f' y='%.1f' text-anchor='middle' fill='#5b6475' font-size='11'>",
		(x1 + x2) / 2, (y1 + y2) / 2 - 5);
	html_text_fitted(out, arrow->label, 12);
	fputs("</text>\n", out);
}

static void draw(FILE *out, struct drawing *drawing)
{
	size_t layers = 0;

	find_layers(drawing);
	while (place_layer(drawing, layers))
		layers++;
	fprintf(out,
		"<svg viewBox='0 0 %.0f %.0f' width='%.0f' role='img' aria-label='who waits for whom' "
		"font-family='system-ui,sans-serif' font-size='12'>\n"
		"<defs><marker id='arrow' viewBox='0 0 10 10' refX='9' refY='5' markerWidth='7' "
		"markerHeight='7' orient='auto-start-reverse'><path d='M0 0 L10 5 L0 10 z' "
		"fill='#5b6475'/></marker></defs>\n",
		20 + (double)layers * (BOX_WIDTH + GAP_X) - GAP_X, drawing->height + 36,
		20 + (double)layers * (BOX_WIDTH + GAP_X) - GAP_X);
	for (size_t i = 0; i < drawing->picture->arrows.len; i++)
		if (is_drawn(drawing, &drawing->picture->arrows.data[i]))
			draw_arrow(out, drawing, i);
	for (size_t i = 0; i < drawing->picture->boxes.len; i++)
		if (drawing->boxes[i].drawn)
			draw_box(out, drawing, i);
	fputs("</svg>\n", out);
}

int report_waits_svg(FILE *out, const struct diagnosis *diagnosis, bool *drawn)
{
	struct picture picture = { 0 };
	struct drawing drawing = { .diagnosis = diagnosis, .picture = &picture };
	int status = picture_make(&diagnosis->graph, &picture);

	*drawn = false;
	if (!status) {
		drawing.boxes = calloc(picture.boxes.len + 1, sizeof(*drawing.boxes));
		drawing.order = calloc(picture.boxes.len + 1, sizeof(*drawing.order));
		drawing.back = calloc(picture.arrows.len + 1, sizeof(*drawing.back));
		if (!drawing.boxes || !drawing.order || !drawing.back)
			status = -ENOMEM;
	}
	if (!status) {
		choose(&drawing);
		*drawn = drawing.count > 1;
	}
	if (*drawn)
		draw(out, &drawing);
	free(drawing.boxes);
	free(drawing.order);
	free(drawing.back);
	picture_free(&picture);
	return status;
}
