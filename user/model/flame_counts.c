// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Flames that count: goroutines that exist, go statements, and who let others wait. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/flame_build.h"

struct flame_labels {
	char *text; /* the key */
	UT_hash_handle hh;
};

void flame_labels_free(struct flame_labels *labels)
{
	struct flame_labels *node, *next;

	HASH_ITER(hh, labels, node, next) {
		HASH_DEL(labels, node);
		free(node->text);
		free(node);
	}
}

static char *label_text(const struct snapshot *snapshot, const struct goroutine *goroutine)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	for (uint32_t i = 0; i < goroutine->label_count; i++) {
		const struct goroutine_label *label =
			&snapshot->labels.data[goroutine->first_label + i];

		fprintf(out, "%s=%s\n", snapshot->strings.data + label->key,
			snapshot->strings.data + label->value);
	}
	if (!fclose(out))
		return text;
	free(text);
	return NULL;
}

/* The same text is the same pointer. */
static const char *labels_of(struct flame_build *build, const struct goroutine *goroutine)
{
	char *text = label_text(build->model->snapshot, goroutine);
	struct flame_labels *node;

	if (!text)
		return NULL;
	HASH_FIND_STR(build->labels, text, node);
	if (node) {
		free(text);
		return node->text;
	}
	node = calloc(1, sizeof(*node));
	if (!node) {
		free(text);
		return NULL;
	}
	node->text = text;
	HASH_ADD_KEYPTR(hh, build->labels, node->text, strlen(node->text), node);
	return node->text;
}

static bool is_task_wanted(const struct flame_build *build, const struct model_task *task)
{
	const struct flame_options *options = build->options;

	if ((task->system && !options->system) || (options->goid && task->goid != options->goid))
		return false;
	return !options->object || model_waiting_on(build->model, task).addr == options->object ||
	       (task->wait_kind == WAIT_SELECT && task->goroutine &&
		flame_selects(build->model->snapshot, task->goroutine, options->object));
}

static int add_task(struct flame_build *build, const struct model_task *task)
{
	bool waits = task->state == G_WAITING;
	struct flame_key key = { .stack = task->stack,
				 .gopc = task->gopc,
				 .reason = waits ? task->reason : FLAME_STATE | task->state };
	struct flame_entry *entry;

	if (!is_task_wanted(build, task))
		return 0;
	if (build->options->labels && task->goroutine && task->goroutine->label_count) {
		key.labels = labels_of(build, task->goroutine);
		if (!key.labels)
			return -ENOMEM;
	}
	entry = flame_put(build, &key);
	if (!entry)
		return -ENOMEM;
	entry->count++;
	entry->goroutine = task->goroutine;
	return 0;
}

int flame_tasks(struct flame_build *build)
{
	const struct model *model = build->model;
	int status = 0;

	for (size_t i = 0; i < model->tasks.len && !status; i++)
		status = add_task(build, &model->tasks.data[i]);
	return status;
}

int flame_leaks(struct flame_build *build)
{
	const struct leaks *leaks = build->options->leaks;
	int status = 0;

	for (size_t i = 0; leaks && i < leaks->leaked && !status; i++)
		status = add_task(build, &build->model->tasks.data[leaks->rows.data[i].task]);
	return status;
}

int flame_spawns(struct flame_build *build)
{
	struct model *model = build->model;

	build->flame->is_estimate = model->estimated;
	for (size_t i = 0; i < model->spawns.len; i++) {
		const struct model_spawn *spawn = &model->spawns.data[i];
		/* the go statement's call is one byte before */
		uint64_t pc = spawn->gopc - 1;
		struct flame_key key = { .addr = spawn->start_pc,
					 .object = FLAME_A_START,
					 .reason = FLAME_NO_REASON };
		struct flame_entry *entry;

		if (!spawn->spawned || (spawn->system && !build->options->system))
			continue;
		key.stack = stack_intern(model->stacks, &pc, 1);
		entry = key.stack ? flame_put(build, &key) : NULL;
		if (!entry)
			return -ENOMEM;
		entry->count += spawn->spawned;
	}
	return 0;
}

static bool is_mutex(enum lock_kind kind)
{
	return lock_is_mutex(kind) || kind == LOCK_RWMUTEX_MUTEX || kind == LOCK_RWMUTEX_WRITER ||
	       kind == LOCK_RWMUTEX_READER;
}

int flame_mutex(struct flame_build *build)
{
	const struct model *model = build->model;

	build->flame->is_estimate = model->estimated;
	for (size_t i = 0; i < model->wakes.len; i++) {
		const struct model_wake *wake = &model->wakes.data[i];
		struct flame_key key = { .stack = wake->waker, .reason = wake->reason };
		struct flame_entry *entry;

		if (!is_mutex(wake->woken->lock))
			continue;
		entry = flame_put(build, &key);
		if (!entry)
			return -ENOMEM;
		entry->count += wake->count;
		entry->ns += wake->charged_ns;
	}
	return 0;
}
