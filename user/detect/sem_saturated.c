// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * sem.saturated: a buffered channel that is full at every snapshot while callers queue to send. With
 * elements of no size it is a semaphore, else a queue whose consumers are too slow; one producer that is
 * held up by a full queue is what the queue is for. golang.org/x/sync/semaphore has a queue of its own; who
 * waits in it found it taken.
 */
#include <stdio.h>

#include "detect/detect.h"
#include "model/format.h"

#define HOLDERS_SAID 4 /* of a semaphore.Weighted */

static void take_senders(const struct detect_input *input, struct findings *findings,
			 struct finding *finding, uint64_t chan)
{
	const struct model *model = input->model;

	for (size_t i = 0; i < model->tasks.len; i++) {
		const struct model_task *task = &model->tasks.data[i];

		if (task->state != G_WAITING || task->wait_kind != WAIT_CHAN_SEND ||
		    task->waiting_on != chan)
			continue;
		finding_add_goid(findings, finding, task->goid);
		detect_take_place(finding, task);
	}
}

/* Goroutines that came by the senders' place and are elsewhere now: they have the slots, most likely. */
static uint64_t holders(const struct detect_input *input, const struct finding *finding,
			uint64_t slots, const struct model_group **biggest)
{
	const struct model *model = input->model;
	uint64_t gopc = 0, count = 0;

	*biggest = NULL;
	for (size_t i = 0; i < model->tasks.len && finding->goids.len; i++)
		if (model->tasks.data[i].goid == finding->goids.data[0])
			gopc = model->tasks.data[i].gopc;
	for (size_t i = 0; gopc && i < model->groups.len; i++) {
		const struct model_group *group = &model->groups.data[i];

		if (group->gopc != gopc || group->stack == finding->stack ||
		    (group->stack && detect_same_place(group->stack->site, finding->site)))
			continue;
		count += group->count;
		if (!*biggest)
			*biggest = group;
	}
	return count == slots ? count : 0;
}

static void check_chan(const struct detect_input *input, struct findings *findings,
		       const struct model_chan *chan)
{
	const struct series_object *object = series_object(input->series, chan->addr);
	uint64_t snapshots = series_snapshots(input->series);
	bool semaphore = chan->elem_size == 0;
	const struct model_group *holder;
	struct finding *finding;

	/* full nearly always: a queue that is full now and then is in use */
	if (!object || object->full * 10 < snapshots * 9 ||
	    (double)chan->senders_waiting < input->limits->sem_queue)
		return;
	finding = finding_begin(findings, SEVERITY_WARNING, CERTAINTY_CERTAIN);
	detect_object(finding, "chan", chan->addr, chan->symbol);
	take_senders(input, findings, finding, chan->addr);
	finding->metric = (double)chan->senders_waiting;
	finding->limit = input->limits->sem_queue;
	finding->metric_unit = "goroutines";
	finding->weight = finding->metric;
	finding_title(finding, "%s is full (%llu of %llu): %s goroutines queue at %s",
		      semaphore ? "a semaphore" : "a channel", (unsigned long long)chan->len,
		      (unsigned long long)chan->cap, COUNT(chan->senders_waiting),
		      PLACE(finding->site));
	finding_say(findings, finding,
		    "full with senders waiting in %u of %llu snapshots; %llu to %llu waited",
		    object->full, (unsigned long long)snapshots,
		    (unsigned long long)object->least_waiters,
		    (unsigned long long)object->most_waiters);
	if (holders(input, finding, chan->len, &holder))
		finding_say(
			findings, finding,
			"the %llu slots are most likely with those of the same go statement in %s at %s",
			(unsigned long long)chan->len,
			holder->state == G_WAITING ? model_reason(input->model, holder->reason) :
						     model_state_name(holder->state),
			PLACE(holder->stack ? holder->stack->site : NULL));
	finding_why(finding, "len, cap and the queue were read from the channel%s",
		    semaphore ? "; its elements have no size, so it counts slots" : "");
	finding_advise(finding,
		       semaphore ? "see what holds the slots for so long; then more slots, or "
				   "refuse work with select and default" :
				   "see what the receivers wait for; then more of them, or refuse "
				   "work with select and default");
	detect_look(input, finding, "chans");
}

/* Those that are known to have some of it. */
static void say_holders(const struct detect_input *input, struct findings *findings,
			struct finding *finding, const struct model_lock *lock)
{
	const struct model *model = input->model;

	for (size_t i = 0, said = 0; i < lock->party_count && said < HOLDERS_SAID; i++) {
		const struct model_party *party = &model->parties.data[lock->first_party + i];
		const struct model_task *task = &model->tasks.data[party->task];

		if (!model_party_holds(party) || !party->certain)
			continue;
		said++;
		finding_say(findings, finding, "goroutine %llu has some of it (%s), in %s",
			    (unsigned long long)task->goid, model_evidence_name(party->evidence),
			    ACTIVITY(input->model, task));
	}
}

static void check_weighted(const struct detect_input *input, struct findings *findings,
			   const struct model_lock *lock)
{
	const struct series_object *object = series_object(input->series, lock->addr);
	uint64_t snapshots = series_snapshots(input->series);
	const struct model *model = input->model;
	struct finding *finding;

	if (!object || object->full * 10 < snapshots * 9 ||
	    (double)lock->waiters < input->limits->sem_queue)
		return;
	finding = finding_begin(findings, SEVERITY_WARNING, CERTAINTY_CERTAIN);
	detect_object(finding, model_lock_kind_name(lock->kind), lock->addr, lock->symbol);
	for (size_t i = 0; i < model->tasks.len; i++) {
		const struct model_task *task = &model->tasks.data[i];

		if (model_lock_kind(task) != LOCK_WEIGHTED || task->waiting_on != lock->addr)
			continue;
		finding_add_goid(findings, finding, task->goid);
		detect_take_place(finding, task);
	}
	finding->metric = (double)lock->waiters;
	finding->limit = input->limits->sem_queue;
	finding->metric_unit = "goroutines";
	finding->weight = finding->metric;
	finding_title(finding,
		      "a semaphore.Weighted has %lld of %lld taken: %s goroutines queue at %s",
		      (long long)lock->state.taken, (long long)lock->state.size,
		      COUNT(lock->waiters), PLACE(finding->site));
	finding_say(findings, finding, "waited for in %u of %llu snapshots; by %llu to %llu",
		    object->full, (unsigned long long)snapshots,
		    (unsigned long long)object->least_waiters,
		    (unsigned long long)object->most_waiters);
	say_holders(input, findings, finding, lock);
	finding_why(finding, "size, cur and the queue were read from the semaphore");
	finding_advise(finding,
		       "see what holds the weight for so long; then more of it, or TryAcquire");
	detect_look(input, finding, "locks");
}

static int check(const struct detect_input *input, struct findings *findings)
{
	const struct model *model = input->model;

	for (size_t i = 0; i < model->chans.len; i++)
		if (model->chans.data[i].state_known && model->chans.data[i].cap)
			check_chan(input, findings, &model->chans.data[i]);
	for (size_t i = 0; i < model->locks.len; i++)
		if (model->locks.data[i].kind == LOCK_WEIGHTED && model->locks.data[i].state.known)
			check_weighted(input, findings, &model->locks.data[i]);
	return 0;
}

const struct detector detector_sem_saturated = {
	.id = "sem.saturated",
	.looks_for = "semaphores and queues that are full while callers wait",
	.snapshots = 3,
	.least_ns = 1000000000,
	.check = check,
};
