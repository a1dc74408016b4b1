// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Worst first; an incident takes one screen: title, where, since, the evidence, what it explains, what
 * to do. What others explain is a line there and nothing more.
 */
#include "view/diagnose.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/clock.h"
#include "view/parts.h"

#define LABEL_WIDTH 14 /* "  not judged  " */
#define TIMELINE_ROWS 12

static const char *color_of(enum severity severity)
{
	static const char *const colors[] = { "\033[1;34m", "\033[1;33m", "\033[1;31m" };

	return colors[severity];
}

static const char *label_of(enum severity severity)
{
	static const char *const labels[] = { "INFO", "WARNING", "CRITICAL" };

	return labels[severity];
}

/* A paragraph behind a label, broken at spaces to the screen's width. */
static void paragraph(const struct view *view, const char *label, const char *mark,
		      const char *text)
{
	size_t indent = LABEL_WIDTH + strlen(mark);
	size_t width =
		(size_t)view->style.width > indent + 20 ? (size_t)view->style.width - indent : 20;

	fprintf(view->out, "  %-*s%s", LABEL_WIDTH - 2, label, mark);
	while (*text) {
		size_t len = strlen(text), cut = len;

		if (len > width) {
			cut = width;
			while (cut && text[cut] != ' ')
				cut--;
			if (!cut)
				cut = strcspn(text, " ");
		}
		fprintf(view->out, "%.*s\n", (int)cut, text);
		text += cut;
		text += strspn(text, " ");
		if (*text)
			fprintf(view->out, "%*s", (int)indent, "");
	}
}

static void paragraph_of(const struct view *view, const char *label, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void paragraph_of(const struct view *view, const char *label, const char *format, ...)
{
	char text[FINDING_TEXT * 2];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	paragraph(view, label, "", text);
}

#define WALL(ns) clock_text(ns, CLOCK_TIME, (char[32]){ 0 }, 32)

static void print_since(const struct view *view, const struct diagnosis *diagnosis,
			const struct finding *finding)
{
	uint64_t now_ns = diagnosis->input.model->at_ns;

	if (!finding->since_ns || finding->since_ns > now_ns)
		return;
	paragraph_of(view, "since", "%s%s, %s%s", finding->since_is_bound ? "at least " : "",
		     DURATION(now_ns - finding->since_ns),
		     WALL(detect_wall_ns(&diagnosis->input, finding->since_ns)),
		     finding->since_is_bound ? " or before" : "");
}

static void print_object(const struct view *view, const struct finding *finding)
{
	if (finding->object_kind)
		paragraph_of(view, "object", "%s 0x%llx%s%s", finding->object_kind,
			     (unsigned long long)finding->object_addr,
			     finding->object_name[0] ? " " : "", finding->object_name);
}

static void print_effects(const struct view *view, const struct findings *findings, size_t cause)
{
	const char *label = "explains";

	for (size_t i = 0; i < findings->rows.len; i++) {
		const struct finding *effect = &findings->rows.data[i];
		char text[FINDING_TEXT];

		if (effect->effect_of != cause)
			continue;
		snprintf(text, sizeof(text), "%s: %s", effect->id, effect->title);
		paragraph(view, label, "- ", text);
		label = "";
	}
}

static void print_incident(const struct view *view, const struct diagnosis *diagnosis, size_t index)
{
	const struct finding *finding = &diagnosis->findings.rows.data[index];
	char goids[FINDING_TEXT];

	fprintf(view->out, "\n%s%s%s  %s  ", view->style.color ? color_of(finding->severity) : "",
		label_of(finding->severity), view->style.color ? "\033[0m" : "", finding->id);
	fprintf(view->out, view->style.color ? "\033[1m%s\033[0m\n" : "%s\n", finding->title);
	if (finding->site)
		paragraph_of(view, "where", "%s%s", PLACE(finding->site),
			     finding->stack && finding->stack->site_is_guess ? " ?" : "");
	print_object(view, finding);
	print_since(view, diagnosis, finding);
	for (size_t i = 0; i < finding->evidence.len; i++)
		paragraph(view, i ? "" : "evidence", "- ", finding->evidence.data[i].text);
	if (finding->goids.len)
		paragraph(view, "who", "",
			  detect_goids(goids, sizeof(goids), finding->goids.data,
				       finding->goids.len));
	if (finding->affected.len)
		paragraph_of(view, "behind it", "%s goroutines wait because of it",
			     COUNT(finding->affected.len));
	print_effects(view, &diagnosis->findings, index);
	paragraph_of(view, "certainty", "%s%s%s", certainty_name(finding->certainty),
		     finding->why_certain[0] ? ": " : "", finding->why_certain);
	if (finding->advice[0])
		paragraph(view, "do", "", finding->advice);
	if (finding->next[0])
		paragraph(view, "look", "", finding->next);
}

static void print_timeline(const struct view *view, const struct diagnosis *diagnosis)
{
	size_t from = diagnosis->timeline.len > TIMELINE_ROWS && !view->style.verbose ?
			      diagnosis->timeline.len - TIMELINE_ROWS :
			      0;

	view_title(view, "timeline", "");
	if (from)
		fprintf(view->out, "  (%zu earlier ones: -v)\n", from);
	for (size_t i = from; i < diagnosis->timeline.len; i++) {
		const struct timeline_row *row = &diagnosis->timeline.data[i];

		if (row->forecast)
			fprintf(view->out, "  in %-17s %s\n",
				DURATION(row->at_ns - diagnosis->input.model->at_ns), row->text);
		else
			fprintf(view->out, "  %s%-11s %s\n",
				WALL(detect_wall_ns(&diagnosis->input, row->at_ns)),
				row->at_is_bound ? " or before" : "", row->text);
	}
}

/* Those of one reason together. */
static void print_not_judged(const struct view *view, const struct findings *findings)
{
	const struct not_judged *rows = findings->not_judged.data;

	for (size_t i = 0; i < findings->not_judged.len; i++) {
		size_t before = 0, used;
		char text[1024];

		while (strcmp(rows[before].reason, rows[i].reason) != 0)
			before++;
		if (before < i)
			continue;
		used = (size_t)snprintf(text, sizeof(text), "%s", rows[i].id);
		for (size_t j = i + 1; j < findings->not_judged.len && used < sizeof(text); j++)
			if (!strcmp(rows[j].reason, rows[i].reason))
				used += (size_t)snprintf(text + used, sizeof(text) - used, ", %s",
							 rows[j].id);
		if (used < sizeof(text))
			snprintf(text + used, sizeof(text) - used, ": %s", rows[i].reason);
		paragraph(view, i ? "" : "not judged", "", text);
	}
}

/* The ids, in lines. */
static void print_checked(const struct view *view, const struct diagnosis *diagnosis)
{
	size_t count, used = 0;
	const struct detector *const *detectors = detect_detectors(&count);
	char text[2048] = "";

	for (size_t i = 0; i < count; i++)
		if (diagnosis_judged(diagnosis, detectors[i]->id) && used < sizeof(text))
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s",
						 used ? ", " : "", detectors[i]->id);
	paragraph(view, "checked", "", text);
	print_not_judged(view, &diagnosis->findings);
	if (diagnosis->no_probes[0])
		paragraph_of(view, "no probes", "%s", diagnosis->no_probes);
}

static void print_verdict(const struct view *view, const struct diagnosis *diagnosis,
			  const size_t counts[3])
{
	const char *seconds = DURATION(diagnosis->input.observed_ns);

	if (counts[SEVERITY_CRITICAL] + counts[SEVERITY_WARNING])
		fprintf(view->out, "\n%zu critical, %zu warning%s, %zu remark%s, seen in %s\n",
			counts[SEVERITY_CRITICAL], counts[SEVERITY_WARNING],
			counts[SEVERITY_WARNING] == 1 ? "" : "s", counts[SEVERITY_INFO],
			counts[SEVERITY_INFO] == 1 ? "" : "s", seconds);
	else
		fprintf(view->out, "\n%shealthy%s: nothing worth a warning in %s\n",
			view->style.color ? "\033[1;32m" : "", view->style.color ? "\033[0m" : "",
			seconds);
}

int view_diagnose(const struct view *view, const struct diagnosis *diagnosis)
{
	const struct findings *findings = &diagnosis->findings;
	size_t counts[3] = { 0 };

	view_header(view);
	for (size_t i = 0; i < findings->rows.len; i++)
		if (findings->rows.data[i].effect_of == NO_FINDING)
			counts[findings->rows.data[i].severity]++;
	if (diagnosis->input.gone)
		fputs("the process ended meanwhile: this is the last that was seen of it\n",
		      view->out);
	print_verdict(view, diagnosis, counts);
	for (size_t i = 0; i < findings->rows.len; i++)
		if (findings->rows.data[i].effect_of == NO_FINDING)
			print_incident(view, diagnosis, i);
	if (counts[SEVERITY_CRITICAL] + counts[SEVERITY_WARNING])
		print_timeline(view, diagnosis);
	fputc('\n', view->out);
	print_checked(view, diagnosis);
	return 0;
}

void view_incident_event(const struct view *view, const struct diagnosis *diagnosis,
			 const struct open_incident *incident)
{
	if (incident->has_ended) {
		fprintf(view->out, "%s  %sENDED%s  %s after %s%s: %s\n",
			WALL(clock_wall_ns(clock_now_ns())), view->style.color ? "\033[1;32m" : "",
			view->style.color ? "\033[0m" : "", incident->id,
			DURATION(clock_now_ns() - incident->first_ns),
			diagnosis ? "" : ", with the process", incident->title);
		return;
	}
	fprintf(view->out, "%s  BEGINS", WALL(clock_wall_ns(clock_now_ns())));
	print_incident(view, diagnosis, incident->finding);
	fputc('\n', view->out);
}
