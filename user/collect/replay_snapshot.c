// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "collect/replay_rows.h"

#include <errno.h>
#include <string.h>

#include "collect/addr_map.h"
#include "collect/labels.h"

struct rebuild {
	const struct replay_code *code;
	struct snapshot *snapshot;
};

static int take_chan_state(void *ctx, const void *row)
{
	struct rebuild *rebuild = ctx;
	struct chan_state *slot = vec_push(&rebuild->snapshot->chans);

	if (!slot)
		return -ENOMEM;
	*slot = *(const struct chan_state *)row;
	return 0;
}

static int take_lock_words(void *ctx, const void *row)
{
	struct rebuild *rebuild = ctx;
	struct lock_words *slot = vec_push(&rebuild->snapshot->locks);

	if (!slot)
		return -ENOMEM;
	*slot = *(const struct lock_words *)row;
	return 0;
}

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
	return snapshot_add_string(snapshot, text, strlen(text), at);
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

struct next_list {
	struct addr_map goroutines; /* address of the g: number + 1 */
	VEC(struct sorted_next {
		const struct record_next *next;
		uint32_t goroutine;
	}) ops;
};

static int list_next(void *ctx, const void *row)
{
	struct next_list *list = ctx;
	const struct record_next *next = row;
	const uint32_t *number = addr_map_get(&list->goroutines, next->g);
	struct sorted_next *slot;

	if (!number || !next_is_kept(next->what))
		return 0;
	slot = vec_push(&list->ops);
	if (!slot)
		return -ENOMEM;
	slot->next = next;
	slot->goroutine = *number - 1;
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

	if (!row_set_count(rows->sets[RECORD_NEXT]))
		return 0;
	for (size_t i = 0; i < snapshot->goroutines.len && !status; i++)
		if (snapshot->goroutines.data[i].g)
			status = addr_map_set(&list.goroutines, snapshot->goroutines.data[i].g,
					      (uint32_t)i + 1);
	if (!status)
		status = row_set_each(rows->sets[RECORD_NEXT], list_next, &list);
	vec_sort(&list.ops, by_object, NULL);
	for (size_t i = 0; i < list.ops.len && !status; i++) {
		const struct record_next *next = list.ops.data[i].next;
		uint32_t goroutine = list.ops.data[i].goroutine;
		struct next_op *op;

		/* the model looks the frame up */
		if (next->frame >= snapshot->goroutines.data[goroutine].pc_count)
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
	addr_map_free(&list.goroutines);
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

/* An empty snapshot, but for the pcs, and the goroutines of a kind of rows in the order of allgs. */
static int begin(struct rebuild *rebuild, const struct row_set *tasks, struct task_list *list)
{
	struct snapshot *snapshot = rebuild->snapshot;
	uint32_t empty;
	int status;

	snapshot->goroutines.len = snapshot->cases.len = snapshot->chans.len = 0;
	snapshot->locks.len = snapshot->labels.len = snapshot->strings.len = 0;
	snapshot->next_ops.len = 0;
	status = add_string(snapshot, "", &empty);
	if (!status)
		status = copy_pcs(rebuild->code, snapshot);
	if (!status)
		status = row_set_each(tasks, list_task, list);
	vec_sort(&list->tasks, by_place, NULL);
	for (size_t i = 0; i < list->tasks.len && !status; i++)
		status = add_goroutine(rebuild, list->tasks.data[i]);
	return status;
}

int replay_rows_snapshot(const struct replay_rows *rows, const struct replay_code *code,
			 struct snapshot *snapshot)
{
	struct rebuild rebuild = { .code = code, .snapshot = snapshot };
	struct task_list list = { 0 };
	int status = begin(&rebuild, rows->sets[RECORD_TASK], &list);

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

/* The rows begin with the task; several may have the same channel. */
static int add_found(struct rebuild *rebuild, const struct task_list *list, struct leak_scan *scan)
{
	struct snapshot *snapshot = rebuild->snapshot;
	size_t kept = 0;

	for (size_t i = 0; i < list->tasks.len; i++) {
		const struct record_leak *leak = (const struct record_leak *)list->tasks.data[i];
		struct leak_found *found;

		if (leak->doubt > LEAK_RESTLESS)
			continue;
		found = vec_push(&scan->found);
		if (!found)
			return -ENOMEM;
		*found = (struct leak_found){ .goroutine = (uint32_t)i,
					      .doubt = leak->doubt,
					      .cycle = leak->cycle,
					      .place = leak->place };
		if (leak->chan.addr && take_chan_state(rebuild, &leak->chan))
			return -ENOMEM;
	}
	vec_sort(&snapshot->chans, by_chan_addr, NULL);
	for (size_t i = 0; i < snapshot->chans.len; i++)
		if (!kept || snapshot->chans.data[kept - 1].addr != snapshot->chans.data[i].addr)
			snapshot->chans.data[kept++] = snapshot->chans.data[i];
	snapshot->chans.len = kept;
	return 0;
}

int replay_rows_leaks(const struct replay_rows *rows, const struct replay_code *code,
		      struct leak_scan *scan)
{
	struct rebuild rebuild = { .code = code, .snapshot = &scan->snapshot };
	struct task_list list = { 0 };
	int status = begin(&rebuild, rows->sets[RECORD_LEAK], &list);

	if (!status)
		status = add_found(&rebuild, &list, scan);
	vec_free(&list.tasks);
	return status;
}
