// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * lock.starving: a Mutex that somebody waited for longer than 1 ms hands itself over in order of
 * arrival until the queue is empty (sync/mutex.go, mutexStarving): throughput falls, and each handover
 * costs a switch. One long wait sets the bit; an incident is when it is set at most looks.
 */
#include "detect/detect.h"
#include "model/format.h"
#include "probe/table.h"

/* 2^20 ns is just above 1 ms: slots of struct ct_site's hist. */
#define SLOT_OF_1_MS 20

static const struct model_object_site *hottest(const struct model *model,
					       const struct model_lock *lock)
{
	return lock->site_count ? &model->object_sites.data[lock->first_site] : NULL;
}

static void describe_waits(struct findings *findings, struct finding *finding,
			   const struct model *model, const struct model_lock *lock)
{
	const char *mark = model->estimated ? "~" : "";
	uint64_t all = 0, longer = 0;

	for (int i = 0; i < CT_HIST_SLOTS; i++) {
		all += lock->stats.hist[i];
		if (i >= SLOT_OF_1_MS)
			longer += lock->stats.hist[i];
	}
	if (all)
		finding_say(
			findings, finding,
			"%s%s of %s%s waits that were timed took longer than 1 ms, the longest %s%s",
			mark, COUNT(longer), mark, COUNT(all), model->estimated ? "at least " : "",
			DURATION(lock->stats.wait_ns_max));
	if (lock->releases)
		finding_say(findings, finding,
			    "let go of %s%s times while others waited, last by goroutine %llu",
			    mark, COUNT(lock->releases),
			    (unsigned long long)lock->last_release_goid);
}

static void report(const struct detect_input *input, struct findings *findings,
		   const struct model_lock *lock, const struct series_object *object)
{
	const struct model *model = input->model;
	const struct model_object_site *site = hottest(model, lock);
	struct finding *finding = finding_begin(findings, SEVERITY_WARNING, CERTAINTY_CERTAIN);
	const struct series_point *points;

	series_points(input->series, &points);
	detect_object(finding, model_lock_kind_name(lock->kind), lock->addr, lock->symbol);
	finding->site = site ? site->stack->site : NULL;
	finding->stack = site ? site->stack : NULL;
	finding->weight = detect_mean_waiters(input, &lock->stats);
	finding_title(finding,
		      "%s %s%sis in starvation mode: waiters queue for more than 1 ms at %s",
		      model_lock_kind_name(lock->kind), lock->symbol, lock->symbol[0] ? " " : "",
		      PLACE(finding->site));
	finding_say(
		findings, finding,
		"its starving bit was set in %u of the %u snapshots that had waiters (%llu in all); up "
		"to %llu waited",
		object->starving, object->seen, (unsigned long long)series_snapshots(input->series),
		(unsigned long long)object->most_waiters);
	describe_waits(findings, finding, model, lock);
	if (site)
		finding_say(findings, finding, "most wait at %s", PLACE(site->stack->site));
	for (size_t i = 0; i < model->tasks.len; i++)
		if (model->tasks.data[i].wait_kind == WAIT_SEMA &&
		    model_waiting_on(model, &model->tasks.data[i]).addr == lock->addr)
			finding_add_goid(findings, finding, model->tasks.data[i].goid);
	finding_event(findings, finding, points[object->first_starving].at_ns, true,
		      "lock 0x%llx in starvation mode", (unsigned long long)lock->addr);
	finding_why(finding, "the Mutex's own state says so");
	finding_advise(finding,
		       "hold it for less: compute, log and do I/O outside, copy what is needed; "
		       "then shard what it protects");
	detect_look(input, finding, "locks");
}

static int check(const struct detect_input *input, struct findings *findings)
{
	const struct model *model = input->model;
	uint64_t snapshots = series_snapshots(input->series);

	for (size_t i = 0; i < model->locks.len; i++) {
		const struct model_lock *lock = &model->locks.data[i];
		const struct series_object *object = series_object(input->series, lock->addr);

		if (object && object->seen * 2 >= snapshots &&
		    object->starving * 2 >= object->seen && object->starving > 1)
			report(input, findings, lock, object);
	}
	return 0;
}

const struct detector detector_lock_starving = {
	.id = "lock.starving",
	.looks_for = "mutexes in starvation mode",
	.wants = ROLES_LOCKS,
	.snapshots = 4,
	.check = check,
};
