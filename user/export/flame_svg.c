// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Each box is an svg element of its own, which cuts off what is in it at its edges, whatever font the
 * reader's machine has. The root is above: one reads on from the title.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "export/flame_svg_page.h"
#include "export/flame_text.h"
#include "export/flame_tree.h"
#include "export/html_text.h"
#include "model/format.h"

#define WIDTH 1200
#define PAD 10
#define ROW 19
#define NARROWEST 0.1 /* px; what is narrower is not drawn */
#define CHAR_WIDTH 7.23
#define LEGEND_TOP 98
#define LEGEND_ROW 20

struct picture {
	FILE *out;
	const struct flame_source *source;
	const struct flame_tree *tree;
	double scale; /* px of a unit of value */
	int boxes_top, height;
	size_t narrow; /* boxes left out */
};

/* ---- colours ---------------------------------------------------------------------------------------- */

struct hue {
	const char *prefix; /* of the wait reason or state */
	double hue, saturation;
};

static struct hue hue_of(const char *reason)
{
	static const struct hue hues[] = {
		{ "chan receive", 210, .75 },
		{ "chan send", 180, .55 },
		{ "select", 240, .70 },
		{ "sync.Mutex", 4, .80 },
		{ "sync.RWMutex", 24, .85 },
		{ "sync.WaitGroup", 280, .55 },
		{ "sync.Cond", 325, .60 },
		{ "semacquire", 350, .50 },
		{ "sleep", 46, .75 },
		{ "IO wait", 130, .42 },
		{ "GC", 75, .40 },
		{ "syscall", 160, .50 },
		{ "running", 100, .55 },
		{ "runnable", 60, .60 },
		{ "go statement", 200, .60 },
	};

	for (size_t i = 0; i < sizeof(hues) / sizeof(hues[0]); i++)
		if (!strncmp(reason, hues[i].prefix, strlen(hues[i].prefix)))
			return hues[i];
	return (struct hue){ reason, 30, .25 };
}

static int channel(double hue, double saturation, double lightness, int n)
{
	double k = fmod(n + hue / 30, 12);
	double a = saturation * fmin(lightness, 1 - lightness);
	double least = fmin(fmin(k - 3, 9 - k), 1);

	return (int)lround(255 * (lightness - a * fmax(-1, least)));
}

static void write_color(FILE *out, struct hue hue, double lightness)
{
	fprintf(out, "#%02x%02x%02x", channel(hue.hue, hue.saturation, lightness, 0),
		channel(hue.hue, hue.saturation, lightness, 8),
		channel(hue.hue, hue.saturation, lightness, 4));
}

#define LEGEND_LIGHTNESS .70

/* Neighbours of one reason differ a little, by their names. */
static double shade(const char *name)
{
	uint32_t hash = 2166136261U;

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * 16777619U;
	return (double)(hash >> 16 & 0xff) / 255 * .06 - .03;
}

static void write_fill(const struct picture *picture, const struct flame_node *node)
{
	const struct flame_frame *frame = node->frame;
	struct hue hue = { "", 220, .08 };
	double lightness = .84;

	if (frame && frame->frame && !frame->text) {
		bool standard = symbols_is_standard(picture->source->model->symbols, frame->frame);

		hue = hue_of(picture->tree->reasons.data[node->reason].text);
		/* the application's own code stands out */
		lightness = standard ? .82 : .70;
		if (standard)
			hue.saturation *= .65;
		lightness += shade(node->name);
	} else if (frame && frame->text && node->depth > 1 && !frame->frame &&
		   strcmp(frame->text, FLAME_CUT_TEXT) != 0) {
		hue = hue_of(picture->tree->reasons.data[node->reason].text);
		lightness = .60;
	}
	write_color(picture->out, hue, lightness);
}

/* ---- boxes ------------------------------------------------------------------------------------------ */

static size_t characters(const char *text)
{
	size_t count = 0;

	for (; *text; text++)
		count += (*text & 0xc0) != 0x80;
	return count;
}

#define CREATED_BY "created by "

/* Without the import path's directories; type arguments may have slashes, too. */
static const char *short_name(const char *name)
{
	const char *begin = name;

	if (!strncmp(name, CREATED_BY, strlen(CREATED_BY)))
		begin = name += strlen(CREATED_BY);
	for (const char *at = name; *at && *at != '[' && *at != ' '; at++)
		if (*at == '/')
			begin = at + 1;
	return begin;
}

/* Without the package either. */
static const char *bare_name(const char *name)
{
	const char *begin = short_name(name), *dot = strchr(begin, '.');

	return dot && !strchr(begin, ' ') ? dot + 1 : begin;
}

/* As the script does when it zooms. */
static void write_label(FILE *out, const char *name, double width)
{
	double left = (width - 6) / CHAR_WIDTH;
	size_t room = left > 0 ? (size_t)left : 0, count = 0;
	char cut[FLAME_NAME_MAX];
	size_t len = 0;

	if (characters(name) > room)
		name = characters(short_name(name)) > room ? bare_name(name) : short_name(name);
	if (characters(name) > room && room < 4)
		return;
	fputs("<text x=\"3\" y=\"13\">", out);
	if (characters(name) <= room) {
		html_text(out, name);
	} else {
		for (; name[len] && len + 1 < sizeof(cut); len++) {
			count += (name[len] & 0xc0) != 0x80;
			if (count > room - 2)
				break;
			cut[len] = name[len];
		}
		cut[len] = '\0';
		html_text(out, cut);
		fputs("..", out);
	}
	fputs("</text>", out);
}

static void write_title(const struct picture *picture, const struct flame_node *node)
{
	const struct flame *flame = picture->source->flame;
	const struct pclntab_frame *place = node->frame ? node->frame->frame : NULL;
	uint64_t all = picture->tree->nodes.data[0].value;
	FILE *out = picture->out;
	char amount[64];

	fputs("<title>", out);
	html_text(out, node->name);
	fprintf(out, "\n%s, %.2f %%", flame_amount(flame, node->value, amount, sizeof(amount)),
		all ? 100.0 * (double)node->value / (double)all : 0);
	if (flame->is_time && node->count)
		fprintf(out, ", %s%s waits ended", flame->is_estimate ? "~" : "",
			COUNT(node->count));
	if (place) {
		fputc('\n', out);
		html_text(out, place->file);
		if (node->same_line)
			fprintf(out, ":%d", place->line);
	}
	if (node->depth && picture->tree->reasons.len)
		fprintf(out, "\n%s", picture->tree->reasons.data[node->reason].text);
	fputs("</title>", out);
}

static void write_box(struct picture *picture, const struct flame_node *node)
{
	double width = (double)node->value * picture->scale;
	FILE *out = picture->out;

	if (width < NARROWEST) {
		picture->narrow++;
		return;
	}
	fprintf(out, "<svg class=\"b\" x=\"%.2f\" y=\"%d\" width=\"%.2f\" height=\"%d\">",
		PAD + (double)node->start * picture->scale,
		picture->boxes_top + (int)node->depth * ROW, width, ROW - 1);
	write_title(picture, node);
	fputs("<rect width=\"100%\" height=\"100%\" rx=\"2\" fill=\"", out);
	write_fill(picture, node);
	fputs("\"/>", out);
	write_label(out, node->name, width);
	fputs("</svg>\n", out);
}

/* ---- around them ------------------------------------------------------------------------------------ */

static void write_line(const struct picture *picture, int y, const char *attributes,
		       const char *text)
{
	fprintf(picture->out, "<text x=\"%d\" y=\"%d\" %s>", PAD, y, attributes);
	html_text(picture->out, text);
	fputs("</text>\n", picture->out);
}

static void write_head(const struct picture *picture)
{
	const struct flame *flame = picture->source->flame;
	char process[400], origin[600], text[1100], amount[64];

	flame_process(picture->source, process, sizeof(process));
	flame_origin(picture->source, origin, sizeof(origin));
	snprintf(text, sizeof(text), "%s: %s", process, flame_subject(flame));
	write_line(picture, 30, "class=\"h\"", text);
	snprintf(text, sizeof(text), "%s%s%s",
		 flame_amount(flame, flame->value, amount, sizeof(amount)),
		 flame->duration_ns ? " " : "; ", origin);
	write_line(picture, 50, "class=\"s\"", text);
	if (picture->narrow) {
		snprintf(text, sizeof(text), "%s boxes narrower than 0.1 px are not drawn",
			 COUNT(picture->narrow));
		write_line(picture, 66, "class=\"s\"", text);
	}
}

/* Where the next entry goes; its width is that of its text. */
static void legend_place(const char *text, int *x, int *y, int *next)
{
	int width = 22 + (int)(characters(text) * CHAR_WIDTH) + 16;

	if (*next + width > WIDTH - PAD && *next > PAD) {
		*next = PAD;
		*y += LEGEND_ROW;
	}
	*x = *next;
	*next += width;
}

static void legend_text(const struct picture *picture, size_t i, char *text, size_t size)
{
	const struct flame_reason *reason = &picture->tree->reasons.data[i];
	uint64_t all = picture->tree->nodes.data[0].value;

	snprintf(text, size, "%s %.1f %%", reason->text[0] ? reason->text : "reason unknown",
		 all ? 100.0 * (double)reason->value / (double)all : 0);
}

/* Without a stream only its height. */
static int legend(const struct picture *picture, bool write)
{
	int x, y = LEGEND_TOP, next = PAD;
	char text[128];

	for (size_t i = 0; i < picture->tree->reasons.len; i++) {
		legend_text(picture, i, text, sizeof(text));
		legend_place(text, &x, &y, &next);
		if (!write)
			continue;
		fprintf(picture->out,
			"<rect x=\"%d\" y=\"%d\" width=\"14\" height=\"14\" rx=\"3\" fill=\"", x,
			y - 11);
		write_color(picture->out, hue_of(picture->tree->reasons.data[i].text),
			    LEGEND_LIGHTNESS);
		fprintf(picture->out, "\"/><text x=\"%d\" y=\"%d\">", x + 20, y);
		html_text(picture->out, text);
		fputs("</text>\n", picture->out);
	}
	return y;
}

static void write_controls(const struct picture *picture)
{
	int y = picture->boxes_top - 8;

	fprintf(picture->out,
		"<foreignObject class=\"ui\" data-right=\"250\" x=\"%d\" y=\"58\" width=\"240\" height=\"26\">"
		"<input xmlns=\"http://www.w3.org/1999/xhtml\" id=\"query\" type=\"search\" "
		"placeholder=\"search (/)\" aria-label=\"search\"/></foreignObject>\n"
		"<text class=\"ui\" id=\"matched\" data-right=\"260\" x=\"%d\" y=\"75\" "
		"text-anchor=\"end\"/>\n"
		"<text class=\"ui\" id=\"reset\" data-right=\"10\" x=\"%d\" y=\"%d\" text-anchor=\"end\" "
		"style=\"visibility:hidden\">reset (Esc)</text>\n"
		"<text class=\"s ui\" id=\"detail\" x=\"%d\" y=\"%d\">click a box to zoom; hover for "
		"numbers</text>\n",
		WIDTH - 250, WIDTH - 260, WIDTH - 10, y, PAD, y);
}

static void write_picture(struct picture *picture)
{
	FILE *out = picture->out;

	fprintf(out,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
		"viewBox=\"0 0 %d %d\">\n<style>\n%s</style>\n"
		"<rect class=\"bg\" width=\"100%%\" height=\"100%%\"/>\n",
		WIDTH, picture->height, WIDTH, picture->height, flame_svg_style);
	for (size_t i = 0; i < picture->tree->nodes.len; i++)
		write_box(picture, &picture->tree->nodes.data[i]);
	write_head(picture);
	legend(picture, true);
	write_controls(picture);
	fprintf(out, "<script><![CDATA[\n%s]]></script>\n</svg>\n", flame_svg_script);
}

int flame_svg(FILE *out, const struct flame_source *source)
{
	struct flame_tree tree = { 0 };
	struct picture picture = { .out = out, .source = source, .tree = &tree };
	int status = flame_tree_make(source->flame, &tree);

	if (!status) {
		if (tree.nodes.data[0].value)
			picture.scale = (WIDTH - 2.0 * PAD) / (double)tree.nodes.data[0].value;
		picture.boxes_top = legend(&picture, false) + 36;
		picture.height = picture.boxes_top + ((int)tree.depth + 1) * ROW + PAD;
		write_picture(&picture);
	}
	flame_tree_free(&tree);
	return status;
}
