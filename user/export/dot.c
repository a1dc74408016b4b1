// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Graphviz: https://graphviz.org/doc/info/lang.html */
#include "export/picture.h"

#define LABEL_MAX 1024

static void write_text(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text; text++) {
		if (*text == '\n')
			fputs("\\n", out);
		else if (*text == '"' || *text == '\\')
			fprintf(out, "\\%c", *text);
		else if ((unsigned char)*text >= ' ')
			fputc(*text, out);
	}
	fputc('"', out);
}

static void write_box(FILE *out, const struct waits_graph *graph, const struct picture_box *box,
		      size_t index)
{
	char label[LABEL_MAX];

	picture_label(graph, box, label, sizeof(label));
	fprintf(out, "\tn%zu [label=", index);
	write_text(out, label);
	if (box->object)
		fputs(", shape=ellipse", out);
	else
		fprintf(out, ", shape=box%s%s%s", box->count > 1 ? ", peripheries=2" : "",
			box->cycle ? ", color=red, penwidth=2" : "",
			box->may_cycle ? ", color=orange" : "");
	fputs("];\n", out);
}

void picture_write_dot(FILE *out, const struct waits_graph *graph, const struct picture *picture)
{
	fputs("digraph waits {\n\trankdir=LR;\n\tnode [fontname=\"sans-serif\"];\n", out);
	for (size_t i = 0; i < picture->boxes.len; i++)
		write_box(out, graph, &picture->boxes.data[i], i);
	for (size_t i = 0; i < picture->arrows.len; i++) {
		const struct picture_arrow *arrow = &picture->arrows.data[i];

		fprintf(out, "\tn%zu -> n%zu", arrow->from, arrow->to);
		if (arrow->label) {
			fputs(" [label=", out);
			write_text(out, arrow->label);
			fprintf(out, "%s]", arrow->certain ? "" : ", style=dashed");
		}
		fputs(";\n", out);
	}
	if (picture->left_out)
		fprintf(out, "\tlabel=\"and %llu more objects that fewer goroutines wait for\";\n",
			(unsigned long long)picture->left_out);
	fputs("}\n", out);
}
