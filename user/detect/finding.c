// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "detect/finding.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *severity_name(enum severity severity)
{
	static const char *const names[] = { "info", "warning", "critical" };

	return names[severity];
}

const char *certainty_name(enum certainty certainty)
{
	static const char *const names[] = { "possible", "likely", "certain" };

	return names[certainty];
}

struct finding *finding_begin(struct findings *findings, enum severity severity,
			      enum certainty certainty)
{
	struct finding *finding = vec_push(&findings->rows);

	if (!finding) {
		findings->no_memory = true;
		/* the run fails, so what becomes of the last one does not matter */
		finding = findings->rows.len ? &findings->rows.data[findings->rows.len - 1] :
					       &findings->spare;
	}
	finding->id = findings->running;
	finding->rank = findings->rank;
	finding->severity = severity;
	finding->certainty = certainty;
	finding->effect_of = NO_FINDING;
	return finding;
}

#define FORMAT_INTO(to, format)                                                                    \
	do {                                                                                       \
		va_list args;                                                                      \
		va_start(args, format);                                                            \
		vsnprintf(to, sizeof(to), format, args);                                           \
		va_end(args);                                                                      \
	} while (0)

void finding_title(struct finding *finding, const char *format, ...)
{
	FORMAT_INTO(finding->title, format);
}

void finding_why(struct finding *finding, const char *format, ...)
{
	FORMAT_INTO(finding->why_certain, format);
}

void finding_advise(struct finding *finding, const char *format, ...)
{
	FORMAT_INTO(finding->advice, format);
}

void finding_next(struct finding *finding, const char *format, ...)
{
	FORMAT_INTO(finding->next, format);
}

void finding_say(struct findings *findings, struct finding *finding, const char *format, ...)
{
	struct finding_line *line = vec_push(&finding->evidence);

	if (line)
		FORMAT_INTO(line->text, format);
	else
		findings->no_memory = true;
}

void finding_event(struct findings *findings, struct finding *finding, uint64_t at_ns, bool bound,
		   const char *format, ...)
{
	struct finding_event *event = vec_push(&finding->events);

	if (!event) {
		findings->no_memory = true;
		return;
	}
	event->at_ns = at_ns;
	event->at_is_bound = bound;
	FORMAT_INTO(event->text, format);
}

void finding_add_goid(struct findings *findings, struct finding *finding, uint64_t goid)
{
	uint64_t *slot = vec_push(&finding->goids);

	if (slot)
		*slot = goid;
	else
		findings->no_memory = true;
}

void finding_add_affected(struct findings *findings, struct finding *finding, uint64_t goid)
{
	uint64_t *slot = vec_push(&finding->affected);

	if (slot)
		*slot = goid;
	else
		findings->no_memory = true;
}

void findings_not_judged(struct findings *findings, const char *format, ...)
{
	struct not_judged *row = vec_push(&findings->not_judged);

	if (!row) {
		findings->no_memory = true;
		return;
	}
	row->id = findings->running;
	FORMAT_INTO(row->reason, format);
}

static void finding_free(struct finding *finding)
{
	vec_free(&finding->evidence);
	vec_free(&finding->goids);
	vec_free(&finding->affected);
	vec_free(&finding->events);
}

void findings_free(struct findings *findings)
{
	for (size_t i = 0; i < findings->rows.len; i++)
		finding_free(&findings->rows.data[i]);
	finding_free(&findings->spare);
	vec_free(&findings->rows);
	vec_free(&findings->not_judged);
	memset(findings, 0, sizeof(*findings));
}

void finding_key(const struct finding *finding, char *key, size_t size)
{
	const struct pclntab_frame *site = finding->of_process ? NULL : finding->site;

	snprintf(key, size, "%s|%s:%d|%llx", finding->id, site ? site->function : "",
		 site ? site->line : 0, (unsigned long long)finding->object_addr);
}

int findings_worst(const struct findings *findings)
{
	int worst = -1;

	for (size_t i = 0; i < findings->rows.len; i++) {
		const struct finding *finding = &findings->rows.data[i];

		if (finding->effect_of == NO_FINDING && (int)finding->severity > worst)
			worst = (int)finding->severity;
	}
	return worst;
}
