// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <math.h>

#include "model/build.h"

/* enum ct_pace of the probes that see it. */
static enum ct_pace pace_of(enum ct_tally_kind kind)
{
	switch (kind) {
	case CT_TALLY_GC_CYCLE:
	case CT_TALLY_GC_ACTIVE:
	case CT_TALLY_WORLD_STOP:
		return CT_PACE_RARE;
	case CT_TALLY_CANCEL:
	case CT_TALLY_SLEEP:
	case CT_TALLY_TICKER:
		return CT_PACE_LIVELY;
	default:
		return CT_PACE_WINDOWS;
	}
}

static bool same_place(const struct stack *a, const struct stack *b)
{
	if (a == b || !a || !b)
		return a == b;
	return a->site && b->site && stack_is_same_site(a->site, b->site);
}

static struct model_tally *row_of(struct model *model, enum ct_tally_kind kind, struct stack *stack)
{
	struct model_tally *tally;

	for (size_t i = 0; i < model->tallies.len; i++) {
		tally = &model->tallies.data[i];
		if (tally->kind == kind && same_place(tally->stack, stack))
			return tally;
	}
	tally = vec_push(&model->tallies);
	if (!tally)
		return NULL;
	tally->kind = kind;
	tally->stack = stack;
	return tally;
}

static void add_totals(struct model_tally *tally, const struct ct_tally *more)
{
	tally->count += more->count;
	tally->hits += more->hits;
	tally->sum += more->sum;
	tally->base += more->base;
	if (more->max > tally->max)
		tally->max = more->max;
	if (!tally->first_ns || more->first_ns < tally->first_ns)
		tally->first_ns = more->first_ns;
	if (more->last_ns >= tally->last_ns) {
		tally->last_ns = more->last_ns;
		tally->value = more->value;
		tally->goid = more->last_goid;
	}
	for (int i = 0; i < CT_HIST_SLOTS; i++)
		tally->hist[i] += more->hist[i];
}

static int add_row(struct build *build, const struct tally_row *row)
{
	struct model *model = build->model;
	struct stack *stack = build_site_stack(build, row->key.site);
	struct model_tally *tally;
	enum ct_pace pace;

	if (row->key.kind >= CT_TALLY_KINDS || !row->tally.count)
		return 0;
	tally = row_of(model, row->key.kind, stack);
	if (!tally)
		return -ENOMEM;
	if (row->tally.count > tally->stack_count) {
		tally->stack = stack;
		tally->stack_count = row->tally.count;
	}
	add_totals(tally, &row->tally);
	pace = pace_of(tally->kind);
	tally->over_ns = pace == CT_PACE_WINDOWS ? model->counted_ns : model->steady_ns[pace];
	tally->estimated = pace == CT_PACE_WINDOWS && model->estimated;
	tally->per_second = tally->over_ns ? (double)tally->count * 1e9 / (double)tally->over_ns :
					     0;
	return 0;
}

static int by_kind_and_count(const void *a, const void *b, void *ctx)
{
	const struct model_tally *x = a, *y = b;

	(void)ctx;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return x->count < y->count ? 1 : x->count > y->count ? -1 : 0;
}

int build_tallies(struct build *build)
{
	const struct aggregates *aggregates = build->aggregates;

	for (size_t i = 0; aggregates && i < aggregates->tallies.len; i++)
		if (add_row(build, &aggregates->tallies.data[i]))
			return -ENOMEM;
	vec_sort(&build->model->tallies, by_kind_and_count, NULL);
	return 0;
}

struct model_tally model_tally_total(const struct model *model, enum ct_tally_kind kind)
{
	struct model_tally total = { .kind = kind };

	for (size_t i = 0; i < model->tallies.len; i++) {
		const struct model_tally *tally = &model->tallies.data[i];

		if (tally->kind != kind)
			continue;
		total.count += tally->count;
		total.hits += tally->hits;
		total.sum += tally->sum;
		total.base += tally->base;
		if (tally->max > total.max)
			total.max = tally->max;
		for (int j = 0; j < CT_HIST_SLOTS; j++)
			total.hist[j] += tally->hist[j];
		total.over_ns = tally->over_ns;
		total.estimated = tally->estimated;
		total.per_second += tally->per_second;
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
