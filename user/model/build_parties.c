// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Who holds what others wait for, and who could end the waits. A claim of the snapshot counts only when the
 * lock's own word agrees that it is held; when two goroutines seem to hold the same Mutex, neither does.
 */
#include <errno.h>
#include <stdlib.h>

#include "collect/addr_map.h"
#include "model/build.h"

struct parties {
	struct build *build;
	struct addr_map tasks; /* index in model->tasks by g */
};

static const char *const evidence_names[] = {
	[EVIDENCE_ACQUIRED] = "seen acquiring",
	[EVIDENCE_MEMORY] = "found in memory",
	[EVIDENCE_WAITS] = "by what it waits for",
	[EVIDENCE_LOCKED] = "locked it before in the same call",
};

const char *model_evidence_name(unsigned evidence)
{
	return evidence < sizeof(evidence_names) / sizeof(evidence_names[0]) ?
		       evidence_names[evidence] :
		       "unknown";
}

const char *model_role_name(unsigned role)
{
	static const char *const names[] = {
		[PARTY_HOLDS] = "holds",           [PARTY_WRITES] = "writes",
		[PARTY_READS] = "reads",           [PARTY_WRITES_NEXT] = "writes next",
		[PARTY_CALLS_DONE] = "calls Done", [PARTY_SENDS] = "sends",
		[PARTY_RECEIVES] = "receives",     [PARTY_CLOSES] = "closes",
		[PARTY_WAKES] = "wakes",           [PARTY_HOLDS_PART] = "holds part",
	};

	return role < sizeof(names) / sizeof(names[0]) ? names[role] : "?";
}

bool model_party_holds(const struct model_party *party)
{
	return party->role == PARTY_HOLDS || party->role == PARTY_WRITES ||
	       party->role == PARTY_READS || party->role == PARTY_HOLDS_PART;
}

const struct model_party *model_holder(const struct model *model, const struct model_lock *lock)
{
	for (size_t i = 0; i < lock->party_count; i++) {
		const struct model_party *party = &model->parties.data[lock->first_party + i];

		if (model_party_holds(party) && party->certain)
			return party;
	}
	return NULL;
}

/* The first claim about this object; next_ops are in ascending order. */
static size_t first_op(const struct snapshot *snapshot, uint64_t object)
{
	size_t low = 0, high = snapshot->next_ops.len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (snapshot->next_ops.data[middle].object < object)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static const struct pclntab_frame *frame_of(struct parties *parties, const struct next_op *op)
{
	const struct snapshot *snapshot = parties->build->snapshot;
	const struct goroutine *goroutine = &snapshot->goroutines.data[op->goroutine];
	const struct pclntab_frame *frames;

	if (op->frame >= goroutine->pc_count ||
	    !symbols_frames(parties->build->model->symbols,
			    snapshot->pcs.data[goroutine->first_pc + op->frame], &frames))
		return NULL;
	return frames;
}

static struct model_party *push(struct parties *parties, size_t task, enum party_role role,
				enum party_evidence evidence, bool certain)
{
	struct model_party *party = vec_push(&parties->build->model->parties);

	if (party)
		*party = (struct model_party){
			.task = task, .role = role, .evidence = evidence, .certain = certain
		};
	return party;
}

/* Which role an operation ahead stands for, as far as the lock's own word allows it. */
static bool role_on_lock(const struct model_lock *lock, const struct next_op *op,
			 enum party_role *role)
{
	const struct model_lock_state *state = &lock->state;

	switch (op->what) {
	case NEXT_UNLOCK:
	case NEXT_HOLDS:
		*role = PARTY_HOLDS;
		return lock_is_mutex(lock->kind) && op->certain && (!state->known || state->locked);
	case NEXT_WRITE_UNLOCK:
	case NEXT_WRITES:
		*role = PARTY_WRITES;
		return lock->kind == LOCK_RWMUTEX_WRITER && op->certain &&
		       (!state->known || state->locked);
	case NEXT_READ_UNLOCK:
	case NEXT_READS:
		*role = PARTY_READS;
		return lock->kind == LOCK_RWMUTEX_WRITER && op->certain &&
		       (!state->known || state->readers > 0);
	case NEXT_DONE:
		*role = PARTY_CALLS_DONE;
		return lock->kind == LOCK_WAITGROUP;
	case NEXT_RELEASE:
		*role = PARTY_HOLDS_PART;
		return lock->kind == LOCK_WEIGHTED && op->certain &&
		       (!state->known || state->taken > 0);
	case NEXT_WAKE:
		*role = PARTY_WAKES;
		return lock->kind == LOCK_COND;
	default:
		return false;
	}
}

static bool role_on_chan(const struct next_op *op, enum party_role *role)
{
	switch (op->what) {
	case NEXT_SEND:
		*role = PARTY_SENDS;
		return true;
	case NEXT_RECV:
		*role = PARTY_RECEIVES;
		return true;
	case NEXT_CLOSE:
		*role = PARTY_CLOSES;
		return true;
	default:
		return false;
	}
}

static const uint32_t *task_of(const struct parties *parties, uint32_t goroutine)
{
	const struct goroutine *g = &parties->build->snapshot->goroutines.data[goroutine];

	return addr_map_get(&parties->tasks, g->g);
}

/* It rests, and has held the lock at least since it came to rest. */
static void note_age(struct parties *parties, const struct model_lock *lock,
		     struct model_party *party)
{
	const struct model *model = parties->build->model;
	const struct model_task *task = &model->tasks.data[party->task];

	party->since_is_bound = true;
	if (task->state == G_WAITING || task->state == G_SYSCALL)
		party->since_ns = task->since_ns;
	if (!lock_is_mutex(lock->kind) || lock->last_woken_goid != task->goid ||
	    !lock->last_woken_ns ||
	    (lock->last_release_goid == task->goid && lock->last_release_ns > lock->last_woken_ns))
		return;
	party->evidence = EVIDENCE_ACQUIRED;
	party->since_ns = lock->last_woken_ns;
	party->since_is_bound = false;
}

static enum party_evidence evidence_of(const struct next_op *op)
{
	bool locked = op->what == NEXT_HOLDS || op->what == NEXT_WRITES || op->what == NEXT_READS;

	return locked ? EVIDENCE_LOCKED : EVIDENCE_MEMORY;
}

static int add_claims(struct parties *parties, struct model_lock *lock)
{
	const struct snapshot *snapshot = parties->build->snapshot;
	uint64_t object = build_mutex_of(lock);
	size_t at = first_op(snapshot, object);

	for (; at < snapshot->next_ops.len && snapshot->next_ops.data[at].object == object; at++) {
		const struct next_op *op = &snapshot->next_ops.data[at];
		const uint32_t *task = task_of(parties, op->goroutine);
		struct model_party *party;
		enum party_role role;

		if (!task || !role_on_lock(lock, op, &role))
			continue;
		party = push(parties, *task, role, evidence_of(op), op->certain);
		if (!party)
			return -ENOMEM;
		party->frame = frame_of(parties, op);
		if (model_party_holds(party))
			note_age(parties, lock, party);
		lock->party_count++;
	}
	return 0;
}

static size_t count_role(const struct model *model, const struct model_lock *lock,
			 enum party_role role)
{
	size_t count = 0;

	for (size_t i = 0; i < lock->party_count; i++)
		count += model->parties.data[lock->first_party + i].role == role;
	return count;
}

/* One too many: it is not known which of them it is. */
static void drop_contradictions(struct model *model, struct model_lock *lock)
{
	size_t alone = count_role(model, lock, PARTY_HOLDS) + count_role(model, lock, PARTY_WRITES);
	size_t readers = count_role(model, lock, PARTY_READS);
	size_t parts = count_role(model, lock, PARTY_HOLDS_PART);
	bool too_many = alone > 1 || (alone && readers) ||
			(lock->state.known && lock->kind == LOCK_RWMUTEX_WRITER &&
			 readers > (uint64_t)lock->state.readers) ||
			(lock->state.known && parts > (uint64_t)lock->state.taken);

	for (size_t i = 0; too_many && i < lock->party_count; i++) {
		struct model_party *party = &model->parties.data[lock->first_party + i];

		if (model_party_holds(party))
			party->certain = false;
	}
}

/* Who waits for the readers of an RWMutex to leave keeps all that come later waiting. */
static int add_next_writer(struct parties *parties, struct model_lock *lock)
{
	struct model *model = parties->build->model;

	for (size_t i = 0; i < model->tasks.len; i++) {
		const struct model_task *task = &model->tasks.data[i];

		if (task->state != G_WAITING || !task->stack ||
		    task->stack->lock != LOCK_RWMUTEX_WRITER ||
		    model_lock_address(model, task->stack->lock, task->waiting_on) != lock->addr)
			continue;
		if (!push(parties, i, PARTY_WRITES_NEXT, EVIDENCE_WAITS, true))
			return -ENOMEM;
		lock->party_count++;
		return 0;
	}
	return 0;
}

static int add_to_lock(struct parties *parties, struct model_lock *lock)
{
	struct model *model = parties->build->model;
	int status;

	lock->first_party = model->parties.len;
	status = add_claims(parties, lock);
	drop_contradictions(model, lock);
	if (!status && lock->kind == LOCK_RWMUTEX_WRITER && lock->state.writer_pending)
		status = add_next_writer(parties, lock);
	return status;
}

static int add_to_chan(struct parties *parties, struct model_chan *chan)
{
	const struct snapshot *snapshot = parties->build->snapshot;
	size_t at = first_op(snapshot, chan->addr);

	chan->first_party = parties->build->model->parties.len;
	for (; at < snapshot->next_ops.len && snapshot->next_ops.data[at].object == chan->addr;
	     at++) {
		const struct next_op *op = &snapshot->next_ops.data[at];
		const uint32_t *task = task_of(parties, op->goroutine);
		struct model_party *party;
		enum party_role role;

		if (!task || !role_on_chan(op, &role))
			continue;
		party = push(parties, *task, role, EVIDENCE_MEMORY, false);
		if (!party)
			return -ENOMEM;
		party->frame = frame_of(parties, op);
		chan->party_count++;
	}
	return 0;
}

int build_parties(struct build *build)
{
	struct parties parties = { .build = build };
	struct model *model = build->model;
	int status = 0;

	if (!build->snapshot)
		return 0;
	for (size_t i = 0; build->snapshot->next_ops.len && i < model->tasks.len && !status; i++)
		status = addr_map_set(&parties.tasks, model->tasks.data[i].g, i);
	for (size_t i = 0; i < model->locks.len && !status; i++)
		status = add_to_lock(&parties, &model->locks.data[i]);
	for (size_t i = 0; i < model->chans.len && !status; i++)
		status = add_to_chan(&parties, &model->chans.data[i]);
	addr_map_free(&parties.tasks);
	return status;
}
