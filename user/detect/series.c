// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "detect/series.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct group_key {
	uint64_t gopc;
	const char *function; /* in the target's file, where each name is once */
	uint32_t line;
	uint16_t reason, state;
};

struct group_node {
	struct series_group group;
	struct group_key key;
	VEC(uint64_t) first;     /* goids at the first snapshot that had the group, ascending */
	uint64_t left, anew;     /* of those, in the group at the last snapshot; in another wait */
	uint64_t first_at_ns;    /* of the first snapshot that had the group */
	uint64_t first_snapshot; /* number of that snapshot */
	UT_hash_handle hh;
};

struct object_node {
	struct series_object object;
	UT_hash_handle hh;
};

struct series {
	VEC(struct series_point) points;
	VEC(struct series_group *) groups; /* of the nodes, in the order of their appearance */
	struct group_node *group_table;
	struct object_node *objects;
	uint64_t snapshots, left_out;
	VEC(uint64_t) known; /* goids at the first snapshot of all, ascending; SERIES_KNOWN at most */
	uint64_t newest;     /* the highest of that snapshot, known or not */
};

struct series *series_new(void)
{
	return calloc(1, sizeof(struct series));
}

void series_free(struct series *series)
{
	struct group_node *group, *next_group;
	struct object_node *object, *next_object;

	if (!series)
		return;
	HASH_ITER(hh, series->group_table, group, next_group) {
		HASH_DEL(series->group_table, group);
		vec_free(&group->group.counts);
		vec_free(&group->first);
		free(group);
	}
	HASH_ITER(hh, series->objects, object, next_object) {
		HASH_DEL(series->objects, object);
		free(object);
	}
	vec_free(&series->known);
	vec_free(&series->groups);
	vec_free(&series->points);
	free(series);
}

/* ---- making room ------------------------------------------------------------------------------- */

/* Where point `i` goes when every second one of the older half is left out; SIZE_MAX: nowhere. */
static size_t place_after(size_t i, size_t count)
{
	size_t half = count / 2;

	if (i >= half)
		return i - half / 2;
	return i % 2 ? SIZE_MAX : i / 2;
}

static void thin_group(struct series_group *group, size_t count)
{
	size_t len = 0;

	for (size_t i = 0; i < group->counts.len; i++) {
		size_t to = place_after(i, count);

		if (to == SIZE_MAX)
			continue;
		group->counts.data[to] = group->counts.data[i];
		len = to + 1;
	}
	group->counts.len = len;
}

static size_t thin_index(size_t index, size_t count)
{
	size_t to = place_after(index, count);

	return to == SIZE_MAX ? place_after(index - 1, count) : to;
}

static void thin(struct series *series)
{
	size_t count = series->points.len, len = 0;

	for (size_t i = 0; i < count; i++) {
		size_t to = place_after(i, count);

		if (to == SIZE_MAX)
			continue;
		series->points.data[to] = series->points.data[i];
		len = to + 1;
	}
	series->points.len = len;
	for (size_t i = 0; i < series->groups.len; i++)
		thin_group(series->groups.data[i], count);
	for (struct object_node *node = series->objects; node; node = node->hh.next) {
		node->object.first_point = thin_index(node->object.first_point, count);
		node->object.last_point = thin_index(node->object.last_point, count);
		node->object.first_starving = thin_index(node->object.first_starving, count);
	}
}

/* ---- groups ------------------------------------------------------------------------------------ */

static struct group_node *group_of(struct series *series, const struct model_group *from)
{
	const struct pclntab_frame *site = from->stack ? from->stack->site : NULL;
	struct group_node *node;
	struct series_group **slot;
	struct group_key key;

	memset(&key, 0, sizeof(key));
	key.gopc = from->gopc;
	key.function = site ? site->function : NULL;
	key.line = site ? (uint32_t)site->line : 0;
	key.reason = from->reason;
	key.state = from->state;
	HASH_FIND(hh, series->group_table, &key, sizeof(key), node);
	if (node || series->groups.len >= SERIES_GROUPS_MAX)
		return node;
	node = calloc(1, sizeof(*node));
	slot = node ? vec_push(&series->groups) : NULL;
	if (!slot) {
		free(node);
		return NULL;
	}
	*slot = &node->group;
	node->key = key;
	node->group.gopc = from->gopc;
	node->group.site = site;
	node->group.stack = from->stack;
	node->group.reason = from->reason;
	node->group.state = from->state;
	node->group.wait_kind = from->wait_kind;
	node->first_snapshot = series->snapshots;
	node->first_at_ns = series->points.data[series->points.len - 1].at_ns;
	HASH_ADD(hh, series->group_table, key, sizeof(node->key), node);
	return node;
}

static int set_count(struct series_group *group, size_t point, uint64_t more)
{
	while (group->counts.len <= point)
		if (!vec_push(&group->counts))
			return -ENOMEM;
	group->counts.data[point] += more > UINT32_MAX ? UINT32_MAX : (uint32_t)more;
	return 0;
}

static int compare_goids(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static bool has_goid(const uint64_t *goids, size_t count, uint64_t goid)
{
	return count && bsearch(&goid, goids, count, sizeof(goid), compare_goids);
}

static int note_known(struct series *series, const struct model *model)
{
	for (size_t i = 0; i < model->tasks.len; i++) {
		uint64_t goid = model->tasks.data[i].goid, *slot;

		if (goid > series->newest)
			series->newest = goid;
		if (series->known.len == SERIES_KNOWN)
			continue;
		slot = vec_push(&series->known);
		if (!slot)
			return -ENOMEM;
		*slot = goid;
	}
	if (series->known.len)
		qsort(series->known.data, series->known.len, sizeof(*series->known.data),
		      compare_goids);
	return 0;
}

/* Goids of one model group; several of them can be one group here. */
static int note_goids(struct group_node *node, const struct model *model,
		      const struct model_group *from, bool is_first)
{
	for (uint64_t i = 0; i < from->count; i++) {
		const struct model_task *task =
			&model->tasks.data[model->group_tasks.data[from->first_task + i]];
		uint64_t goid = task->goid, *slot;

		if (!is_first) {
			/* they are ascending: what is younger than all of the first is none of them */
			if (!node->first.len || goid > node->first.data[node->first.len - 1])
				break;
			if (has_goid(node->first.data, node->first.len, goid)) {
				node->left++;
				/* one that rested at the snapshot before is known to */
				node->anew += !task->since_ns || task->since_ns > node->first_at_ns;
			}
			continue;
		}
		if (node->first.len == SERIES_FOLLOWED)
			break;
		slot = vec_push(&node->first);
		if (!slot)
			return -ENOMEM;
		*slot = goid;
	}
	return 0;
}

static int note_groups(struct series *series, const struct model *model)
{
	size_t point = series->points.len - 1;
	int status = series->snapshots == 1 ? note_known(series, model) : 0;

	for (size_t i = 0; i < series->groups.len; i++) {
		struct group_node *node = (struct group_node *)series->groups.data[i];

		node->left = node->anew = 0;
	}
	for (size_t i = 0; i < model->groups.len && !status; i++) {
		const struct model_group *from = &model->groups.data[i];
		struct group_node *node = from->system ? NULL : group_of(series, from);

		if (from->system)
			continue;
		if (!node) {
			series->left_out += from->count;
			continue;
		}
		status = set_count(&node->group, point, from->count);
		if (!status)
			status = note_goids(node, model, from,
					    node->first_snapshot == series->snapshots);
	}
	return status;
}

/* What was followed from this snapshot on is in order, and all there. */
static void finish_first(struct series *series)
{
	for (size_t i = 0; i < series->groups.len; i++) {
		struct group_node *node = (struct group_node *)series->groups.data[i];

		if (node->first_snapshot != series->snapshots)
			continue;
		qsort(node->first.data, node->first.len, sizeof(*node->first.data), compare_goids);
		node->left = node->first.len;
	}
}

/* ---- locks and channels ------------------------------------------------------------------------ */

static struct series_object *object_of(struct series *series, uint64_t addr, bool is_lock,
				       uint64_t waiters)
{
	size_t point = series->points.len - 1;
	struct object_node *node;

	HASH_FIND(hh, series->objects, &addr, sizeof(addr), node);
	if (!node) {
		node = calloc(1, sizeof(*node));
		if (!node)
			return NULL;
		node->object.addr = addr;
		node->object.is_lock = is_lock;
		node->object.first_point = point;
		node->object.least_waiters = waiters;
		HASH_ADD(hh, series->objects, object.addr, sizeof(addr), node);
	}
	node->object.last_point = point;
	node->object.seen++;
	if (waiters < node->object.least_waiters)
		node->object.least_waiters = waiters;
	if (waiters > node->object.most_waiters)
		node->object.most_waiters = waiters;
	return &node->object;
}

/* Its holder waits itself, for something that is no lock. */
static bool is_held_blocked(const struct model *model, const struct model_lock *lock)
{
	/* a part of a semaphore is there to be held meanwhile */
	const struct model_party *holder = lock->kind == LOCK_WEIGHTED ? NULL :
									 model_holder(model, lock);
	const struct model_task *task = holder ? &model->tasks.data[holder->task] : NULL;

	return task && ((task->state == G_WAITING && task->wait_kind != WAIT_SEMA) ||
			task->state == G_SYSCALL);
}

static int note_objects(struct series *series, const struct model *model, bool ahead)
{
	for (size_t i = 0; i < model->locks.len; i++) {
		const struct model_lock *lock = &model->locks.data[i];
		struct series_object *object;

		if (!lock->waiters)
			continue;
		object = object_of(series, lock->addr, true, lock->waiters);
		if (!object)
			return -ENOMEM;
		object->looked += ahead;
		object->held_blocked += ahead && is_held_blocked(model, lock);
		object->full += lock->kind == LOCK_WEIGHTED;
		if (lock->state.known && lock->state.starving && !object->starving++)
			object->first_starving = series->points.len - 1;
	}
	for (size_t i = 0; i < model->chans.len; i++) {
		const struct model_chan *chan = &model->chans.data[i];
		uint64_t waiters = chan->senders_waiting + chan->receivers_waiting;
		struct series_object *object;

		if (!waiters)
			continue;
		object = object_of(series, chan->addr, false, waiters);
		if (!object)
			return -ENOMEM;
		object->full += chan->state_known && chan->cap && chan->len == chan->cap &&
				chan->senders_waiting;
	}
	return 0;
}

/* ------------------------------------------------------------------------------------------------ */

int series_add(struct series *series, const struct model *model, bool ahead,
	       const struct resources *resources)
{
	struct series_point *point;
	int status;

	if (series->points.len >= SERIES_POINTS_MAX)
		thin(series);
	point = vec_push(&series->points);
	if (!point)
		return -ENOMEM;
	point->at_ns = model->snapshot ? model->snapshot->at_ns : model->at_ns;
	point->resources = *resources;
	for (size_t i = 0; i < 16; i++)
		point->goroutines += model->by_state[i];
	series->snapshots++;
	status = note_groups(series, model);
	finish_first(series);
	return status ? status : note_objects(series, model, ahead);
}

size_t series_points(const struct series *series, const struct series_point **points)
{
	*points = series->points.data;
	return series->points.len;
}

size_t series_groups(const struct series *series, const struct series_group *const **groups)
{
	*groups = (const struct series_group *const *)series->groups.data;
	return series->groups.len;
}

uint32_t series_count(const struct series_group *group, size_t point)
{
	return point < group->counts.len ? group->counts.data[point] : 0;
}

const struct series_object *series_object(const struct series *series, uint64_t addr)
{
	struct object_node *node;

	HASH_FIND(hh, series->objects, &addr, sizeof(addr), node);
	return node ? &node->object : NULL;
}

uint64_t series_snapshots(const struct series *series)
{
	return series->snapshots;
}

uint64_t series_left_out(const struct series *series)
{
	return series->left_out;
}

struct series_survivors series_survivors(const struct series_group *group)
{
	const struct group_node *node = (const struct group_node *)group;

	return (struct series_survivors){ .followed = node->first.len,
					  .left = node->left,
					  .anew = node->anew };
}

/* Each P hands out ids of a block of its own, so that one made later can have a lower one. */
bool series_was_made_since(const struct series *series, uint64_t goid)
{
	return goid > series->newest || (series->known.len < SERIES_KNOWN &&
					 !has_goid(series->known.data, series->known.len, goid));
}

/* ---- slopes ------------------------------------------------------------------------------------ */

/* Least squares, a point at a time. */
struct line {
	double n, x, y, xx, xy;
};

static void line_add(struct line *line, double x, double y)
{
	line->n++;
	line->x += x;
	line->y += y;
	line->xx += x * x;
	line->xy += x * y;
}

static double line_slope(const struct line *line)
{
	double spread = line->n * line->xx - line->x * line->x;

	return spread > 0 ? (line->n * line->xy - line->x * line->y) / spread : 0;
}

static double seconds_at(const struct series *series, size_t point)
{
	return (double)(series->points.data[point].at_ns - series->points.data[0].at_ns) / 1e9;
}

double series_slope(const struct series *series, const struct series_group *group, size_t from)
{
	struct line line = { 0 };

	for (size_t i = from; i < series->points.len; i++)
		line_add(&line, seconds_at(series, i), series_count(group, i));
	return line_slope(&line);
}

double series_slope_total(const struct series *series)
{
	struct line line = { 0 };

	for (size_t i = 0; i < series->points.len; i++)
		line_add(&line, seconds_at(series, i), (double)series->points.data[i].goroutines);
	return line_slope(&line);
}

double series_slope_memory(const struct series *series)
{
	struct line line = { 0 };

	for (size_t i = 0; i < series->points.len; i++)
		if (series->points.data[i].resources.rss)
			line_add(&line, seconds_at(series, i),
				 (double)series->points.data[i].resources.rss);
	return line_slope(&line);
}
