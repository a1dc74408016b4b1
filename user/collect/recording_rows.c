// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "collect/recording_rows.h"

#include <stdlib.h>
#include <string.h>

/* No row is larger. */
#define ROW_MAX 1024

int recording_rows_open(struct recording_rows *rows, sqlite3 *db, struct recording_parts *parts)
{
	int result = SQLITE_OK;

	*rows = (struct recording_rows){ .parts = parts };
	for (size_t i = 0; i < RECORD_KINDS && result == SQLITE_OK; i++) {
		const struct record_table *table = &record_tables[i];

		rows->sets[i] = row_set_new(table->row_size, table->key_size);
		result = rows->sets[i] ? record_table_prepare_insert(db, table, &rows->insert[i]) :
					 SQLITE_NOMEM;
	}
	return result;
}

void recording_rows_close(struct recording_rows *rows)
{
	for (size_t i = 0; i < RECORD_KINDS; i++) {
		sqlite3_finalize(rows->insert[i]);
		row_set_free(rows->sets[i]);
	}
	memset(rows, 0, sizeof(*rows));
}

void recording_rows_forget(struct recording_rows *rows)
{
	for (size_t i = 0; i < RECORD_KINDS; i++)
		row_set_clear(rows->sets[i]);
}

/* Without what lies between the fields, so that equal rows are equal byte by byte. */
static void copy_fields(const struct record_table *table, const void *row, uint8_t *to)
{
	memset(to, 0, table->row_size);
	for (size_t i = 0; i < table->field_count; i++) {
		const struct record_field *field = &table->fields[i];
		const uint8_t *from = (const uint8_t *)row + field->offset;

		if (field->type == FIELD_TEXT)
			memcpy(to + field->offset, from, strnlen((const char *)from, field->size));
		else
			memcpy(to + field->offset, from, field->size);
	}
}

static int put(struct recording_rows *rows, enum record_kind kind, const void *row, uint64_t batch)
{
	const struct record_table *table = &record_tables[kind];
	_Alignas(16) uint8_t clean[ROW_MAX];
	int changed;

	_Static_assert(sizeof(struct record_task) <= ROW_MAX &&
			       sizeof(struct record_wait) <= ROW_MAX &&
			       sizeof(struct object_row) <= ROW_MAX &&
			       sizeof(struct record_leak) <= ROW_MAX &&
			       sizeof(struct record_lock) <= ROW_MAX &&
			       sizeof(struct record_chan) <= ROW_MAX,
		       "ROW_MAX");
	copy_fields(table, row, clean);
	changed = row_set_put(rows->sets[kind], clean, batch);
	if (changed < 0)
		return SQLITE_NOMEM;
	return changed ? record_table_insert(rows->insert[kind], table, batch, clean, 0) :
			 SQLITE_OK;
}

struct sweep {
	struct recording_rows *rows;
	enum record_kind kind;
	uint64_t batch;
};

static int note_gone(void *ctx, const void *row)
{
	const struct sweep *sweep = ctx;

	return record_table_insert(sweep->rows->insert[sweep->kind], &record_tables[sweep->kind],
				   sweep->batch, row, 1);
}

/* What was not put in this batch is gone. */
static int finish(struct recording_rows *rows, enum record_kind kind, uint64_t batch)
{
	struct sweep sweep = { .rows = rows, .kind = kind, .batch = batch };

	return row_set_sweep(rows->sets[kind], batch, note_gone, &sweep);
}

/* The kernel keeps return addresses; a stack has what called, one byte before. */
static int put_wait(struct recording_rows *rows, const struct site_row *row, uint64_t batch)
{
	const struct ct_site *site = &row->site;
	uint64_t pcs[CT_STACK_DEPTH];
	struct record_wait wait = { .site = row->index,
				    .reason = site->reason,
				    .parks = site->parks,
				    .waits = site->waits,
				    .aborted = site->aborted,
				    .wait_ns_total = site->wait_ns_total,
				    .wait_ns_max = site->wait_ns_max };
	size_t count = 0;
	int result;

	while (count < CT_STACK_DEPTH && site->pcs[count]) {
		pcs[count] = site->pcs[count] - 1;
		count++;
	}
	memcpy(wait.hist, site->hist, sizeof(wait.hist));
	result = recording_parts_stack(rows->parts, pcs, count, &wait.stack);
	return result == SQLITE_OK ? put(rows, RECORD_WAIT, &wait, batch) : result;
}

static int put_spawn(struct recording_rows *rows, const struct spawn_row *row, uint64_t batch)
{
	int result = recording_parts_pc(rows->parts, row->gopc - 1);

	if (result == SQLITE_OK)
		result = recording_parts_pc(rows->parts, row->spawn.start_pc);
	return result == SQLITE_OK ? put(rows, RECORD_SPAWN, row, batch) : result;
}

static int put_probe_task(struct recording_rows *rows, const struct task_row *row, uint64_t batch)
{
	int result = row->task.gopc ? recording_parts_pc(rows->parts, row->task.gopc - 1) :
				      SQLITE_OK;

	return result == SQLITE_OK ? put(rows, RECORD_PROBE_TASK, row, batch) : result;
}

#define PUT_ALL(vector, call)                                                                      \
	for (size_t i = 0; i < (vector)->len && result == SQLITE_OK; i++)                          \
	result = call

int recording_rows_of_probes(struct recording_rows *rows, const struct aggregates *aggregates,
			     uint64_t batch)
{
	int result = SQLITE_OK;

	PUT_ALL(&aggregates->tasks, put_probe_task(rows, &aggregates->tasks.data[i], batch));
	PUT_ALL(&aggregates->sites, put_wait(rows, &aggregates->sites.data[i], batch));
	PUT_ALL(&aggregates->objects,
		put(rows, RECORD_OBJECT, &aggregates->objects.data[i], batch));
	PUT_ALL(&aggregates->chan_ops,
		put(rows, RECORD_CHAN_OP, &aggregates->chan_ops.data[i], batch));
	PUT_ALL(&aggregates->releases,
		put(rows, RECORD_RELEASE, &aggregates->releases.data[i], batch));
	PUT_ALL(&aggregates->spawns, put_spawn(rows, &aggregates->spawns.data[i], batch));
	PUT_ALL(&aggregates->wakes, put(rows, RECORD_WAKE, &aggregates->wakes.data[i], batch));
	for (int kind = RECORD_PROBE_TASK; kind <= RECORD_WAKE && result == SQLITE_OK; kind++)
		result = finish(rows, kind, batch);
	return result;
}

/* Equal stacks share their pcs in the snapshot: each is looked up once, by where it begins. */
static int make_task(struct recording_rows *rows, const struct snapshot *snapshot,
		     const struct goroutine *goroutine, uint64_t *stacks, struct record_task *task)
{
	struct recording_parts *parts = rows->parts;
	const char *peer = goroutine->peer ? snapshot->strings.data + goroutine->peer : "";
	uint64_t *stack = &stacks[goroutine->first_pc];
	int result = SQLITE_OK;

	*task = (struct record_task){ .g = goroutine->g, .goroutine = *goroutine };
	if (goroutine->pc_count && !*stack)
		result = recording_parts_stack(parts, snapshot->pcs.data + goroutine->first_pc,
					       goroutine->pc_count, stack);
	task->stack = goroutine->pc_count ? *stack : 0;
	if (result == SQLITE_OK && goroutine->gopc)
		result = recording_parts_pc(parts, goroutine->gopc - 1);
	if (result == SQLITE_OK)
		result = recording_parts_pc(parts, goroutine->startpc);
	if (result == SQLITE_OK)
		result = recording_parts_cases(parts, snapshot, goroutine, &task->cases);
	if (result == SQLITE_OK)
		result = recording_parts_labels(parts, snapshot, goroutine, &task->labels);
	return result == SQLITE_OK ? recording_parts_text(parts, peer, &task->peer) : result;
}

static int put_goroutine(struct recording_rows *rows, const struct snapshot *snapshot,
			 const struct goroutine *goroutine, uint64_t *stacks, uint64_t batch)
{
	struct record_task task;
	int result = make_task(rows, snapshot, goroutine, stacks, &task);

	return result == SQLITE_OK ? put(rows, RECORD_TASK, &task, batch) : result;
}

static int put_next(struct recording_rows *rows, const struct snapshot *snapshot, size_t index,
		    uint64_t batch)
{
	const struct next_op *op = &snapshot->next_ops.data[index];
	struct record_next next = { .object = op->object,
				    .g = snapshot->goroutines.data[op->goroutine].g,
				    .frame = op->frame,
				    .what = op->what,
				    .certain = op->certain };

	/* they are sorted by object and goroutine */
	for (; index && op[-1].object == op->object && op[-1].goroutine == op->goroutine;
	     index--, op--)
		next.n++;
	return put(rows, RECORD_NEXT, &next, batch);
}

int recording_rows_of_snapshot(struct recording_rows *rows, const struct snapshot *snapshot,
			       uint64_t batch)
{
	uint64_t *stacks = calloc(snapshot->pcs.len + 1, sizeof(*stacks));
	int result = stacks ? SQLITE_OK : SQLITE_NOMEM;

	PUT_ALL(&snapshot->goroutines,
		put_goroutine(rows, snapshot, &snapshot->goroutines.data[i], stacks, batch));
	free(stacks);
	PUT_ALL(&snapshot->chans, put(rows, RECORD_CHAN_STATE, &snapshot->chans.data[i], batch));
	PUT_ALL(&snapshot->locks, put(rows, RECORD_LOCK_WORDS, &snapshot->locks.data[i], batch));
	PUT_ALL(&snapshot->next_ops, put_next(rows, snapshot, i, batch));
	if (result == SQLITE_OK)
		result = finish(rows, RECORD_TASK, batch);
	for (int kind = RECORD_CHAN_STATE; kind <= RECORD_NEXT && result == SQLITE_OK; kind++)
		result = finish(rows, kind, batch);
	return result;
}

static int put_leak(struct recording_rows *rows, const struct recording_moment *moment,
		    size_t index, uint64_t *stacks, uint64_t batch)
{
	const struct leak_scan *scan = &moment->look->scan;
	const struct goroutine *goroutine =
		&scan->snapshot.goroutines.data[scan->found.data[index].goroutine];
	/* of a select: what is said of it names the first */
	const struct chan_state *chan = snapshot_chan(
		&scan->snapshot, goroutine->case_count ?
					 scan->snapshot.cases.data[goroutine->first_case].chan :
					 goroutine->wait_addr);
	struct record_leak leak = moment->leaks[index];
	int result = make_task(rows, &scan->snapshot, goroutine, stacks, &leak.task);

	if (chan)
		leak.chan = *chan;
	return result == SQLITE_OK ? put(rows, RECORD_LEAK, &leak, batch) : result;
}

int recording_rows_of_leaks(struct recording_rows *rows, const struct recording_moment *moment,
			    uint64_t batch)
{
	const struct leak_scan *scan = &moment->look->scan;
	uint64_t *stacks = calloc(scan->snapshot.pcs.len + 1, sizeof(*stacks));
	int result = stacks ? SQLITE_OK : SQLITE_NOMEM;

	PUT_ALL(&scan->found, put_leak(rows, moment, i, stacks, batch));
	free(stacks);
	return result == SQLITE_OK ? finish(rows, RECORD_LEAK, batch) : result;
}

static int put_lock(struct recording_rows *rows, const struct record_lock *lock, uint64_t batch)
{
	int result = recording_parts_variable(rows->parts, lock->addr);

	return result == SQLITE_OK ? put(rows, RECORD_LOCK, lock, batch) : result;
}

static int put_chan(struct recording_rows *rows, const struct record_chan *chan, uint64_t batch)
{
	int result = recording_parts_variable(rows->parts, chan->addr);

	return result == SQLITE_OK ? put(rows, RECORD_CHAN, chan, batch) : result;
}

int recording_rows_of_model(struct recording_rows *rows, const struct recording_moment *moment,
			    uint64_t batch)
{
	int result = SQLITE_OK;

	for (size_t i = 0; i < moment->lock_count && result == SQLITE_OK; i++)
		result = put_lock(rows, &moment->locks[i], batch);
	for (size_t i = 0; i < moment->chan_count && result == SQLITE_OK; i++)
		result = put_chan(rows, &moment->chans[i], batch);
	if (result == SQLITE_OK)
		result = finish(rows, RECORD_LOCK, batch);
	return result == SQLITE_OK ? finish(rows, RECORD_CHAN, batch) : result;
}
