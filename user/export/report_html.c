// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "export/html_text.h"
#include "export/report.h"
#include "model/format.h"

#define GOIDS_SHOWN 400 /* bytes of a list */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void pill(FILE *out, enum severity severity)
{
	fprintf(out, "<span class='pill %s'>%s</span>", severity_name(severity),
		severity_name(severity));
}

static void since_text(FILE *out, const struct diagnosis *diagnosis, const struct finding *finding)
{
	uint64_t now_ns = diagnosis->input.model->at_ns;

	if (!finding->since_ns || finding->since_ns > now_ns) {
		fputs("&ndash;", out);
		return;
	}
	fprintf(out, "%s%s, ", finding->since_is_bound ? "at least " : "",
		DURATION(now_ns - finding->since_ns));
	html_clock(out, detect_wall_ns(&diagnosis->input, finding->since_ns));
	fputs(finding->since_is_bound ? " or before" : "", out);
}

static void head(FILE *out, const struct report_source *source)
{
	const struct target_facts *facts = source->facts;
	const struct model *model = source->model;
	uint64_t total = 0;

	for (size_t i = 0; i < 16; i++)
		total += model->by_state[i];
	fputs("<!DOCTYPE html>\n<html lang='en'>\n<head>\n<meta charset='utf-8'>\n"
	      "<meta name='viewport' content='width=device-width, initial-scale=1'>\n<title>",
	      out);
	html_textf(out, "%s: what is wrong", base_name(facts->exe));
	fprintf(out, "</title>\n<style>\n%s</style>\n</head>\n<body>\n<h1>", report_style);
	html_text(out, base_name(facts->exe));
	fputs("</h1>\n<p class='meta'>", out);
	html_textf(out, "pid %d, %s%s%s%s, up %s, GOMAXPROCS %u, %llu goroutines", (int)facts->pid,
		   facts->go_version, facts->stripped ? ", stripped" : "",
		   facts->pie ? ", PIE" : "", facts->cgo ? ", cgo" : "",
		   facts->age_ns ? DURATION(facts->age_ns) : "?", facts->gomaxprocs,
		   (unsigned long long)total);
	fputs("</p>\n<p class='meta'>looked at for ", out);
	html_text(out, DURATION(source->diagnosis->input.observed_ns));
	fputs(" until ", out);
	html_date(out, detect_wall_ns(&source->diagnosis->input, model->at_ns));
	fputs("; ", out);
	if (source->capture->probes)
		html_textf(out, "probes on %.3g %% of the time, %s events, cost ~%.2f %%",
			   100 * source->capture->windows_share, COUNT(source->capture->events),
			   source->capture->overhead_pct);
	else
		html_textf(out, "no probes: %s", source->diagnosis->no_probes);
	fputs("</p>\n", out);
}

static size_t count_of(const struct findings *findings, enum severity severity)
{
	size_t count = 0;

	for (size_t i = 0; i < findings->rows.len; i++)
		count += findings->rows.data[i].effect_of == NO_FINDING &&
			 findings->rows.data[i].severity == severity;
	return count;
}

static void verdict(FILE *out, const struct diagnosis *diagnosis)
{
	const struct findings *findings = &diagnosis->findings;
	int worst = findings_worst(findings);

	if (worst < SEVERITY_WARNING) {
		fputs("<p class='verdict'>Healthy: nothing worth a warning was found.", out);
	} else {
		fprintf(out, "<p class='verdict %s'>", severity_name((enum severity)worst));
		html_text(out, findings->rows.data[0].title);
	}
	if (diagnosis->input.gone)
		fputs(" The process ended meanwhile; this is the last that was seen of it.", out);
	fputs("</p>\n", out);
}

static void summary(FILE *out, const struct diagnosis *diagnosis)
{
	const struct findings *findings = &diagnosis->findings;

	if (!findings->rows.len)
		return;
	fprintf(out,
		"<h2>Summary</h2>\n<p class='note'>%zu critical, %zu warning, %zu info</p>\n<table>\n"
		"<tr><th></th><th>incident</th><th>what</th><th>since</th></tr>\n",
		count_of(findings, SEVERITY_CRITICAL), count_of(findings, SEVERITY_WARNING),
		count_of(findings, SEVERITY_INFO));
	for (size_t i = 0; i < findings->rows.len; i++) {
		const struct finding *finding = &findings->rows.data[i];

		if (finding->effect_of != NO_FINDING)
			continue;
		fputs("<tr><td>", out);
		pill(out, finding->severity);
		fprintf(out, "</td><td><a href='#f%zu'><code>%s</code></a></td><td>", i,
			finding->id);
		html_text(out, finding->title);
		fputs("</td><td class='time'>", out);
		since_text(out, diagnosis, finding);
		fputs("</td></tr>\n", out);
	}
	fputs("</table>\n", out);
}

static void row_begin(FILE *out, const char *label)
{
	fprintf(out, "<dt>%s</dt><dd>", label);
}

static void row(FILE *out, const char *label, const char *text)
{
	row_begin(out, label);
	html_text(out, text);
	fputs("</dd>\n", out);
}

static void effects(FILE *out, const struct findings *findings, size_t cause)
{
	bool any = false;

	for (size_t i = 0; i < findings->rows.len; i++) {
		if (findings->rows.data[i].effect_of != cause)
			continue;
		if (!any)
			fputs("<dt>explains</dt><dd><ul>", out);
		any = true;
		fprintf(out, "<li><code>%s</code> ", findings->rows.data[i].id);
		html_text(out, findings->rows.data[i].title);
		fputs("</li>", out);
	}
	if (any)
		fputs("</ul></dd>\n", out);
}

static void who(FILE *out, const struct finding *finding)
{
	char goids[GOIDS_SHOWN];

	if (finding->goids.len)
		row(out, "who",
		    detect_goids(goids, sizeof(goids), finding->goids.data, finding->goids.len));
	if (!finding->affected.len)
		return;
	row_begin(out, "behind it");
	html_textf(out, "%zu wait because of it: %s", finding->affected.len,
		   detect_goids(goids, sizeof(goids), finding->affected.data,
				finding->affected.len));
	fputs("</dd>\n", out);
}

static void stack(FILE *out, const struct stack *stack)
{
	if (!stack || !stack->frame_count)
		return;
	row_begin(out, "stack");
	fputs("<div class='mono'>", out);
	for (size_t i = 0; i < stack->frame_count && i < 12; i++) {
		html_text(out, PLACE(stack->frames[i]));
		fputs("<br>", out);
	}
	fputs(stack->frame_count > 12 ? "&hellip;</div></dd>\n" : "</div></dd>\n", out);
}

static void card(FILE *out, const struct diagnosis *diagnosis, size_t index)
{
	const struct finding *finding = &diagnosis->findings.rows.data[index];

	fprintf(out, "<section class='card %s' id='f%zu'>\n<h3>", severity_name(finding->severity),
		index);
	pill(out, finding->severity);
	fprintf(out, " <code>%s</code><br>", finding->id);
	html_text(out, finding->title);
	fputs("</h3>\n<dl>\n", out);
	if (finding->site) {
		row_begin(out, "where");
		fputs("<code>", out);
		html_textf(out, "%s, %s:%d", finding->site->function, finding->site->file,
			   finding->site->line);
		fputs("</code></dd>\n", out);
	}
	if (finding->object_kind) {
		row_begin(out, "object");
		html_textf(out, "%s 0x%llx %s", finding->object_kind,
			   (unsigned long long)finding->object_addr, finding->object_name);
		fputs("</dd>\n", out);
	}
	row_begin(out, "since");
	since_text(out, diagnosis, finding);
	fputs("</dd>\n", out);
	if (finding->evidence.len) {
		fputs("<dt>evidence</dt><dd><ul>", out);
		for (size_t i = 0; i < finding->evidence.len; i++) {
			fputs("<li>", out);
			html_text(out, finding->evidence.data[i].text);
			fputs("</li>", out);
		}
		fputs("</ul></dd>\n", out);
	}
	who(out, finding);
	stack(out, finding->stack);
	effects(out, &diagnosis->findings, index);
	row_begin(out, "certainty");
	html_textf(out, "%s%s%s", certainty_name(finding->certainty),
		   finding->why_certain[0] ? ": " : "", finding->why_certain);
	fputs("</dd>\n<dt>do</dt><dd class='do'>", out);
	html_text(out, finding->advice);
	fputs("</dd>\n<dt>look</dt><dd><code>", out);
	html_text(out, finding->next);
	fputs("</code></dd>\n</dl>\n</section>\n", out);
}

static void cards(FILE *out, const struct diagnosis *diagnosis)
{
	const struct findings *findings = &diagnosis->findings;

	if (findings->rows.len)
		fputs("<h2>Findings</h2>\n", out);
	for (size_t i = 0; i < findings->rows.len; i++)
		if (findings->rows.data[i].effect_of == NO_FINDING)
			card(out, diagnosis, i);
}

static void timeline_section(FILE *out, const struct diagnosis *diagnosis)
{
	fputs("<h2>Timeline</h2>\n", out);
	report_chart_svg(out, diagnosis);
	fputs("<table>\n", out);
	for (size_t i = 0; i < diagnosis->timeline.len; i++) {
		const struct timeline_row *event = &diagnosis->timeline.data[i];

		fputs("<tr><td class='time'>", out);
		if (event->forecast)
			html_textf(out, "in %s",
				   DURATION(event->at_ns - diagnosis->input.model->at_ns));
		else
			html_clock(out, detect_wall_ns(&diagnosis->input, event->at_ns));
		fputs(event->at_is_bound ? " or before</td><td>" : "</td><td>", out);
		html_text(out, event->text);
		fputs("</td></tr>\n", out);
	}
	fputs("</table>\n", out);
}

static int waits_section(FILE *out, const struct diagnosis *diagnosis)
{
	char *text = NULL;
	size_t len;
	FILE *picture = open_memstream(&text, &len);
	bool drawn = false;
	int status = picture ? report_waits_svg(picture, diagnosis, &drawn) : -ENOMEM;

	if (picture && fclose(picture))
		status = -ENOMEM;
	if (!status && drawn)
		fprintf(out, "<h2>Who waits for whom</h2>\n%s", text);
	free(text);
	return status;
}

static void write_base64(FILE *out, const char *bytes, size_t len)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *at = (const unsigned char *)bytes;

	for (size_t i = 0; i < len; i += 3) {
		size_t left = len - i;
		uint32_t group = (uint32_t)at[i] << 16 | (left > 1 ? (uint32_t)at[i + 1] << 8 : 0) |
				 (left > 2 ? at[i + 2] : 0);

		fputc(digits[group >> 18], out);
		fputc(digits[group >> 12 & 63], out);
		fputc(left > 1 ? digits[group >> 6 & 63] : '=', out);
		fputc(left > 2 ? digits[group & 63] : '=', out);
	}
}

/* The flamegraph that goes with the worst finding. */
static enum flame_of flame_for(const struct findings *findings)
{
	const char *id = findings->rows.len ? findings->rows.data[0].id : "";

	if (!strcmp(id, "lock.hot") || !strcmp(id, "lock.starving"))
		return FLAME_LOCK;
	return FLAME_TASKS;
}

static int flame_section(FILE *out, const struct report_source *source)
{
	const struct flame_options options = { .of = flame_for(&source->diagnosis->findings) };
	struct flame flame = { 0 };
	const struct flame_source picture = { .facts = source->facts,
					      .binary = source->binary,
					      .capture = source->capture,
					      .model = source->model,
					      .flame = &flame };
	char *text = NULL;
	size_t len = 0;
	FILE *stream = open_memstream(&text, &len);
	int status = stream ? flame_make(source->model, NULL, &options, &flame) : -ENOMEM;

	if (!status)
		status = flame_svg(stream, &picture);
	if (stream && fclose(stream))
		status = -ENOMEM;
	if (!status && flame.stacks.len) {
		/* a document of its own: it has scripts, and ids that are not the page's */
		fprintf(out,
			"<h2>Flamegraph: %s</h2>\n<object type='image/svg+xml' "
			"aria-label='flamegraph' data='data:image/svg+xml;base64,",
			options.of == FLAME_LOCK ? "time that goroutines waited for locks" :
						   "goroutines that exist, by where they are");
		write_base64(out, text, len);
		fputs("'></object>\n", out);
	}
	flame_free(&flame);
	free(text);
	return status;
}

static void checked_section(FILE *out, const struct diagnosis *diagnosis)
{
	size_t count;
	const struct detector *const *detectors = detect_detectors(&count);

	fputs("<h2>What was checked</h2>\n<table>\n", out);
	for (size_t i = 0; i < count; i++) {
		if (!diagnosis_judged(diagnosis, detectors[i]->id))
			continue;
		fprintf(out, "<tr><td><code>%s</code></td><td>", detectors[i]->id);
		html_text(out, detectors[i]->looks_for);
		fputs("</td></tr>\n", out);
	}
	for (size_t i = 0; i < diagnosis->findings.not_judged.len; i++) {
		const struct not_judged *not_judged = &diagnosis->findings.not_judged.data[i];

		fprintf(out, "<tr><td><code>%s</code></td><td class='note'>not judged: ",
			not_judged->id);
		html_text(out, not_judged->reason);
		fputs("</td></tr>\n", out);
	}
	fputs("</table>\n", out);
}

int report_html(FILE *out, const struct report_source *source)
{
	int status;

	head(out, source);
	verdict(out, source->diagnosis);
	summary(out, source->diagnosis);
	cards(out, source->diagnosis);
	timeline_section(out, source->diagnosis);
	status = waits_section(out, source->diagnosis);
	if (!status)
		status = flame_section(out, source);
	checked_section(out, source->diagnosis);
	fprintf(out, "<p class='note'>conctrace %s; times are UTC (Z)</p>\n</body>\n</html>\n",
		CONCTRACE_VERSION);
	return status;
}
