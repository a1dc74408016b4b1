// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Mermaid: https://mermaid.js.org/syntax/flowchart.html */
#include "export/picture.h"

#define LABEL_MAX 1024

/* In quotes everything may stand but quotes themselves; lines are HTML's. */
static void write_text(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text; text++) {
		switch (*text) {
		case '\n':
			fputs("<br/>", out);
			break;
		case '"':
			fputs("#quot;", out);
			break;
		case '#':
			fputs("#35;", out);
			break;
		case '<':
			fputs("#lt;", out);
			break;
		case '>':
			fputs("#gt;", out);
			break;
		default:
			if ((unsigned char)*text >= ' ')
				fputc(*text, out);
		}
	}
	fputc('"', out);
}

static void write_box(FILE *out, const struct waits_graph *graph, const struct picture_box *box,
		      size_t index)
{
	char label[LABEL_MAX];

	picture_label(graph, box, label, sizeof(label));
	fprintf(out, "    n%zu%s", index, box->object ? "([" : box->count > 1 ? "[[" : "[");
	write_text(out, label);
	fprintf(out, "%s\n", box->object ? "])" : box->count > 1 ? "]]" : "]");
}

static void write_class(FILE *out, const struct picture *picture, const char *name, bool certain)
{
	size_t count = 0;

	for (size_t i = 0; i < picture->boxes.len; i++) {
		const struct picture_box *box = &picture->boxes.data[i];

		if (certain ? box->cycle : box->may_cycle)
			fprintf(out, "%sn%zu", count++ ? "," : "    class ", i);
	}
	if (count)
		fprintf(out, " %s\n", name);
}

void picture_write_mermaid(FILE *out, const struct waits_graph *graph,
			   const struct picture *picture)
{
	fputs("flowchart LR\n", out);
	for (size_t i = 0; i < picture->boxes.len; i++)
		write_box(out, graph, &picture->boxes.data[i], i);
	for (size_t i = 0; i < picture->arrows.len; i++) {
		const struct picture_arrow *arrow = &picture->arrows.data[i];

		if (arrow->label)
			fprintf(out, "    n%zu %s|\"%s\"| n%zu\n", arrow->from,
				arrow->certain ? "-->" : "-.->", arrow->label, arrow->to);
		else
			fprintf(out, "    n%zu --> n%zu\n", arrow->from, arrow->to);
	}
	fputs("    classDef deadlock stroke:#c00,stroke-width:3px\n"
	      "    classDef possible stroke:#e80,stroke-width:2px\n",
	      out);
	write_class(out, picture, "deadlock", true);
	write_class(out, picture, "possible", false);
	if (picture->left_out)
		fprintf(out, "    more[\"and %llu more objects that fewer goroutines wait for\"]\n",
			(unsigned long long)picture->left_out);
}
