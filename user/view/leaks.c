// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <string.h>

#include "model/format.h"
#include "view/parts.h"
#include "view/waiting_on.h"

#define INDENT "    "
#define GOIDS_MAX 10
#define FRAMES_MAX 12
#define CYCLES_MAX 5

static const char *plural(size_t count)
{
	return count == 1 ? "" : "s";
}

static const struct model_task *task_at(const struct view *view, const struct leaks *leaks,
					size_t row)
{
	return &view->model->tasks.data[leaks->rows.data[row].task];
}

static void scan_line(const struct view *view, const struct leaks *leaks)
{
	const struct leak_scan *scan = leaks->scan;
	char scanned[32], noscan[32];

	fprintf(view->out, "looked %s%s%s, in %s: heap of %s with pointers, %s without\n",
		scan->looks > 1 ? "twice, " : "once",
		scan->looks > 1 ? DURATION(scan->apart_ns) : "", scan->looks > 1 ? " apart" : "",
		DURATION(scan->took_ns), format_bytes(scanned, sizeof(scanned), scan->scan_bytes),
		format_bytes(noscan, sizeof(noscan), scan->noscan_bytes));
	if (view->style.verbose)
		fprintf(view->out,
			"  %llu goroutines wait for objects of the program; %llu of %llu objects are "
			"alive; copies took %s; %llu taken back at the second look\n",
			(unsigned long long)scan->blocked, (unsigned long long)scan->marked,
			(unsigned long long)scan->objects,
			format_bytes(scanned, sizeof(scanned), scan->copied_bytes),
			(unsigned long long)scan->withdrawn);
}

static void print_goids(const struct view *view, const struct leaks *leaks,
			const struct leak_group *group)
{
	fprintf(view->out, "    goroutine%s", plural(group->count));
	for (size_t i = 0; i < group->count && i < GOIDS_MAX; i++)
		fprintf(view->out, "%s %llu", i ? "," : "",
			(unsigned long long)task_at(view, leaks, group->first + i)->goid);
	if (group->count > GOIDS_MAX)
		fprintf(view->out, " and %zu more", group->count - GOIDS_MAX);
	fputc('\n', view->out);
}

static bool is_of_runtime(const struct pclntab_frame *frame)
{
	return !strncmp(frame->function, "runtime.", strlen("runtime."));
}

/* How the runtime parks is the same for all. */
static void print_stack(const struct view *view, const struct stack *stack)
{
	size_t first = 0, end;

	if (!stack)
		return;
	while (first < stack->frame_count && is_of_runtime(stack->frames[first]))
		first++;
	end = stack->frame_count - first > FRAMES_MAX ? first + FRAMES_MAX : stack->frame_count;
	for (size_t i = first; i < end; i++)
		fprintf(view->out, "      %s\n", PLACE(stack->frames[i]));
	if (end < stack->frame_count)
		fprintf(view->out, "      (%zu more)\n", stack->frame_count - end);
}

/* In lines of the screen's width, cut between words. */
static void print_sentence(const struct view *view, const char *text)
{
	size_t room = (size_t)view->style.width - strlen(INDENT), left = strlen(text);

	while (left > room) {
		size_t len = room;

		while (len && text[len] != ' ')
			len--;
		if (!len)
			break;
		fprintf(view->out, INDENT "%.*s\n", (int)len, text);
		text += len + 1;
		left -= len + 1;
	}
	fprintf(view->out, INDENT "%s\n", text);
}

static void print_proof(const struct view *view, const struct leaks *leaks,
			const struct leak_group *group)
{
	const struct leak_row *first = &leaks->rows.data[group->first];
	char proof[512], also[96] = "", text[768];

	leaks_proof(view->model, leaks, first, proof, sizeof(proof));
	if (first->also)
		snprintf(also, sizeof(also), "; %llu other%s of these wait%s for the same",
			 (unsigned long long)first->also, plural(first->also),
			 first->also == 1 ? "s" : "");
	snprintf(text, sizeof(text), "goroutine %llu %s%s",
		 (unsigned long long)task_at(view, leaks, group->first)->goid, proof, also);
	print_sentence(view, text);
}

static void print_group(const struct view *view, const struct leaks *leaks,
			const struct leak_group *group)
{
	const struct pclntab_frame *creator = model_created_by(view->model, group->gopc);
	char doubt[256], text[320];

	fprintf(view->out, "\n%6zu  %s  %s\n", group->count,
		model_reason(view->model, group->reason),
		PLACE(group->stack ? group->stack->site : NULL));
	print_proof(view, leaks, group);
	if (group->doubt != LEAK_NO_DOUBT) {
		leaks_doubt((enum leak_doubt)group->doubt, doubt, sizeof(doubt));
		snprintf(text, sizeof(text), "no proof: %s", doubt);
		print_sentence(view, text);
	}
	if (creator)
		fprintf(view->out, "    created by %s\n", PLACE(creator));
	print_goids(view, leaks, group);
	print_stack(view, group->stack);
}

static void print_groups(const struct view *view, const struct leaks *leaks, size_t first,
			 size_t end)
{
	for (size_t i = first; i < end; i++)
		print_group(view, leaks, &leaks->groups.data[i]);
}

/* Who waits for whom: a chain of leaked goroutines that closes. */
static void print_cycle(const struct view *view, const struct leaks *leaks,
			const struct leak_cycle *cycle)
{
	char object[128], head[64], text[512];

	if (cycle->count > 1)
		snprintf(head, sizeof(head), "these %zu wait for each other:", cycle->count);
	fprintf(view->out, "\n" INDENT "%s\n",
		cycle->count > 1 ? head : "this one waits for itself:");
	for (size_t i = 0; i < cycle->count; i++) {
		const struct model_task *task =
			&view->model->tasks.data[leaks->cycle_tasks.data[cycle->first + i]];
		const struct model_task *next =
			&view->model->tasks.data[leaks->cycle_tasks.data[cycle->first +
									 (i + 1) % cycle->count]];

		snprintf(text, sizeof(text),
			 "  goroutine %llu in %s at %s waits for goroutine %llu (%s)",
			 (unsigned long long)task->goid, model_reason(view->model, task->reason),
			 PLACE(task->stack ? task->stack->site : NULL),
			 (unsigned long long)next->goid,
			 format_waiting_on(object, sizeof(object), view->model, task));
		print_sentence(view, text);
	}
}

static void print_cycles(const struct view *view, const struct leaks *leaks)
{
	for (size_t i = 0; i < leaks->cycles.len && i < CYCLES_MAX; i++)
		print_cycle(view, leaks, &leaks->cycles.data[i]);
	if (leaks->cycles.len > CYCLES_MAX)
		fprintf(view->out, "\n" INDENT "(%zu more such cycles)\n",
			leaks->cycles.len - CYCLES_MAX);
}

int view_leaks(const struct view *view, const struct leaks *leaks)
{
	char remark[96];

	view_header(view);
	scan_line(view, leaks);
	if (!leaks->rows.len) {
		fprintf(view->out, "\nno leak: something alive can wake every goroutine\n");
		return 0;
	}
	if (leaks->leaked) {
		snprintf(remark, sizeof(remark), "%zu goroutine%s that nothing alive can ever wake",
			 leaks->leaked, plural(leaks->leaked));
		view_title(view, "leaked", remark);
		print_cycles(view, leaks);
		print_groups(view, leaks, 0, leaks->leaked_groups);
	}
	if (leaks->suspects) {
		snprintf(remark, sizeof(remark), "%zu goroutine%s without a proof", leaks->suspects,
			 plural(leaks->suspects));
		view_title(view, "suspects", remark);
		print_groups(view, leaks, leaks->leaked_groups, leaks->groups.len);
	}
	return 0;
}
