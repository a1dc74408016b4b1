// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cmd/shown.h"

#include <errno.h>
#include <string.h>

#include "cmd/command.h"
#include "cmd/flame.h"
#include "cmd/output.h"
#include "cmd/waits.h"

/* One with a way of its own to print has no document and text. */
struct shown_view {
	const char *name;
	unsigned formats;
	json_t *(*document)(const struct shown *shown, const struct options *options);
	int (*text)(const struct shown *shown, const struct options *options);
	int (*print)(struct shown *shown, const struct options *options, struct err *err);
};

static json_t *top_document(const struct shown *shown, const struct options *options)
{
	(void)options;
	return json_top(&shown->json);
}

static int top_text(const struct shown *shown, const struct options *options)
{
	(void)options;
	return view_top(&shown->view);
}

static json_t *tasks_document(const struct shown *shown, const struct options *options)
{
	return json_tasks(&shown->json, &options->tasks);
}

static int tasks_text(const struct shown *shown, const struct options *options)
{
	return view_tasks(&shown->view, &options->tasks);
}

static json_t *locks_document(const struct shown *shown, const struct options *options)
{
	(void)options;
	return json_locks(&shown->json);
}

static int locks_text(const struct shown *shown, const struct options *options)
{
	(void)options;
	return view_locks(&shown->view);
}

static json_t *chans_document(const struct shown *shown, const struct options *options)
{
	(void)options;
	return json_chans(&shown->json);
}

static int chans_text(const struct shown *shown, const struct options *options)
{
	(void)options;
	return view_chans(&shown->view);
}

static int stacks_text(const struct shown *shown, const struct options *options)
{
	const struct snapshot *snapshot = shown->json.model->snapshot;

	(void)options;
	return snapshot ? go_dump_write(shown->view.out, &shown->dump, snapshot) : 0;
}

static int waits(struct shown *shown, const struct options *options, struct err *err)
{
	return waits_print(&shown->json, &shown->view, shown->leaks, options, err);
}

static int no_look(const struct observed_leaks *leaks, struct err *err)
{
	if (leaks && *leaks->why_not)
		return err_set(err, ENODATA, "showing leaks",
			       "use `conctrace leaks` on the process",
			       "the look at the heap was not possible: %s", leaks->why_not);
	return err_set(err, ENODATA, "showing leaks", "record with --leaks",
		       "the recording has no look at the heap up to then");
}

/* The same of the look at the heap; that there is one was checked. */
static struct shown of_leaks(const struct shown *shown)
{
	struct shown of = *shown;

	of.json.model = &shown->leaks->model;
	of.json.capture = &shown->leaks->capture;
	of.view.model = &shown->leaks->model;
	of.view.capture = &shown->leaks->capture;
	return of;
}

static json_t *leaks_document(const struct shown *shown, const struct options *options)
{
	const struct shown of = of_leaks(shown);

	(void)options;
	return json_leaks(&of.json, &shown->leaks->leaks);
}

static int leaks_text(const struct shown *shown, const struct options *options)
{
	const struct shown of = of_leaks(shown);

	(void)options;
	return view_leaks(&of.view, &shown->leaks->leaks);
}

static int flame(struct shown *shown, const struct options *options, struct err *err)
{
	bool leaks = options->flame.of == FLAME_LEAKS;
	const struct shown of = leaks ? of_leaks(shown) : *shown;
	const struct flame_source source = { .facts = of.json.target,
					     .binary = &of.binary,
					     .capture = of.json.capture,
					     .model = of.json.model };
	struct options complete = *options;

	if (leaks)
		complete.flame.leaks = &shown->leaks->leaks;
	return flame_print(&source, shown->samples, &complete, err);
}

#define PICTURES (FORMAT_BIT(FORMAT_DOT) | FORMAT_BIT(FORMAT_MERMAID))
#define FLAMES                                                                                     \
	(FORMAT_BIT(FORMAT_FOLDED) | FORMAT_BIT(FORMAT_SVG) | FORMAT_BIT(FORMAT_PPROF) |           \
	 FORMAT_BIT(FORMAT_SPEEDSCOPE))

static const struct shown_view views[] = {
	{ "top", FORMATS_TEXT_JSON, top_document, top_text, NULL },
	{ "tasks", FORMATS_TEXT_JSON, tasks_document, tasks_text, NULL },
	{ "locks", FORMATS_TEXT_JSON, locks_document, locks_text, NULL },
	{ "chans", FORMATS_TEXT_JSON, chans_document, chans_text, NULL },
	{ "stacks", FORMAT_BIT(FORMAT_TEXT), NULL, stacks_text, NULL },
	{ "waits", FORMATS_TEXT_JSON | PICTURES, NULL, NULL, waits },
	{ "leaks", FORMATS_TEXT_JSON, leaks_document, leaks_text, NULL },
	{ "flame", FLAMES, NULL, NULL, flame },
};

static bool is_of_leaks(const struct shown_view *view, const struct options *options)
{
	return view->text == leaks_text ||
	       (view->print == flame && options->flame.of == FLAME_LEAKS);
}

bool shown_looks_at_heap(const struct shown_view *view)
{
	return view->text == leaks_text;
}

struct shown shown_live(struct live *live, const struct options *options)
{
	struct shown shown = { .json = live_json(live, options),
			       .view = live_view(live, options, NULL) };

	flame_binary_of(&live->target, &shown.binary);
	go_dump_source_init(&shown.dump, &live->target);
	return shown;
}

unsigned shown_formats(const struct shown_view *view)
{
	return view->formats;
}

const struct shown_view *shown_view_find(const char *name, struct err *err)
{
	char names[160] = "";
	size_t used = 0;

	for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++) {
		if (!strcmp(views[i].name, name))
			return &views[i];
		used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s", i ? ", " : "",
					 views[i].name);
	}
	err_set(err, EINVAL, OPTIONS_WHAT, "give one of these",
		"\"%.80s\" is no view; there are %s", name, names);
	return NULL;
}

static int print_text(const struct shown_view *which, struct shown *shown,
		      const struct options *options, struct err *err)
{
	struct output_text text;
	int status = output_text_open(&text, err);

	if (status)
		return status;
	shown->view.out = text.stream;
	if (which->text(shown, options)) {
		output_text_discard(&text);
		return output_no_memory(err);
	}
	return output_text_write(&text, options, err);
}

int shown_print(const struct shown_view *which, struct shown *shown, const struct options *options,
		struct err *err)
{
	int status;

	if (options->format != FORMAT_DEFAULT && !(which->formats & FORMAT_BIT(options->format)))
		return err_set(err, EINVAL, OPTIONS_WHAT, "leave -f out, or see its --help",
			       "%s has no such format", which->name);
	if (is_of_leaks(which, options) && !(shown->leaks && shown->leaks->known))
		return no_look(shown->leaks, err);
	if (which->print)
		return which->print(shown, options, err);
	status = options->format == FORMAT_JSON ?
			 output_json(which->document(shown, options), false, options, err) :
			 print_text(which, shown, options, err);
	return !status && which->text == leaks_text && shown->leaks->leaks.leaked ? STATUS_FOUND :
										    status;
}
