// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Mermaid's timeline: `period : event`, and `: event` for further ones of the same. A colon ends a text
 * there, and so do # and ;, so that times are written 22h04m05 and the others as their names.
 */
#include <string.h>

#include "base/clock.h"
#include "export/flame_text.h"
#include "export/report.h"
#include "model/format.h"

static void write_text(FILE *out, const char *text)
{
	char clean[512];

	flame_utf8(text, clean, sizeof(clean));
	for (const char *at = clean; *at; at++)
		switch (*at) {
		case ':':
			/* "x.go:12" */
			fputs(at[1] == ' ' ? "," : " line ", out);
			break;
		case '#':
		case ';':
			fputc(',', out);
			break;
		case '<':
		case '>':
			fputc('\'', out);
			break;
		default:
			fputc((unsigned char)*at < ' ' ? ' ' : *at, out);
		}
}

static void period_of(const struct diagnosis *diagnosis, const struct timeline_row *row, char *text,
		      size_t size)
{
	if (row->forecast) {
		snprintf(text, size, "forecast, in %s",
			 DURATION(row->at_ns - diagnosis->input.model->at_ns));
		return;
	}
	/* a colon ends the period */
	clock_text(detect_wall_ns(&diagnosis->input, row->at_ns),
		   row->at_is_bound ? "%Hh%Mm%SZ or before" : "%Hh%Mm%SZ", text, size);
}

int report_mermaid(FILE *out, const struct report_source *source)
{
	const struct diagnosis *diagnosis = source->diagnosis;
	const char *exe = strrchr(source->facts->exe, '/');
	char period[64], before[64] = "";

	fputs("timeline\n    title ", out);
	write_text(out, exe ? exe + 1 : source->facts->exe);
	fprintf(out, " (pid %d)\n", (int)source->facts->pid);
	for (size_t i = 0; i < diagnosis->timeline.len; i++) {
		const struct timeline_row *row = &diagnosis->timeline.data[i];

		period_of(diagnosis, row, period, sizeof(period));
		if (strcmp(period, before) != 0)
			fprintf(out, "    %s : ", period);
		else
			fprintf(out, "    %*s : ", (int)strlen(period), "");
		write_text(out, row->text);
		fputc('\n', out);
		memcpy(before, period, sizeof(before));
	}
	return 0;
}
