// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "model/flame.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/flame_build.h"

static const char *const names[FLAME_OF_COUNT] = {
	[FLAME_WAIT] = "wait",   [FLAME_LOCK] = "lock",   [FLAME_CHAN] = "chan",
	[FLAME_SPAWN] = "spawn", [FLAME_TASKS] = "tasks", [FLAME_BLOCK] = "block",
	[FLAME_MUTEX] = "mutex", [FLAME_LEAKS] = "leaks",
};

const char *flame_of_name(enum flame_of of)
{
	return of < FLAME_OF_COUNT ? names[of] : "?";
}

struct flame_entry *flame_put(struct flame_build *build, const struct flame_key *of)
{
	struct flame_key key = *of;
	bool several;

	if (key.stack) {
		key.stack = flame_complete(build, key.stack);
		if (!key.stack)
			return NULL;
	}
	if (!build->options->created_by)
		key.gopc = 0;
	else if (!key.gopc && key.stack)
		key.gopc = flame_creator(build, key.stack, &several);
	return flame_table_get(&build->out, &key);
}

static const char *keep(struct flame *flame, char *text)
{
	char **slot = text ? vec_push(&flame->texts) : NULL;

	if (!slot) {
		free(text);
		return NULL;
	}
	*slot = text;
	return text;
}

static char *format(const char *pattern, const char *first, const char *second)
{
	char *text;

	return asprintf(&text, pattern, first, second) < 0 ? NULL : text;
}

/* "sync.Mutex main.mu 0x5d3a20"; of what has no name the address alone. */
static char *object_text(const struct model *model, const struct flame_key *key)
{
	const char *kind = "chan";
	char symbol[128] = "", place[160] = "at an unknown address";

	if (key->object == FLAME_A_LOCK)
		kind = model_lock_kind_name(key->stack ? key->stack->lock : LOCK_NONE);
	if (key->addr && symbols_variable(model->symbols, key->addr, symbol, sizeof(symbol)))
		snprintf(place, sizeof(place), "%s 0x%llx", symbol, (unsigned long long)key->addr);
	else if (key->addr)
		snprintf(place, sizeof(place), "0x%llx", (unsigned long long)key->addr);
	return format("%s %s", kind, place);
}

static int name_object(struct flame_build *build, const struct flame_key *key,
		       struct flame_stack *stack)
{
	char function[1024] = "a function without a name";
	const char *start;
	char *text;

	if (key->object == FLAME_A_START) {
		start = model_function(build->model, key->addr);
		if (start)
			pclntab_display_name(start, function, sizeof(function));
		text = format("go %s%s", function, "");
	} else if (build->options->of != FLAME_LOCK && build->options->of != FLAME_CHAN) {
		return 0;
	} else if (key->object == FLAME_A_SELECT && !key->addr) {
		text = strdup("one of several channels");
	} else {
		text = object_text(build->model, key);
	}
	stack->object = keep(build->flame, text);
	return stack->object ? 0 : -ENOMEM;
}

static const char *reason_text(const struct model *model, const struct flame_key *key)
{
	if (key->reason == FLAME_NO_REASON)
		return key->object == FLAME_A_START ? "go statement" : "";
	if (key->reason & FLAME_STATE)
		return model_state_name(key->reason & ~FLAME_STATE);
	return model_reason(model, key->reason);
}

static bool begins(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

/* What blocks in the scheduler's sense: Go's block profile has these. */
static bool is_block(const char *reason)
{
	return begins(reason, "chan ") || begins(reason, "select") || begins(reason, "sync.") ||
	       begins(reason, "semacquire");
}

static bool is_reason_wanted(const struct flame_options *options, const char *reason)
{
	if (options->of == FLAME_BLOCK && !is_block(reason))
		return false;
	return !options->reason || strstr(reason, options->reason);
}

/* Frames that Go's profiles do not show: how a lock or channel puts its goroutine to rest. */
static bool is_inner(const char *function)
{
	static const char *const inner[] = {
		"runtime.chanrecv",
		"runtime.chansend",
		"runtime.semacquire1",
		"runtime.semrelease1",
		"runtime.semacquire",
		"runtime.readyWithTime",
		"runtime.goready",
		"runtime.systemstack",
		"sync.(*Mutex).lockSlow",
		"sync.(*Mutex).unlockSlow",
		"runtime.gopark",
		"runtime.goparkunlock",
		"sync.(*RWMutex).rUnlockSlow",
	};

	for (size_t i = 0; i < sizeof(inner) / sizeof(inner[0]); i++)
		if (!strcmp(function, inner[i]))
			return true;
	return begins(function, "internal/sync.") || begins(function, "sync.runtime_");
}

static size_t count_hidden(const struct flame_options *options, const struct stack *stack)
{
	size_t hidden = 0;

	if (!stack || (options->of != FLAME_BLOCK && options->of != FLAME_MUTEX))
		return 0;
	while (hidden + 1 < stack->frame_count && is_inner(stack->frames[hidden]->function))
		hidden++;
	return hidden;
}

static int add_frame(struct flame *flame, const struct pclntab_frame *frame, const char *text)
{
	struct flame_frame *slot = vec_push(&flame->frames);

	if (!slot)
		return -ENOMEM;
	*slot = (struct flame_frame){ .frame = frame, .text = text };
	return 0;
}

static int add_root(struct flame_build *build, struct flame_stack *to)
{
	const struct pclntab_frame *frame = model_created_by(build->model, to->gopc);
	char function[1024];
	bool several = false;
	const char *text;

	if (to->gopc && frame) {
		pclntab_display_name(frame->function, function, sizeof(function));
		text = keep(build->flame, format("created by %s%s", function, ""));
		if (!text)
			return -ENOMEM;
	} else if (to->gopc) {
		text = "created by the runtime";
	} else {
		if (to->stack)
			flame_creator(build, to->stack, &several);
		text = several ? "created in several places" : "created in an unknown place";
	}
	to->creator = text;
	return add_frame(build->flame, frame, text);
}

static int add_frames(struct flame_build *build, struct flame_stack *to)
{
	struct flame *flame = build->flame;
	const struct stack *stack = to->stack;
	int status = 0;

	to->first_frame = flame->frames.len;
	if (build->options->created_by && flame->of != FLAME_SPAWN && flame->of != FLAME_MUTEX)
		status = add_root(build, to);
	if (to->cut && !status)
		status = add_frame(flame, NULL, FLAME_CUT_TEXT);
	for (size_t i = stack ? stack->frame_count : 0; i > to->hidden && !status; i--)
		status = add_frame(flame, stack->frames[i - 1], NULL);
	if ((!stack || !stack->frame_count) && !status)
		status = add_frame(flame, NULL, FLAME_NO_STACK_TEXT);
	if (to->object && !status)
		status = add_frame(flame, NULL, to->object);
	to->frame_count = flame->frames.len - to->first_frame;
	return status;
}

static int add_stack(struct flame_build *build, const struct flame_entry *entry)
{
	const char *reason = reason_text(build->model, &entry->key);
	struct flame *flame = build->flame;
	struct flame_stack *to;
	uint64_t value = flame->is_time ? entry->ns : entry->count;
	int status;

	if (!value || !is_reason_wanted(build->options, reason))
		return 0;
	to = vec_push(&flame->stacks);
	if (!to)
		return -ENOMEM;
	*to = (struct flame_stack){ .stack = entry->key.stack,
				    .hidden = count_hidden(build->options, entry->key.stack),
				    .gopc = entry->key.gopc,
				    .addr = entry->key.addr,
				    .reason = reason,
				    .count = entry->count,
				    .ns = entry->ns,
				    .sampled_ns = entry->sampled_ns,
				    .goroutine = entry->goroutine };
	to->cut = to->stack && !to->stack->whole && flame->of != FLAME_SPAWN;
	status = name_object(build, &entry->key, to);
	if (!status)
		status = add_frames(build, to);
	flame->value += value;
	flame->count += entry->count;
	flame->ns += entry->ns;
	flame->sampled_ns += entry->sampled_ns;
	flame->cut_value += to->cut ? value : 0;
	return status;
}

static int by_value(const void *a, const void *b, void *ctx)
{
	const struct flame_stack *x = a, *y = b;
	uint64_t value_x = flame_value(ctx, x), value_y = flame_value(ctx, y);

	if (value_x != value_y)
		return value_x < value_y ? 1 : -1;
	return x->first_frame < y->first_frame ? -1 : 1;
}

static int fill(struct flame_build *build)
{
	int status = build->options->created_by ? flame_creators_make(build) : 0;

	if (!status && build->options->of != FLAME_SPAWN)
		status = flame_callers_make(build);
	if (status)
		return status;
	switch (build->options->of) {
	case FLAME_SPAWN:
		return flame_spawns(build);
	case FLAME_TASKS:
		return flame_tasks(build);
	case FLAME_LEAKS:
		return flame_leaks(build);
	case FLAME_MUTEX:
		return flame_mutex(build);
	default:
		return flame_waits(build);
	}
}

static uint64_t duration_of(const struct flame_build *build)
{
	if (build->model->has_events)
		return build->model->counted_ns;
	return build->samples ? build->samples->end_ns - build->samples->begin_ns : 0;
}

int flame_make(struct model *model, const struct flame_samples *samples,
	       const struct flame_options *options, struct flame *flame)
{
	struct flame_build build = {
		.model = model, .samples = samples, .options = options, .flame = flame
	};
	const struct flame_entry *entry;
	int status;

	flame->of = options->of;
	flame->is_time = !flame_counts(options->of);
	flame->samples = samples ? flame_samples_count(samples) : 0;
	flame->duration_ns = duration_of(&build);
	status = fill(&build);
	for (entry = build.out.entries; entry && !status; entry = entry->hh.next)
		status = add_stack(&build, entry);
	vec_sort(&flame->stacks, by_value, flame);
	flame_table_free(&build.out);
	flame_callers_free(build.callers);
	flame_creators_free(build.creators);
	flame_labels_free(build.labels);
	return status;
}

void flame_free(struct flame *flame)
{
	for (size_t i = 0; i < flame->texts.len; i++)
		free(flame->texts.data[i]);
	vec_free(&flame->texts);
	vec_free(&flame->frames);
	vec_free(&flame->stacks);
	memset(flame, 0, sizeof(*flame));
}
