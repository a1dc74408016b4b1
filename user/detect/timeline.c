// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "detect/timeline.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "model/format.h"

#define SLOPE_LEAST 1048576.0 /* bytes a minute, worth to be told */

static int add(timeline *rows, uint64_t at_ns, bool bound, uint64_t end_ns, const char *id,
	       const char *format, ...) __attribute__((format(printf, 6, 7)));

static int add(timeline *rows, uint64_t at_ns, bool bound, uint64_t end_ns, const char *id,
	       const char *format, ...)
{
	struct timeline_row *row = vec_push(rows);
	va_list args;

	if (!row)
		return -ENOMEM;
	row->at_ns = at_ns;
	row->at_is_bound = bound;
	row->forecast = at_ns > end_ns;
	row->id = id;
	va_start(args, format);
	vsnprintf(row->text, sizeof(row->text), format, args);
	va_end(args);
	return 0;
}

static int add_process(timeline *rows, const struct detect_input *input, uint64_t end_ns)
{
	const struct series_point *points;
	size_t count = series_points(input->series, &points);
	double memory = 60 * series_slope_memory(input->series);
	double goroutines = 60 * series_slope_total(input->series);
	char slope[96] = "";
	int status;

	if (!count)
		return 0;
	status = add(rows, points[0].at_ns, false, end_ns, NULL,
		     "first look: %s goroutines, RSS %s", COUNT(points[0].goroutines),
		     BYTES(points[0].resources.rss));
	if (status || count == 1)
		return status;
	if (fabs(goroutines) >= 1 || fabs(memory) >= SLOPE_LEAST)
		snprintf(slope, sizeof(slope), "; %+.0f goroutines and %s%s a minute", goroutines,
			 memory < 0 ? "-" : "+", BYTES((uint64_t)fabs(memory)));
	return add(rows, points[count - 1].at_ns, false, end_ns, NULL,
		   "last look: %s goroutines, RSS %s%s", COUNT(points[count - 1].goroutines),
		   BYTES(points[count - 1].resources.rss), slope);
}

static int add_finding(timeline *rows, const struct finding *finding, uint64_t end_ns)
{
	int status = 0;

	/* of what others explain it is their beginning that counts */
	if (finding->since_ns && finding->effect_of == NO_FINDING)
		status = add(rows, finding->since_ns, finding->since_is_bound, end_ns, finding->id,
			     "%s begins at %s", finding->id,
			     finding->site ? PLACE(finding->site) : "no single place");
	for (size_t i = 0; i < finding->events.len && !status; i++) {
		const struct finding_event *event = &finding->events.data[i];

		status = add(rows, event->at_ns, event->at_is_bound, end_ns, finding->id, "%s",
			     event->text);
	}
	return status;
}

static int by_time(const void *a, const void *b, void *ctx)
{
	const struct timeline_row *x = a, *y = b;

	(void)ctx;
	if (x->at_ns != y->at_ns)
		return x->at_ns < y->at_ns ? -1 : 1;
	/* the process first */
	return (x->id != NULL) - (y->id != NULL);
}

int timeline_make(const struct detect_input *input, const struct findings *findings, timeline *rows)
{
	const struct series_point *points;
	size_t count = series_points(input->series, &points);
	uint64_t end_ns = count ? points[count - 1].at_ns : input->model->at_ns;
	int status = add_process(rows, input, end_ns);

	for (size_t i = 0; i < findings->rows.len && !status; i++)
		if (findings->rows.data[i].severity != SEVERITY_INFO)
			status = add_finding(rows, &findings->rows.data[i], end_ns);
	vec_sort(rows, by_time, NULL);
	return status;
}
