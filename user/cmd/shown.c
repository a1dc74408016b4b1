// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cmd/shown.h"

#include <errno.h>
#include <string.h>

#include "cmd/output.h"

struct shown_view {
	const char *name;
	json_t *(*document)(const struct shown *shown, const struct options *options);
	int (*text)(const struct shown *shown, const struct options *options);
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

static const struct shown_view views[] = {
	{ "top", top_document, top_text },       { "tasks", tasks_document, tasks_text },
	{ "locks", locks_document, locks_text }, { "chans", chans_document, chans_text },
	{ "stacks", NULL, stacks_text },
};

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

int shown_print(const struct shown_view *which, struct shown *shown, const struct options *options,
		struct err *err)
{
	struct output_text text;
	int status;

	if (options->format == FORMAT_JSON && !which->document)
		return err_set(err, EINVAL, OPTIONS_WHAT, "leave -f out", "%s is text only",
			       which->name);
	if (options->format == FORMAT_JSON)
		return output_json(which->document(shown, options), false, options, err);
	status = output_text_open(&text, err);
	if (status)
		return status;
	shown->view.out = text.stream;
	if (which->text(shown, options)) {
		output_text_discard(&text);
		return output_no_memory(err);
	}
	return output_text_write(&text, options, err);
}
