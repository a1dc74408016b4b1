// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>

#include "base/hash.h"
#include "model/flame_build.h"

#define SEVERAL UINT64_MAX

struct creator {
	uint64_t key; /* a stack as the probes keep it, or where goroutines start */
	uint64_t gopc;
	UT_hash_handle hh;
};

struct flame_creators {
	struct creator *by_stack, *by_start;
};

static int note(struct creator **table, uint64_t key, uint64_t gopc)
{
	struct creator *creator;

	if (!gopc || !key)
		return 0;
	creator = hash_entry(*table, &key);
	if (!creator)
		return -ENOMEM;
	creator->gopc = creator->gopc && creator->gopc != gopc ? SEVERAL : gopc;
	return 0;
}

static int note_stack(struct flame_build *build, const struct stack *stack, uint64_t gopc)
{
	const struct stack *prefix = stack_prefix(build->model->stacks, stack);

	return prefix ? note(&build->creators->by_stack, (uintptr_t)prefix, gopc) : -ENOMEM;
}

int flame_creators_make(struct flame_build *build)
{
	const struct model *model = build->model;
	const struct flame_entry *sample;
	int status = 0;

	build->creators = calloc(1, sizeof(*build->creators));
	if (!build->creators)
		return -ENOMEM;
	for (size_t i = 0; i < model->tasks.len && !status; i++) {
		const struct model_task *task = &model->tasks.data[i];

		if (task->stack)
			status = note_stack(build, task->stack, task->gopc);
		if (!status)
			status = note(&build->creators->by_start, task->startpc, task->gopc);
	}
	sample = build->samples ? build->samples->table.entries : NULL;
	for (; sample && !status; sample = sample->hh.next)
		status = note_stack(build, sample->key.stack, sample->key.gopc);
	for (size_t i = 0; i < model->spawns.len && !status; i++)
		status = note(&build->creators->by_start, model->spawns.data[i].start_pc,
			      model->spawns.data[i].gopc);
	return status;
}

void flame_creators_free(struct flame_creators *creators)
{
	if (!creators)
		return;
	hash_free(creators->by_stack);
	hash_free(creators->by_start);
	free(creators);
}

static const struct creator *find(struct creator *table, uint64_t key)
{
	struct creator *creator;

	HASH_FIND(hh, table, &key, sizeof(key), creator);
	return creator;
}

/* Of a whole stack, where its goroutine started: 0: it is not whole. */
static uint64_t start_of(const struct stack *stack)
{
	return stack->whole && stack->frame_count ? stack->frames[stack->frame_count - 1]->entry :
						    0;
}

uint64_t flame_creator(const struct flame_build *build, const struct stack *stack, bool *several)
{
	const struct stack *prefix = stack_prefix(build->model->stacks, stack);
	const struct creator *by_stack = find(build->creators->by_stack, (uintptr_t)prefix);
	const struct creator *by_start = find(build->creators->by_start, start_of(stack));

	*several = true;
	/* all goroutines that start there were made there, whatever they do now */
	if (by_start && by_start->gopc != SEVERAL)
		return by_start->gopc;
	if (by_stack && by_stack->gopc != SEVERAL && !by_start)
		return by_stack->gopc;
	*several = by_start || by_stack;
	return 0;
}
