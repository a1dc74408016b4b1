/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The waits-for graph for programs that draw it. Errors of the stream stay in it (ferror). */
#ifndef EXPORT_PICTURE_H
#define EXPORT_PICTURE_H

#include <stdio.h>

#include "model/picture.h"

void picture_write_dot(FILE *out, const struct waits_graph *graph, const struct picture *picture);
void picture_write_mermaid(FILE *out, const struct waits_graph *graph,
			   const struct picture *picture);

/* Lines of a box, ended by '\n' each but the last, into `to`. */
void picture_label(const struct waits_graph *graph, const struct picture_box *box, char *to,
		   size_t size);

#endif
