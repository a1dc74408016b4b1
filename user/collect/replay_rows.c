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
	struct snapshot *snapshot;
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

#define TAKE(function, vector)                                                                     \
	static int function(void *ctx, const void *row)                                            \
	{                                                                                          \
		struct rebuild *rebuild = ctx;                                                     \
		__typeof__(rebuild->vector.data) slot = vec_push(&rebuild->vector);                \
                                                                                                   \
		if (!slot)                                                                         \
			return -ENOMEM;                                                            \
		memcpy(slot, row, sizeof(*slot));                                                  \
		return 0;                                                                          \
	}

TAKE(take_probe_task, aggregates->tasks)
TAKE(take_chan_state, snapshot->chans)
TAKE(take_lock_words, snapshot->locks)

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

/* ---- the snapshot ---- */

static int by_place(const void *a, const void *b, void *ctx)
{
	const struct record_task *x = *(const struct record_task *const *)a;
	const struct record_task *y = *(const struct record_task *const *)b;

	(void)ctx;
	return x->goroutine.index < y->goroutine.index ? -1 :
							 x->goroutine.index > y->goroutine.index;
}

static int by_chan_addr(const void *a, const void *b, void *ctx)
{
	const struct chan_state *x = a, *y = b;

	(void)ctx;
	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

static int by_lock_addr(const void *a, const void *b, void *ctx)
{
	const struct lock_words *x = a, *y = b;

	(void)ctx;
	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

static int add_string(struct snapshot *snapshot, const char *text, uint32_t *at)
{
	*at = (uint32_t)snapshot->strings.len;
	do {
		char *slot = vec_push(&snapshot->strings);

		if (!slot)
			return -ENOMEM;
		*slot = *text;
	} while (*text++);
	return 0;
}

static int add_labels(struct rebuild *rebuild, uint64_t number, struct goroutine *goroutine)
{
	const struct replay_code *code = rebuild->code;
	struct snapshot *snapshot = rebuild->snapshot;
	const struct replay_span *span =
		replay_code_span(code->labels.data, code->labels.len, number);

	goroutine->first_label = (uint32_t)snapshot->labels.len;
	goroutine->label_count = 0;
	for (size_t i = 0; span && i < span->count; i++) {
		const struct replay_label *from = &code->label_rows.data[span->first + i];
		struct goroutine_label *label = vec_push(&snapshot->labels);

		if (!label || add_string(snapshot, code->strings.data + from->key, &label->key) ||
		    add_string(snapshot, code->strings.data + from->value, &label->value))
			return -ENOMEM;
		goroutine->label_count++;
	}
	return 0;
}

static int add_cases(struct rebuild *rebuild, uint64_t number, struct goroutine *goroutine)
{
	const struct replay_code *code = rebuild->code;
	struct snapshot *snapshot = rebuild->snapshot;
	const struct replay_span *span =
		replay_code_span(code->cases.data, code->cases.len, number);

	goroutine->first_case = (uint32_t)snapshot->cases.len;
	goroutine->case_count = 0;
	for (size_t i = 0; span && i < span->count; i++) {
		struct wait_case *slot = vec_push(&snapshot->cases);

		if (!slot)
			return -ENOMEM;
		*slot = code->case_rows.data[span->first + i];
		goroutine->case_count++;
	}
	return 0;
}

static int add_goroutine(struct rebuild *rebuild, const struct record_task *task)
{
	const struct replay_code *code = rebuild->code;
	struct snapshot *snapshot = rebuild->snapshot;
	const struct replay_span *stack =
		replay_code_span(code->stacks.data, code->stacks.len, task->stack);
	const char *peer = task->peer ? replay_code_text(code, task->peer) : NULL;
	struct goroutine *goroutine = vec_push(&snapshot->goroutines);
	int status = 0;

	if (!goroutine)
		return -ENOMEM;
	*goroutine = task->goroutine;
	goroutine->g = task->g;
	/* stacks lie in the snapshot as they do in the recording */
	goroutine->first_pc = stack ? (uint32_t)stack->first : 0;
	goroutine->pc_count = stack ? (uint32_t)stack->count : 0;
	goroutine->peer = 0;
	if (peer)
		status = add_string(snapshot, peer, &goroutine->peer);
	if (!status)
		status = add_labels(rebuild, task->labels, goroutine);
	return status ? status : add_cases(rebuild, task->cases, goroutine);
}

struct task_list {
	VEC(const struct record_task *) tasks;
};

/* The goroutine's number by its address; only those that others wait for are looked up. */
struct by_g {
	uint64_t g;
	uint32_t number;
};

struct next_list {
	VEC(struct by_g) goroutines;
	VEC(struct sorted_next {
		const struct record_next *next;
		uint32_t goroutine;
	}) ops;
};

static int compare_g(const void *a, const void *b, void *ctx)
{
	const struct by_g *x = a, *y = b;

	(void)ctx;
	return x->g < y->g ? -1 : x->g > y->g;
}

static int list_next(void *ctx, const void *row)
{
	struct next_list *list = ctx;
	const struct record_next *next = row;
	size_t low = 0, high = list->goroutines.len;
	struct sorted_next *slot;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (list->goroutines.data[middle].g < next->g)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == list->goroutines.len || list->goroutines.data[low].g != next->g)
		return 0;
	slot = vec_push(&list->ops);
	if (!slot)
		return -ENOMEM;
	slot->next = next;
	slot->goroutine = list->goroutines.data[low].number;
	return 0;
}

static int by_object(const void *a, const void *b, void *ctx)
{
	const struct sorted_next *x = a, *y = b;

	(void)ctx;
	if (x->next->object != y->next->object)
		return x->next->object < y->next->object ? -1 : 1;
	if (x->goroutine != y->goroutine)
		return x->goroutine < y->goroutine ? -1 : 1;
	return x->next->n < y->next->n ? -1 : x->next->n > y->next->n;
}

static int add_next_ops(const struct replay_rows *rows, struct snapshot *snapshot)
{
	struct next_list list = { 0 };
	int status = 0;

	snapshot->next_ops.len = 0;
	if (!row_set_count(rows->sets[RECORD_NEXT]))
		return 0;
	for (size_t i = 0; i < snapshot->goroutines.len && !status; i++) {
		struct by_g *slot = vec_push(&list.goroutines);

		if (slot)
			*slot = (struct by_g){ snapshot->goroutines.data[i].g, (uint32_t)i };
		else
			status = -ENOMEM;
	}
	vec_sort(&list.goroutines, compare_g, NULL);
	if (!status)
		status = row_set_each(rows->sets[RECORD_NEXT], list_next, &list);
	vec_sort(&list.ops, by_object, NULL);
	for (size_t i = 0; i < list.ops.len && !status; i++) {
		const struct record_next *next = list.ops.data[i].next;
		uint32_t goroutine = list.ops.data[i].goroutine;
		struct next_op *op;

		/* the model looks the frame up */
		if (next->frame >= snapshot->goroutines.data[goroutine].pc_count ||
		    next->what > NEXT_HAS)
			continue;
		op = vec_push(&snapshot->next_ops);
		if (!op)
			status = -ENOMEM;
		else
			*op = (struct next_op){ .object = next->object,
						.goroutine = goroutine,
						.frame = next->frame,
						.what = next->what,
						.certain = next->certain };
	}
	vec_free(&list.goroutines);
	vec_free(&list.ops);
	return status;
}

static int list_task(void *ctx, const void *row)
{
	struct task_list *list = ctx;
	const struct record_task **slot = vec_push(&list->tasks);

	if (!slot)
		return -ENOMEM;
	*slot = row;
	return 0;
}

static int copy_pcs(const struct replay_code *code, struct snapshot *snapshot)
{
	if (snapshot->pcs.len == code->stack_pcs.len)
		return 0;
	snapshot->pcs.len = 0;
	for (size_t i = 0; i < code->stack_pcs.len; i++) {
		uint64_t *pc = vec_push(&snapshot->pcs);

		if (!pc)
			return -ENOMEM;
		*pc = code->stack_pcs.data[i];
	}
	return 0;
}

int replay_rows_snapshot(const struct replay_rows *rows, const struct replay_code *code,
			 struct snapshot *snapshot)
{
	struct rebuild rebuild = { .rows = rows, .code = code, .snapshot = snapshot };
	struct task_list list = { 0 };
	uint32_t empty;
	int status;

	snapshot->goroutines.len = snapshot->cases.len = snapshot->chans.len = 0;
	snapshot->locks.len = snapshot->labels.len = snapshot->strings.len = 0;
	status = add_string(snapshot, "", &empty);
	if (!status)
		status = copy_pcs(code, snapshot);
	if (!status)
		status = row_set_each(rows->sets[RECORD_TASK], list_task, &list);
	vec_sort(&list.tasks, by_place, NULL);
	for (size_t i = 0; i < list.tasks.len && !status; i++)
		status = add_goroutine(&rebuild, list.tasks.data[i]);
	vec_free(&list.tasks);
	if (!status)
		status = row_set_each(rows->sets[RECORD_CHAN_STATE], take_chan_state, &rebuild);
	if (!status)
		status = row_set_each(rows->sets[RECORD_LOCK_WORDS], take_lock_words, &rebuild);
	if (!status)
		status = add_next_ops(rows, snapshot);
	vec_sort(&snapshot->chans, by_chan_addr, NULL);
	vec_sort(&snapshot->locks, by_lock_addr, NULL);
	return status;
}
