// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * lock.hot: one lock that so many go through that a part of them waits all the time, for short times
 * each. Few and long waits are another thing: see lock_starving.c and lock_held_blocked.c.
 */
#include "detect/detect.h"
#include "model/format.h"
#include "probe/coverage.h"
#include "probe/table.h"

#define SITES_SHOWN 3
/* So many times the limit makes it critical. */
#define CRITICAL_FACTOR 10
#define SEEN_LEAST 20 /* waits, each by its factor (collect/estimate.h), which is up to 10 */
/* With so many snapshots, one in so many of them must have had waiters. */
#define SNAPSHOTS_TELLING 6
#define SEEN_ONE_IN 4
/* Of an RWMutex: it need not be gone through often to hold many up. */
#define RWMUTEX_RATE 20

static double lock_ns(const struct model_lock *lock)
{
	return (double)wait_stats_total_ns(&lock->stats);
}

static bool is_mutex(const struct model_lock *lock)
{
	return lock->kind == LOCK_MUTEX || lock->kind == LOCK_RWMUTEX_WRITER;
}

static void describe_readers(struct findings *findings, struct finding *finding,
			     const struct model *model, const struct model_lock *lock)
{
	uint64_t readers = 0, writers = 0;

	for (size_t i = 0; i < lock->site_count; i++) {
		const struct model_object_site *site =
			&model->object_sites.data[lock->first_site + i];

		if (site->stack->lock == LOCK_RWMUTEX_READER)
			readers += site->stats.waits;
		else
			writers += site->stats.waits;
	}
	finding_say(findings, finding, "%s waits of readers, %s of writers", COUNT(readers),
		    COUNT(writers));
}

static void describe_sites(struct findings *findings, struct finding *finding,
			   const struct model *model, const struct model_lock *lock)
{
	for (size_t i = 0; i < lock->site_count && i < SITES_SHOWN; i++) {
		const struct model_object_site *site =
			&model->object_sites.data[lock->first_site + i];
		double all = (double)lock->stats.wait_ns_total;

		if (!i) {
			finding->site = site->stack->site;
			finding->stack = site->stack;
		}
		finding_say(
			findings, finding, "%.0f %% of it at %s: %s%s waits, %s each on average",
			all > 0 ? 100 * (double)site->stats.wait_ns_total / all : 0,
			PLACE(site->stack->site), model->estimated ? "~" : "",
			COUNT(site->stats.waits),
			DURATION(site->stats.waits ? site->stats.wait_ns_total / site->stats.waits :
						     0));
	}
}

/* What goroutines must mark for the GC in the same function makes them hold the lock longer. */
static void describe_assists(struct findings *findings, struct finding *finding,
			     const struct model *model)
{
	uint64_t all = 0, here = 0;

	for (size_t i = 0; finding->site && i < model->tallies.len; i++) {
		const struct model_tally *tally = &model->tallies.data[i];

		if (tally->kind != CT_TALLY_ASSIST)
			continue;
		all += tally->sum;
		if (detect_stack_has(tally->stack, finding->site->function))
			here += tally->sum;
	}
	if (here)
		finding_say(findings, finding,
			    "%.0f %% of the GC assists are paid in the same function, %s in all",
			    100 * (double)here / (double)all, DURATION(here));
}

/* Whether it is held for long, or only often. */
static void describe_turns(struct findings *findings, struct finding *finding,
			   const struct model *model, const struct model_lock *lock)
{
	const struct model_turns *turns = &lock->turns;
	const char *mark = model->estimated ? "~" : "";

	if (turns->count)
		finding_say(
			findings, finding,
			"who waited for it holds it for at most %s on average, 99 %% of %s%s for "
			"less than %s",
			DURATION(turns->ns_total / turns->count), mark, COUNT(turns->count),
			DURATION(model_hist_quantile(turns->hist, 0.99)));
	if (lock->spins_known && lock->spins)
		finding_say(findings, finding, "%s%s rounds of spinning, %.1f for each wait", mark,
			    COUNT(lock->spins),
			    lock->stats.waits ? (double)lock->spins / (double)lock->stats.waits :
						0);
}

static void take_waiters(struct findings *findings, struct finding *finding,
			 const struct model *model, const struct model_lock *lock)
{
	for (size_t i = 0; i < model->tasks.len; i++) {
		const struct model_task *task = &model->tasks.data[i];

		if (task->wait_kind == WAIT_SEMA &&
		    model_waiting_on(model, task).addr == lock->addr)
			finding_add_goid(findings, finding, task->goid);
	}
}

static void report(const struct detect_input *input, struct findings *findings,
		   const struct model_lock *lock, double waiting, double share, double rate)
{
	const struct model *model = input->model;
	const char *mark = model->estimated ? "~" : "";
	double limit = input->limits->lock_waiting;
	struct finding *finding = finding_begin(
		findings, waiting >= CRITICAL_FACTOR * limit ? SEVERITY_CRITICAL : SEVERITY_WARNING,
		CERTAINTY_CERTAIN);

	detect_object(finding, model_lock_kind_name(lock->kind), lock->addr, lock->symbol);
	finding->metric = waiting;
	finding->limit = limit;
	finding->metric_unit = "goroutines waiting";
	finding->weight = waiting;
	finding_say(
		findings, finding,
		"%s%.1f goroutines wait for it at any moment: %s%s waits a second, %s on average, "
		"%s at most",
		mark, waiting, mark, RATE(rate),
		DURATION(lock->stats.waits ? lock->stats.wait_ns_total / lock->stats.waits : 0),
		DURATION(lock->stats.wait_ns_max));
	finding_say(findings, finding, "%s%.0f %% of all waiting for mutexes", mark, share);
	describe_sites(findings, finding, model, lock);
	describe_turns(findings, finding, model, lock);
	describe_assists(findings, finding, model);
	if (lock->kind == LOCK_RWMUTEX_WRITER)
		describe_readers(findings, finding, model, lock);
	finding_title(finding, "%s %s%sis hot: %.1f goroutines wait for it at any moment, at %s",
		      model_lock_kind_name(lock->kind), lock->symbol, lock->symbol[0] ? " " : "",
		      waiting, PLACE(finding->site));
	take_waiters(findings, finding, model, lock);
	finding_why(finding, "every wait was seen to begin and end at the lock%s",
		    model->estimated ? "; numbers are extrapolated from windows of tracing" : "");
	if (lock->kind == LOCK_MUTEX)
		finding_advise(
			finding,
			"do less while it is held; shard what it protects, or sync.RWMutex or "
			"sync.Map when most only read");
	else
		finding_advise(finding,
			       "writers hold up all readers: write less often, shard what it "
			       "protects, or swap an immutable copy (atomic.Pointer)");
	detect_look(input, finding, "locks");
}

/*
 * In windows a wait nearly as long as a window stands for many, and a single one can make all of an
 * estimate: not so when many were seen of those that make most of it.
 */
static bool is_well_seen(const struct model *model, const struct wait_stats *stats)
{
	unsigned most = 0;

	for (unsigned i = 1; i < CT_HIST_SLOTS; i++)
		if (stats->hist[i] * coverage_slot_ns(i) >
		    stats->hist[most] * coverage_slot_ns(most))
			most = i;
	return stats->hist[most] >= SEEN_LEAST * model->event_weight;
}

/* They know nothing of windows: what is waited for at any moment has waiters in many. */
static bool snapshots_agree(const struct detect_input *input, const struct model_lock *lock)
{
	const struct series_object *object = series_object(input->series, lock->addr);
	uint64_t snapshots = series_snapshots(input->series);

	return snapshots < SNAPSHOTS_TELLING || (object && object->seen * SEEN_ONE_IN >= snapshots);
}

static bool is_sure(const struct detect_input *input, const struct model_lock *lock)
{
	return !input->model->estimated || is_well_seen(input->model, &lock->stats) ||
	       snapshots_agree(input, lock);
}

static int check(const struct detect_input *input, struct findings *findings)
{
	const struct model *model = input->model;
	double all_ns = 0, seconds = (double)model->counted_ns / 1e9;

	for (size_t i = 0; i < model->locks.len; i++)
		if (is_mutex(&model->locks.data[i]))
			all_ns += lock_ns(&model->locks.data[i]);
	for (size_t i = 0; i < model->locks.len && seconds > 0; i++) {
		const struct model_lock *lock = &model->locks.data[i];
		double waiting = detect_mean_waiters(input, &lock->stats);
		double share = all_ns > 0 ? 100 * lock_ns(lock) / all_ns : 0;
		uint64_t events = lock->releases > lock->stats.waits ? lock->releases :
								       lock->stats.waits;
		double rate = (double)events / seconds;
		/* where CPUs are short, all goes slower */
		double least = lock->kind == LOCK_MUTEX ?
				       input->limits->lock_rate * (1 - detect_cpu_shortage(input)) :
				       RWMUTEX_RATE;

		if (is_mutex(lock) && waiting >= input->limits->lock_waiting &&
		    share >= input->limits->lock_share && rate >= least && is_sure(input, lock))
			report(input, findings, lock, waiting, share, rate);
	}
	return 0;
}

const struct detector detector_lock_hot = {
	.id = "lock.hot",
	.looks_for = "a lock that goroutines wait for all the time",
	.roles = ROLES_LOCKS,
	.wants = ROLE_BIT(ROLE_ASSIST) | ROLE_BIT(ROLE_SPIN),
	.least_ns = 1000000000,
	.check = check,
};
