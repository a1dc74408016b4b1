/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A diagnosis for people elsewhere: a page for browsers and paper, a timeline for post-mortems. */
#ifndef EXPORT_REPORT_H
#define EXPORT_REPORT_H

#include <stdio.h>

#include "detect/diagnosis.h"
#include "export/flame.h"

struct report_source {
	const struct target_facts *facts;
	const struct capture *capture;
	const struct flame_binary *binary;
	struct model *model;
	const struct diagnosis *diagnosis;
};

/* All: 0 or -ENOMEM; errors of the stream stay in it (ferror). */

/* One HTML file that loads nothing. */
int report_html(FILE *out, const struct report_source *source);
/* https://mermaid.js.org/syntax/timeline.html */
int report_mermaid(FILE *out, const struct report_source *source);

/* Parts of the page, as SVG elements. */
void report_chart_svg(FILE *out, const struct diagnosis *diagnosis);
/* What waits for what around the findings. *drawn: there is something to see; else nothing is written. */
int report_waits_svg(FILE *out, const struct diagnosis *diagnosis, bool *drawn);

extern const char report_style[];

#endif
