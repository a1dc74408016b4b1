// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "model/diff.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/clock.h"

/* What is not at least so many times as much, or as little, is the same. */
#define FACTOR 1.5
/* A mean of fewer waits says little. */
#define WAITS_ENOUGH 5
/* Goroutines that wait there in the mean: with fewer on both sides it does not matter. */
#define WAITING_LITTLE 0.01

struct node {
	struct diff_row row;
	UT_hash_handle hh;
	char key[];
};

struct work {
	struct node *nodes;
	const struct model *model;
	bool after;
};

/* Kind, reason and name, then the functions; freed by the caller. NULL: no memory. */
static char *make_key(enum diff_of of, const char *reason, const char *name,
		      const struct stack *stack)
{
	char *key = NULL;
	size_t len;
	FILE *stream = open_memstream(&key, &len);

	if (!stream)
		return NULL;
	fprintf(stream, "%d\n%s\n%s", (int)of, reason, name);
	/* a lock that has a name is the same wherever it is waited for */
	if (of == DIFF_LOCKS && stack && !name[0])
		fprintf(stream, "\n%s", stack->site ? stack->site->function : "");
	else if (of != DIFF_LOCKS && stack)
		for (size_t i = 0; i < stack->frame_count; i++)
			fprintf(stream, "\n%s", stack->frames[i]->function);
	if (fclose(stream)) {
		free(key);
		return NULL;
	}
	return key;
}

static struct diff_side *side_of(struct work *work, enum diff_of of, const char *reason,
				 const char *name, const struct stack *stack)
{
	char *key = make_key(of, reason, name, stack);
	struct diff_side *side;
	struct node *node;
	size_t len;

	if (!key)
		return NULL;
	len = strlen(key);
	HASH_FIND(hh, work->nodes, key, len, node);
	if (!node) {
		node = calloc(1, sizeof(*node) + len + 1);
		if (!node) {
			free(key);
			return NULL;
		}
		memcpy(node->key, key, len);
		node->row.of = of;
		node->row.reason = reason;
		snprintf(node->row.name, sizeof(node->row.name), "%s", name);
		HASH_ADD_KEYPTR(hh, work->nodes, node->key, len, node);
	}
	free(key);
	if (!node->row.stack || work->after)
		node->row.stack = stack;
	side = work->after ? &node->row.after : &node->row.before;
	side->there = true;
	side->seconds = (double)work->model->counted_ns / NSEC_PER_SEC;
	return side;
}

static int add_groups(struct work *work)
{
	const struct model *model = work->model;

	for (size_t i = 0; i < model->groups.len; i++) {
		const struct model_group *group = &model->groups.data[i];
		const char *what = group->state == G_WAITING ? model_reason(model, group->reason) :
							       "not waiting";
		struct diff_side *side;

		if (group->system)
			continue;
		/* what runs now has no stack, and what is runnable may run in a moment */
		side = side_of(work, DIFF_GOROUTINES, what, "",
			       group->state == G_WAITING ? group->stack : NULL);
		if (!side)
			return -ENOMEM;
		side->count += group->count;
	}
	return 0;
}

static void add_stats(struct diff_side *side, const struct wait_stats *stats, uint64_t waiting)
{
	side->count += waiting;
	side->waits += stats->waits;
	side->timed_ns += stats->wait_ns_total;
	side->wait_ns += wait_stats_total_ns(stats);
}

static int add_sites(struct work *work)
{
	const struct model *model = work->model;

	for (size_t i = 0; i < model->sites.len; i++) {
		const struct model_site *site = &model->sites.data[i];
		struct diff_side *side;

		if (site->system || model_wait_is_idle(model, site->reason) ||
		    (!site->stats.waits && !site->parks && !site->waiting_now))
			continue;
		side = side_of(work, DIFF_WAITS, model_reason(model, site->reason), "",
			       site->stack);
		if (!side)
			return -ENOMEM;
		add_stats(side, &site->stats, site->waiting_now);
	}
	return 0;
}

static int add_locks(struct work *work)
{
	const struct model *model = work->model;

	for (size_t i = 0; i < model->locks.len; i++) {
		const struct model_lock *lock = &model->locks.data[i];
		const struct stack *stack =
			lock->site_count ? model->object_sites.data[lock->first_site].stack : NULL;
		struct diff_side *side = side_of(work, DIFF_LOCKS, model_lock_kind_name(lock->kind),
						 lock->symbol, stack);

		if (!side)
			return -ENOMEM;
		add_stats(side, &lock->stats, lock->waiters);
	}
	return 0;
}

static int add_model(struct work *work, const struct model *model, bool after)
{
	int status;

	work->model = model;
	work->after = after;
	status = add_groups(work);
	if (!status)
		status = add_sites(work);
	return status ? status : add_locks(work);
}

double diff_waiting(const struct diff_side *side)
{
	return side->seconds > 0 ? (double)side->wait_ns / NSEC_PER_SEC / side->seconds : 0;
}

uint64_t diff_mean_ns(const struct diff_side *side)
{
	return side->waits ? side->timed_ns / side->waits : 0;
}

static enum diff_change compare_goroutines(const struct diff_row *row)
{
	double before = (double)row->before.count, after = (double)row->after.count;

	/* one or two more or fewer is how it is at any moment */
	if (fabs(after - before) < 3)
		return DIFF_SAME;
	if (!row->before.there)
		return DIFF_APPEARED;
	if (!row->after.there)
		return DIFF_GONE;
	if (after >= FACTOR * before)
		return DIFF_MORE;
	return before >= FACTOR * after ? DIFF_FEWER : DIFF_SAME;
}

static enum diff_change compare_waits(const struct diff_row *row)
{
	double before = (double)diff_mean_ns(&row->before),
	       after = (double)diff_mean_ns(&row->after);

	if (diff_waiting(&row->before) < WAITING_LITTLE &&
	    diff_waiting(&row->after) < WAITING_LITTLE)
		return DIFF_SAME;
	if (!row->before.there)
		return DIFF_APPEARED;
	if (!row->after.there)
		return DIFF_GONE;
	if (row->before.waits >= WAITS_ENOUGH && row->after.waits >= WAITS_ENOUGH) {
		if (after >= FACTOR * before)
			return DIFF_SLOWER;
		if (before >= FACTOR * after)
			return DIFF_FASTER;
	}
	before = diff_waiting(&row->before);
	after = diff_waiting(&row->after);
	if (after >= FACTOR * before && after - before > 0.1)
		return DIFF_MORE;
	return before >= FACTOR * after && before - after > 0.1 ? DIFF_FEWER : DIFF_SAME;
}

/* How much a change is, in goroutines. */
static double weight(const struct diff_row *row)
{
	if (row->of == DIFF_GOROUTINES)
		return fabs((double)row->after.count - (double)row->before.count);
	return fabs(diff_waiting(&row->after) - diff_waiting(&row->before));
}

static int by_weight(const void *a, const void *b, void *ctx)
{
	const struct diff_row *x = a, *y = b;
	double weight_x = weight(x), weight_y = weight(y);

	(void)ctx;
	if (x->of != y->of)
		return x->of < y->of ? -1 : 1;
	if ((x->change == DIFF_SAME) != (y->change == DIFF_SAME))
		return x->change == DIFF_SAME ? 1 : -1;
	if (weight_x != weight_y)
		return weight_x < weight_y ? 1 : -1;
	return strcmp(x->reason, y->reason);
}

int diff_make(const struct model *before, const struct model *after, struct diff *diff)
{
	struct work work = { 0 };
	struct node *node, *next;
	int status = add_model(&work, before, false);

	if (!status)
		status = add_model(&work, after, true);
	HASH_ITER(hh, work.nodes, node, next) {
		struct diff_row *row = status ? NULL : vec_push(&diff->rows);

		if (row) {
			*row = node->row;
			row->change = row->of == DIFF_GOROUTINES ? compare_goroutines(row) :
								   compare_waits(row);
		} else {
			status = -ENOMEM;
		}
		HASH_DEL(work.nodes, node);
		free(node);
	}
	vec_sort(&diff->rows, by_weight, NULL);
	return status;
}

void diff_free(struct diff *diff)
{
	vec_free(&diff->rows);
}

const char *diff_change_name(enum diff_change change)
{
	static const char *const names[] = {
		[DIFF_SAME] = "",         [DIFF_APPEARED] = "appeared", [DIFF_GONE] = "gone",
		[DIFF_MORE] = "more",     [DIFF_FEWER] = "fewer",       [DIFF_SLOWER] = "slower",
		[DIFF_FASTER] = "faster",
	};

	return names[change];
}
