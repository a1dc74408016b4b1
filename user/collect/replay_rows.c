// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "collect/replay_rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROW_MAX 1024
#define SITES_MAX (1U << 20) /* the kernel has room for far fewer */

int replay_rows_open(struct replay_rows *rows, sqlite3 *db)
{
	int result = SQLITE_OK;

	for (size_t i = 0; i < RECORD_KINDS && result == SQLITE_OK; i++) {
		const struct record_table *table = &record_tables[i];

		/* those for people are not needed */
		if (i == RECORD_LOCK || i == RECORD_CHAN)
			continue;
		rows->sets[i] = row_set_new(table->row_size, table->key_size);
		result = rows->sets[i] ? record_table_prepare_select(db, table, &rows->select[i]) :
					 SQLITE_NOMEM;
	}
	return result;
}

void replay_rows_close(struct replay_rows *rows)
{
	for (size_t i = 0; i < RECORD_KINDS; i++) {
		sqlite3_finalize(rows->select[i]);
		row_set_free(rows->sets[i]);
		row_set_free(rows->base[i]);
	}
}

static int apply(sqlite3_stmt *statement, const struct record_table *table, struct row_set *set,
		 uint64_t batch)
{
	_Alignas(16) uint8_t row[ROW_MAX];
	int result, gone;

	sqlite3_bind_int64(statement, 1, (sqlite3_int64)batch);
	while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
		record_table_take(statement, table, row, &gone);
		if (gone)
			row_set_remove(set, row);
		else if (row_set_put(set, row, batch) < 0)
			break;
	}
	sqlite3_reset(statement);
	if (result == SQLITE_ROW)
		return SQLITE_NOMEM;
	return result == SQLITE_DONE ? SQLITE_OK : result;
}

int replay_rows_apply(struct replay_rows *rows, uint64_t batch, bool keyframe)
{
	int result = SQLITE_OK;

	for (size_t i = 0; i < RECORD_KINDS && result == SQLITE_OK; i++) {
		if (!rows->sets[i])
			continue;
		if (keyframe)
			row_set_clear(rows->sets[i]);
		result = apply(rows->select[i], &record_tables[i], rows->sets[i], batch);
	}
	return result;
}

/* The set that rows are copied to. */
static int copy_row(void *ctx, const void *row)
{
	int status = row_set_put(ctx, row, 0);

	return status < 0 ? status : 0;
}

int replay_rows_set_base(struct replay_rows *rows)
{
	static const enum record_kind totals[] = { RECORD_WAIT,    RECORD_OBJECT, RECORD_CHAN_OP,
						   RECORD_RELEASE, RECORD_SPAWN,  RECORD_WAKE };
	int status = 0;

	for (size_t i = 0; i < sizeof(totals) / sizeof(totals[0]) && !status; i++) {
		enum record_kind kind = totals[i];

		rows->base[kind] =
			row_set_new(record_tables[kind].row_size, record_tables[kind].key_size);
		status = rows->base[kind] ?
				 row_set_each(rows->sets[kind], copy_row, rows->base[kind]) :
				 -ENOMEM;
	}
	return status;
}

struct rebuild {
	const struct replay_rows *rows;
	const struct replay_code *code;
	struct aggregates *aggregates;
};

static const void *base_of(const struct rebuild *rebuild, enum record_kind kind, const void *row)
{
	const struct row_set *base = rebuild->rows->base[kind];

	return base ? row_set_get(base, row) : NULL;
}

static void subtract(uint64_t *total, uint64_t base)
{
	*total = *total > base ? *total - base : 0;
}

/* A greatest wait that has not risen is an older one: the histogram says how long others were at most. */
static void subtract_waits(uint64_t *hist, uint64_t *max, const uint64_t *base_hist,
			   uint64_t base_max)
{
	int top = CT_HIST_SLOTS;

	for (int i = 0; i < CT_HIST_SLOTS; i++)
		subtract(&hist[i], base_hist[i]);
	while (top && !hist[top - 1])
		top--;
	if (*max > base_max)
		return;
	if (!top)
		*max = 0;
	else if (*max >> top)
		*max = 1ULL << top;
}

static int take_probe_task(void *ctx, const void *row)
{
	struct rebuild *rebuild = ctx;
	struct task_row *slot = vec_push(&rebuild->aggregates->tasks);

	if (!slot)
		return -ENOMEM;
	*slot = *(const struct task_row *)row;
	return 0;
}

static int take_object(void *ctx, const void *from)
{
	struct rebuild *rebuild = ctx;
	const struct object_row *base = base_of(rebuild, RECORD_OBJECT, from);
	struct object_row row = *(const struct object_row *)from, *slot;

	if (base) {
		subtract(&row.object.waits, base->object.waits);
		subtract(&row.object.wait_ns_total, base->object.wait_ns_total);
		subtract_waits(row.object.hist, &row.object.wait_ns_max, base->object.hist,
			       base->object.wait_ns_max);
		if (!row.object.waits)
			return 0;
	}
	slot = vec_push(&rebuild->aggregates->objects);
	if (!slot)
		return -ENOMEM;
	*slot = row;
	return 0;
}

static int take_chan_op(void *ctx, const void *from)
{
	struct rebuild *rebuild = ctx;
	const struct chan_ops_row *base = base_of(rebuild, RECORD_CHAN_OP, from);
	struct chan_ops_row *row = vec_push(&rebuild->aggregates->chan_ops);

	if (!row)
		return -ENOMEM;
	*row = *(const struct chan_ops_row *)from;
	if (base) {
		subtract(&row->ops.sends, base->ops.sends);
		subtract(&row->ops.recvs, base->ops.recvs);
		subtract(&row->ops.polls_send, base->ops.polls_send);
		subtract(&row->ops.polls_recv, base->ops.polls_recv);
		subtract(&row->ops.closes, base->ops.closes);
	}
	return 0;
}

static int take_release(void *ctx, const void *from)
{
	struct rebuild *rebuild = ctx;
	const struct release_row *base = base_of(rebuild, RECORD_RELEASE, from);
	struct release_row *row = vec_push(&rebuild->aggregates->releases);

	if (!row)
		return -ENOMEM;
	*row = *(const struct release_row *)from;
	if (base)
		subtract(&row->release.count, base->release.count);
	return 0;
}

static int take_spawn(void *ctx, const void *from)
{
	struct rebuild *rebuild = ctx;
	const struct spawn_row *base = base_of(rebuild, RECORD_SPAWN, from);
	struct spawn_row row = *(const struct spawn_row *)from, *slot;

	if (base) {
		subtract(&row.spawn.spawned, base->spawn.spawned);
		subtract(&row.spawn.exited, base->spawn.exited);
		if (!row.spawn.spawned && !row.spawn.exited)
			return 0;
	}
	slot = vec_push(&rebuild->aggregates->spawns);
	if (!slot)
		return -ENOMEM;
	*slot = row;
	return 0;
}

static int take_wake(void *ctx, const void *from)
{
	struct rebuild *rebuild = ctx;
	const struct wake_row *base = base_of(rebuild, RECORD_WAKE, from);
	struct wake_row *row = vec_push(&rebuild->aggregates->wakes);

	if (!row)
		return -ENOMEM;
	*row = *(const struct wake_row *)from;
	if (base) {
		subtract(&row->wake.count, base->wake.count);
		subtract(&row->wake.wait_ns_total, base->wake.wait_ns_total);
		subtract(&row->wake.charged_ns, base->wake.charged_ns);
	}
	return 0;
}

static void subtract_site(struct ct_site *site, const struct record_wait *base)
{
	if (!base)
		return;
	subtract(&site->parks, base->parks);
	subtract(&site->waits, base->waits);
	subtract(&site->aborted, base->aborted);
	subtract(&site->wait_ns_total, base->wait_ns_total);
	subtract_waits(site->hist, &site->wait_ns_max, base->hist, base->wait_ns_max);
}

static int take_wait(void *ctx, const void *from)
{
	struct rebuild *rebuild = ctx;
	const struct replay_code *code = rebuild->code;
	const struct record_wait *wait = from;
	const struct replay_span *span =
		replay_code_span(code->stacks.data, code->stacks.len, wait->stack);
	struct site_row *row;

	if (wait->site >= SITES_MAX)
		return 0;
	row = vec_push(&rebuild->aggregates->sites);
	if (!row)
		return -ENOMEM;
	row->index = wait->site;
	row->site = (struct ct_site){ .parks = wait->parks,
				      .waits = wait->waits,
				      .aborted = wait->aborted,
				      .wait_ns_total = wait->wait_ns_total,
				      .wait_ns_max = wait->wait_ns_max,
				      .reason = wait->reason,
				      .ready = 1 };
	memcpy(row->site.hist, wait->hist, sizeof(row->site.hist));
	subtract_site(&row->site, base_of(rebuild, RECORD_WAIT, from));
	for (size_t i = 0; span && i < span->count && i < CT_STACK_DEPTH; i++)
		row->site.pcs[i] = code->stack_pcs.data[span->first + i] + 1;
	return 0;
}

static int by_index(const void *a, const void *b, void *ctx)
{
	const struct site_row *x = a, *y = b;

	(void)ctx;
	return x->index < y->index ? -1 : x->index > y->index;
}

int replay_rows_aggregates(const struct replay_rows *rows, const struct replay_code *code,
			   struct aggregates *aggregates)
{
	static int (*const takers[RECORD_KINDS])(void *, const void *) = {
		[RECORD_PROBE_TASK] = take_probe_task,
		[RECORD_WAIT] = take_wait,
		[RECORD_OBJECT] = take_object,
		[RECORD_CHAN_OP] = take_chan_op,
		[RECORD_RELEASE] = take_release,
		[RECORD_SPAWN] = take_spawn,
		[RECORD_WAKE] = take_wake,
	};
	struct rebuild rebuild = { .rows = rows, .code = code, .aggregates = aggregates };
	int status = 0;

	aggregates->tasks.len = aggregates->sites.len = aggregates->objects.len = 0;
	aggregates->chan_ops.len = aggregates->releases.len = aggregates->spawns.len = 0;
	aggregates->wakes.len = 0;
	for (size_t i = 0; i < RECORD_KINDS && !status; i++)
		if (takers[i])
			status = row_set_each(rows->sets[i], takers[i], &rebuild);
	vec_sort(&aggregates->sites, by_index, NULL);
	return status;
}
