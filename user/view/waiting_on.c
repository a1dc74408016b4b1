// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "view/waiting_on.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "model/format.h"

#define CASES_SHOWN 2

/* Text that is added to, and cut where there is no more room. */
struct text {
	char *to;
	size_t used, size;
};

static void add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct text *text, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(text->to + text->used, text->size - text->used, format, args);
	va_end(args);
	if (len > 0)
		text->used = text->used + len < text->size ? text->used + len : text->size - 1;
}

static void add_chan(struct text *text, const struct model *model, uint64_t addr)
{
	const struct snapshot *snapshot = model->snapshot;
	const struct chan_state *chan = snapshot ? snapshot_chan(snapshot, addr) : NULL;

	add(text, "chan");
	if (addr)
		add(text, " 0x%" PRIx64, addr);
	if (chan && chan->read_ok)
		add(text, " %" PRIu64 "/%" PRIu64 "%s", chan->len, chan->cap,
		    chan->closed ? " closed" : "");
}

static void add_cases(struct text *text, const struct model *model,
		      const struct goroutine *goroutine)
{
	uint32_t count = goroutine ? goroutine->case_count : 0;

	add(text, "select");
	for (uint32_t i = 0; i < count && i < CASES_SHOWN; i++) {
		const struct wait_case *wait_case =
			&model->snapshot->cases.data[goroutine->first_case + i];

		add(text, "%s %s0x%" PRIx64 "%s", i ? "," : "",
		    wait_case->direction == DIRECTION_RECV ? "<-" : "", wait_case->chan,
		    wait_case->direction == DIRECTION_SEND ? "<-" : "");
	}
	if (count > CASES_SHOWN)
		add(text, ", %" PRIu32 " more", count - CASES_SHOWN);
}

static void add_network(struct text *text, const struct model *model,
			const struct goroutine *goroutine)
{
	add(text, "network");
	if (!goroutine)
		return;
	if (goroutine->peer)
		add(text, " %s", model->snapshot->strings.data + goroutine->peer);
	else if (goroutine->fd >= 0)
		add(text, " fd %d", (int)goroutine->fd);
}

static void add_timer(struct text *text, const struct model *model,
		      const struct goroutine *goroutine)
{
	char left[24];

	add(text, "timer");
	if (goroutine && goroutine->wake_ns > model->at_ns)
		add(text, " ends in %s",
		    format_duration(left, sizeof(left), goroutine->wake_ns - model->at_ns));
}

static void add_weighted(struct text *text, const struct model *model,
			 const struct model_task *task)
{
	struct model_lock_state state = model_weighted_state(model, task);

	add(text, "semaphore.Weighted 0x%" PRIx64, task->waiting_on);
	if (task->goroutine)
		add(text, " wants %" PRId64, task->goroutine->wants);
	if (state.known)
		add(text, ", %" PRId64 "/%" PRId64 " taken", state.taken, state.size);
}

const char *format_waiting_on(char *to, size_t size, const struct model *model,
			      const struct model_task *task)
{
	struct model_object object = model_waiting_on(model, task);
	struct text text = { .to = to, .size = size };

	*to = '\0';
	if (!object.kind)
		return to;
	switch (task->wait_kind) {
	case WAIT_CHAN_SEND:
	case WAIT_CHAN_RECV:
		add_chan(&text, model, object.addr);
		break;
	case WAIT_SELECT:
		if (object.addr)
			add_weighted(&text, model, task);
		else
			add_cases(&text, model, task->goroutine);
		break;
	case WAIT_NETWORK:
		add_network(&text, model, task->goroutine);
		break;
	case WAIT_TIMER:
		add_timer(&text, model, task->goroutine);
		break;
	default:
		add(&text, "%s", object.kind);
		if (object.addr)
			add(&text, " 0x%" PRIx64, object.addr);
	}
	return to;
}

const char *format_labels(char *to, size_t size, const struct model *model,
			  const struct model_task *task)
{
	const struct goroutine *goroutine = task->goroutine;
	struct text text = { .to = to, .size = size };

	*to = '\0';
	for (uint32_t i = 0; goroutine && i < goroutine->label_count; i++) {
		const struct goroutine_label *label =
			&model->snapshot->labels.data[goroutine->first_label + i];
		const char *strings = model->snapshot->strings.data;

		add(&text, "%s%s=%s", i ? "," : "", strings + label->key, strings + label->value);
	}
	return to;
}
