// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <math.h>
#include <string.h>

#include "model/build.h"

/* enum ct_pace of the probes that see it. */
static enum ct_pace pace_of(enum ct_event_kind kind)
{
	switch (kind) {
	case CT_EV_GC_CYCLE:
	case CT_EV_GC_ACTIVE:
	case CT_EV_WORLD_STOP:
		return CT_PACE_RARE;
	case CT_EV_CANCEL:
	case CT_EV_SLEEP:
	case CT_EV_TICKER:
		return CT_PACE_LIVELY;
	default:
		return CT_PACE_WINDOWS;
	}
}

static bool same_place(const struct stack *a, const struct stack *b)
{
	if (a == b || !a || !b)
		return a == b;
	if (!a->site || !b->site)
		return false;
	return a->site->line == b->site->line && !strcmp(a->site->function, b->site->function) &&
	       !strcmp(a->site->file, b->site->file);
}

static struct model_event *row_of(struct model *model, enum ct_event_kind kind, struct stack *stack)
{
	struct model_event *event;

	for (size_t i = 0; i < model->events.len; i++) {
		event = &model->events.data[i];
		if (event->kind == kind && same_place(event->stack, stack))
			return event;
	}
	event = vec_push(&model->events);
	if (!event)
		return NULL;
	event->kind = kind;
	event->stack = stack;
	return event;
}

static void add_totals(struct model_event *event, const struct ct_event *more)
{
	event->count += more->count;
	event->hits += more->hits;
	event->sum += more->sum;
	event->base += more->base;
	if (more->max > event->max)
		event->max = more->max;
	if (!event->first_ns || more->first_ns < event->first_ns)
		event->first_ns = more->first_ns;
	if (more->last_ns >= event->last_ns) {
		event->last_ns = more->last_ns;
		event->value = more->value;
		event->goid = more->last_goid;
	}
	for (int i = 0; i < CT_HIST_SLOTS; i++)
		event->hist[i] += more->hist[i];
}

static int add_row(struct build *build, const struct event_row *row)
{
	struct model *model = build->model;
	struct stack *stack = build_site_stack(build, row->key.site);
	struct model_event *event;
	enum ct_pace pace;

	if (row->key.kind >= CT_EV_KINDS || !row->event.count)
		return 0;
	event = row_of(model, row->key.kind, stack);
	if (!event)
		return -ENOMEM;
	if (row->event.count > event->stack_count) {
		event->stack = stack;
		event->stack_count = row->event.count;
	}
	add_totals(event, &row->event);
	pace = pace_of(event->kind);
	event->over_ns = pace == CT_PACE_WINDOWS ? model->counted_ns : model->steady_ns[pace];
	event->estimated = pace == CT_PACE_WINDOWS && model->estimated;
	event->per_second = event->over_ns ? (double)event->count * 1e9 / (double)event->over_ns :
					     0;
	return 0;
}

static int by_kind_and_count(const void *a, const void *b, void *ctx)
{
	const struct model_event *x = a, *y = b;

	(void)ctx;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return x->count < y->count ? 1 : x->count > y->count ? -1 : 0;
}

int build_events(struct build *build)
{
	const struct aggregates *aggregates = build->aggregates;

	for (size_t i = 0; aggregates && i < aggregates->events.len; i++)
		if (add_row(build, &aggregates->events.data[i]))
			return -ENOMEM;
	vec_sort(&build->model->events, by_kind_and_count, NULL);
	return 0;
}

struct model_event model_event_total(const struct model *model, enum ct_event_kind kind)
{
	struct model_event total = { .kind = kind };

	for (size_t i = 0; i < model->events.len; i++) {
		const struct model_event *event = &model->events.data[i];

		if (event->kind != kind)
			continue;
		total.count += event->count;
		total.hits += event->hits;
		total.sum += event->sum;
		total.base += event->base;
		if (event->max > total.max)
			total.max = event->max;
		for (int j = 0; j < CT_HIST_SLOTS; j++)
			total.hist[j] += event->hist[j];
		total.over_ns = event->over_ns;
		total.estimated = event->estimated;
		total.per_second += event->per_second;
	}
	return total;
}

uint64_t model_hist_quantile(const uint64_t hist[CT_HIST_SLOTS], double share)
{
	double all = 0, below = 0;

	for (int i = 0; i < CT_HIST_SLOTS; i++)
		all += (double)hist[i];
	if (all <= 0)
		return 0;
	for (int i = 0; i < CT_HIST_SLOTS; i++) {
		below += (double)hist[i];
		if (below >= share * all)
			return (uint64_t)ldexp(1, i + 1);
	}
	return (uint64_t)ldexp(1, CT_HIST_SLOTS);
}
