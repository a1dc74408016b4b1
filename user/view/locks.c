// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdlib.h>

#include "model/format.h"
#include "view/parts.h"
#include "view/waits.h"

#define PARTIES_SHOWN 6
#define PAIRS_SHOWN 5

static const struct table_column columns[] = {
	{ .title = "LOCK", .left = true },
	{ .title = "KIND", .left = true, .optional = true },
	{ .title = "WAITING" },
	{ .title = "HOLDER" },
	{ .title = "HELD", .optional = true },
	{ .title = "WAITS" },
	{ .title = "TOTAL" },
	{ .title = "MEAN", .optional = true },
	{ .title = "MAX" },
	{ .title = "SHARE", .optional = true },
	{ .title = "HOTTEST SITE", .left = true, .elastic = true },
};

/* A total by snapshots has the waits that go on already. */
static uint64_t lock_wait_ns(const struct model *model, const struct model_lock *lock)
{
	return wait_stats_total_ns(&lock->stats) + (model->estimated ? 0 : lock->ongoing_ns);
}

static uint64_t all_waiting_ns(const struct model *model)
{
	uint64_t ns = 0;

	for (size_t i = 0; i < model->locks.len; i++)
		ns += lock_wait_ns(model, &model->locks.data[i]);
	return ns;
}

static size_t known_holders(const struct model *model, const struct model_lock *lock)
{
	size_t count = 0;

	for (size_t i = 0; i < lock->party_count; i++) {
		const struct model_party *party = &model->parties.data[lock->first_party + i];

		count += model_party_holds(party) && party->certain;
	}
	return count;
}

/* "42", "3 readers", "2 known", "?" when someone has it but nobody knows who; "-": it is free, or no such lock. */
static void holder_cells(struct table *table, const struct model *model,
			 const struct model_lock *lock)
{
	const struct model_party *holder = model_holder(model, lock);
	bool is_lock = lock_is_mutex(lock->kind) || lock->kind == LOCK_RWMUTEX_WRITER ||
		       lock->kind == LOCK_WEIGHTED;

	if (lock->state.readers > 1)
		table_cell(table, "%lld readers", (long long)lock->state.readers);
	else if (lock->kind == LOCK_WEIGHTED && known_holders(model, lock) > 1)
		table_cell(table, "%zu known", known_holders(model, lock));
	else if (holder)
		table_cell(table, "%llu", (unsigned long long)model->tasks.data[holder->task].goid);
	else
		table_cell(table, "%s",
			   is_lock && lock->waiters &&
					   (!lock->state.known || lock->state.locked ||
					    lock->state.readers || lock->state.taken) ?
				   "?" :
				   "-");
	if (holder && holder->since_ns && holder->since_ns < model->at_ns)
		table_cell(table, "%s%s", holder->since_is_bound ? ">" : "",
			   DURATION(model->at_ns - holder->since_ns));
	else
		table_cell(table, "-");
}

static void add_row(struct table *table, const struct view *view, const struct model_lock *lock,
		    uint64_t all_ns)
{
	const struct model *model = view->model;
	const char *mark = view_estimate_mark(view);
	uint64_t ns = lock_wait_ns(model, lock);
	const struct pclntab_frame *hottest =
		lock->site_count ? model->object_sites.data[lock->first_site].stack->site : NULL;

	if (lock->symbol_source == SYMBOL_SHARED)
		table_cell(table, "%s 0x%llx", lock->symbol, (unsigned long long)lock->addr);
	else if (lock->symbol[0])
		table_cell(table, "%s", lock->symbol);
	else
		table_cell(table, "0x%llx", (unsigned long long)lock->addr);
	table_cell(table, "%s", model_lock_kind_name(lock->kind));
	table_cell(table, "%s", COUNT(lock->waiters));
	holder_cells(table, model, lock);
	table_cell(table, "%s%s", mark, COUNT(lock->stats.waits));
	table_cell(table, "%s%s", mark, DURATION(wait_stats_total_ns(&lock->stats)));
	table_cell(table, "%s",
		   lock->stats.waits ? DURATION(lock->stats.wait_ns_total / lock->stats.waits) :
				       "-");
	table_cell(table, "%s", DURATION(lock->stats.wait_ns_max));
	table_cell(table, "%.0f%%", all_ns ? 100.0 * (double)ns / (double)all_ns : 0.0);
	table_cell(table, "%s", PLACE(hottest));
}

int view_locks_table(const struct view *view, size_t most)
{
	const struct model *model = view->model;
	struct table *table = table_new(columns, sizeof(columns) / sizeof(columns[0]));
	uint64_t all_ns = all_waiting_ns(model);
	int status = -ENOMEM;

	if (!table)
		return status;
	for (size_t i = 0; i < model->locks.len && (!most || i < most); i++)
		add_row(table, view, &model->locks.data[i], all_ns);
	status = table_print(table, view->out, view->style.width, view->style.color);
	table_free(table);
	if (most && model->locks.len > most)
		fprintf(view->out, "(%zu more locks)\n", model->locks.len - most);
	return status;
}

static void print_state(const struct view *view, const struct model_lock *lock)
{
	const struct model_lock_state *state = &lock->state;

	if (!state->known)
		return;
	if (lock->kind == LOCK_WAITGROUP)
		fprintf(view->out, "  counter %lld\n", (long long)state->counter);
	else if (lock->kind == LOCK_WEIGHTED)
		fprintf(view->out, "  %lld of %lld taken\n", (long long)state->taken,
			(long long)state->size);
	else if (lock->kind == LOCK_RWMUTEX_WRITER)
		fprintf(view->out, "  %s, %lld reading%s\n",
			state->locked ? "locked by a writer" : "no writer has it",
			(long long)state->readers,
			state->writer_pending ?
				", a writer waits for them and new readers behind it" :
				"");
	else if (state->starving)
		fputs("  starving: handed from one waiter to the next\n", view->out);
}

/* How long they have it who waited for it, and how it changes hands. */
static void print_turns(const struct view *view, const struct model_lock *lock)
{
	const struct model_turns *turns = &lock->turns;
	const char *mark = view_estimate_mark(view);

	if (turns->count)
		fprintf(view->out,
			"  held for at most %s on average, from being woken, by %s%s who had waited; "
			"99 %% for less than %s, longest %s\n",
			DURATION(turns->ns_total / turns->count), mark, COUNT(turns->count),
			DURATION(model_hist_quantile(turns->hist, 0.99)), DURATION(turns->ns_max));
	if (turns->handoffs)
		fprintf(view->out, "  handed over to the next waiter %s%s times\n", mark,
			COUNT(turns->handoffs));
	if (lock->spins_known && lock->spins)
		fprintf(view->out, "  spun for %s%s times, %.1f for each wait: ~%.2g %% of a CPU\n",
			mark, COUNT(lock->spins),
			lock->stats.waits ? (double)lock->spins / (double)lock->stats.waits : 0,
			100 * lock->spin_cpus);
}

static void print_parties(const struct view *view, const struct model_lock *lock)
{
	const struct model *model = view->model;
	size_t shown = 0;

	for (size_t i = 0; i < lock->party_count; i++) {
		const struct model_party *party = &model->parties.data[lock->first_party + i];
		const struct model_task *task = &model->tasks.data[party->task];

		if (model_party_holds(party) && !party->certain)
			continue;
		if (++shown > PARTIES_SHOWN)
			continue;
		fprintf(view->out, "  goroutine %llu %s it (%s), in %s at %s\n",
			(unsigned long long)task->goid, view_role_verb(party->role),
			model_evidence_name(party->evidence),
			task->state == G_WAITING ? model_reason(model, task->reason) :
						   model_state_name(task->state),
			PLACE(task->stack ? task->stack->site : NULL));
	}
	if (shown > PARTIES_SHOWN)
		fprintf(view->out, "  (and %zu more)\n", shown - PARTIES_SHOWN);
}

static int by_wait(const void *a, const void *b)
{
	const struct model_wake *const *x = a, *const *y = b;

	if ((*x)->wait_ns_total != (*y)->wait_ns_total)
		return (*x)->wait_ns_total < (*y)->wait_ns_total ? 1 : -1;
	return (*x)->count < (*y)->count ? 1 : -((*x)->count > (*y)->count);
}

/* The places behind the worst locks, one line each. */
static void print_sites(const struct view *view, const struct model_lock *lock)
{
	const struct model *model = view->model;

	fprintf(view->out, "\n%s 0x%llx%s%s", model_lock_kind_name(lock->kind),
		(unsigned long long)lock->addr, lock->symbol[0] ? " " : "", lock->symbol);
	if (lock->releases)
		fprintf(view->out,
			": let go of %s times while others waited, last by goroutine %llu",
			COUNT(lock->releases), (unsigned long long)lock->last_release_goid);
	fputc('\n', view->out);
	print_state(view, lock);
	print_turns(view, lock);
	print_parties(view, lock);
	for (size_t i = 0; i < lock->site_count && i < 5; i++) {
		const struct model_object_site *site =
			&model->object_sites.data[lock->first_site + i];

		fprintf(view->out, "  %s%s waits, %s, max %s, %s waiting now at %s\n",
			view_estimate_mark(view), COUNT(site->stats.waits),
			DURATION(site->stats.wait_ns_total), DURATION(site->stats.wait_ns_max),
			COUNT(site->waiting_now), PLACE(site->stack->site));
	}
}

/* Pairs of places: who waited at one was let go on from the other. */
static void print_pairs(const struct view *view)
{
	const struct model *model = view->model;
	const struct model_wake **pairs = calloc(model->wakes.len + 1, sizeof(*pairs));
	size_t count = 0;

	for (size_t i = 0; pairs && i < model->wakes.len; i++)
		if (model_wake_is_of_lock(&model->wakes.data[i]))
			pairs[count++] = &model->wakes.data[i];
	if (count) {
		qsort(pairs, count, sizeof(*pairs), by_wait);
		view_title(view, "who makes whom wait", "waits of 1 ms or more, by their end");
	}
	for (size_t i = 0; i < count && i < PAIRS_SHOWN; i++)
		fprintf(view->out, "%s%s waits, %s%s: %s  waited for  %s\n",
			view_estimate_mark(view), COUNT(pairs[i]->count), view_estimate_mark(view),
			DURATION(pairs[i]->wait_ns_total), PLACE(pairs[i]->woken->site),
			PLACE(pairs[i]->waker->site));
	free(pairs);
}

int view_locks(const struct view *view)
{
	const struct model *model = view->model;
	int status;

	view_header(view);
	if (!model->locks.len) {
		fputs("\nno goroutine waited for a lock\n", view->out);
		return 0;
	}
	view_title(view, "locks that goroutines wait for", "the most waited for first");
	status = view_locks_table(view, view->style.rows);
	for (size_t i = 0; !status && i < model->locks.len && i < 5; i++)
		print_sites(view, &model->locks.data[i]);
	if (!status)
		print_pairs(view);
	return status;
}
