// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Goroutines and memory over the observation, with the moments of the timeline. */
#include "base/clock.h"
#include "export/html_text.h"
#include "export/report.h"
#include "model/format.h"

#define WIDTH 1000.0
#define HEIGHT 240.0
#define LEFT 64.0
#define RIGHT 84.0
#define TOP 26.0
#define BOTTOM 30.0
#define STEPS 4 /* from 0 to the top */

struct scale {
	const struct series_point *points;
	size_t count;
	double goroutines, rss; /* at the top */
};

static double x_of(const struct scale *scale, uint64_t at_ns)
{
	uint64_t from = scale->points[0].at_ns, to = scale->points[scale->count - 1].at_ns;
	double share = at_ns <= from ? 0 :
		       at_ns >= to   ? 1 :
				       (double)(at_ns - from) / (double)(to - from);

	return LEFT + share * (WIDTH - LEFT - RIGHT);
}

static double y_of(double value, double top)
{
	return HEIGHT - BOTTOM - (top > 0 ? value / top : 0) * (HEIGHT - TOP - BOTTOM);
}

/* 1, 2 or 5 times a power of ten. */
static double round_count(double least)
{
	for (double unit = 1;; unit *= 10)
		for (int times = 1; times <= 5; times += times < 2 ? 1 : 3)
			if (times * unit >= least)
				return times * unit;
}

static double round_bytes(double least)
{
	double bytes = 1024;

	while (bytes < least)
		bytes *= 2;
	return bytes;
}

static struct scale make_scale(const struct series *series)
{
	struct scale scale = { 0 };

	scale.count = series_points(series, &scale.points);
	for (size_t i = 0; i < scale.count; i++) {
		const struct series_point *point = &scale.points[i];

		if ((double)point->goroutines > scale.goroutines)
			scale.goroutines = (double)point->goroutines;
		if ((double)point->resources.rss > scale.rss)
			scale.rss = (double)point->resources.rss;
	}
	scale.goroutines = STEPS * round_count(scale.goroutines / STEPS);
	scale.rss = STEPS * round_bytes(scale.rss / STEPS);
	return scale;
}

static void print_lines(FILE *out, const struct scale *scale)
{
	fputs("<polyline fill='none' stroke='#9aa3b2' stroke-width='2' stroke-dasharray='5 3' points='",
	      out);
	for (size_t i = 0; i < scale->count; i++)
		fprintf(out, "%.1f,%.1f ", x_of(scale, scale->points[i].at_ns),
			y_of((double)scale->points[i].resources.rss, scale->rss));
	fputs("'/>\n<polyline fill='none' stroke='#2a5db0' stroke-width='2.5' points='", out);
	for (size_t i = 0; i < scale->count; i++)
		fprintf(out, "%.1f,%.1f ", x_of(scale, scale->points[i].at_ns),
			y_of((double)scale->points[i].goroutines, scale->goroutines));
	fputs("'/>\n", out);
	for (size_t i = 0; i < scale->count; i++)
		fprintf(out, "<circle cx='%.1f' cy='%.1f' r='3' fill='#2a5db0'/>\n",
			x_of(scale, scale->points[i].at_ns),
			y_of((double)scale->points[i].goroutines, scale->goroutines));
}

static void print_axes(FILE *out, const struct detect_input *input, const struct scale *scale)
{
	const struct series_point *first = &scale->points[0],
				  *last = &scale->points[scale->count - 1];

	for (int i = 0; i <= STEPS; i++) {
		double y = HEIGHT - BOTTOM - (double)i / STEPS * (HEIGHT - TOP - BOTTOM);

		fprintf(out, "<line x1='%.0f' x2='%.0f' y1='%.1f' y2='%.1f' stroke='#dfe3ea'/>\n",
			LEFT, WIDTH - RIGHT, y, y);
		fprintf(out, "<text x='%.0f' y='%.1f' text-anchor='end' fill='#2a5db0'>%s</text>\n",
			LEFT - 8, y + 4, COUNT((uint64_t)(scale->goroutines * i / STEPS)));
		fprintf(out, "<text x='%.0f' y='%.1f' fill='#5b6475'>%s</text>\n",
			WIDTH - RIGHT + 8, y + 4, BYTES((uint64_t)(scale->rss * i / STEPS)));
	}
	fprintf(out, "<text x='%.0f' y='%.0f' fill='#5b6475'>", LEFT, HEIGHT - 8);
	html_clock(out, detect_wall_ns(input, first->at_ns));
	fprintf(out, "</text>\n<text x='%.0f' y='%.0f' text-anchor='end' fill='#5b6475'>",
		WIDTH - RIGHT, HEIGHT - 8);
	html_clock(out, detect_wall_ns(input, last->at_ns));
	fputs("</text>\n", out);
}

void report_chart_svg(FILE *out, const struct diagnosis *diagnosis)
{
	struct scale scale = make_scale(diagnosis->input.series);

	if (scale.count < 2)
		return;
	fprintf(out,
		"<svg viewBox='0 0 %.0f %.0f' role='img' aria-label='goroutines and memory' "
		"font-family='system-ui,sans-serif' font-size='12'>\n",
		WIDTH, HEIGHT);
	print_axes(out, &diagnosis->input, &scale);
	print_lines(out, &scale);
	fprintf(out,
		"<text x='%.0f' y='12' fill='#2a5db0'>goroutines</text>\n"
		"<text x='%.0f' y='12' text-anchor='end' fill='#5b6475'>RSS (dashed)</text>\n</svg>\n",
		LEFT, WIDTH - 4);
}
