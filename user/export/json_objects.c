// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Locks and channels. */
#include "export/json_parts.h"

static void add_object_sites(json_t *row, const struct model *model, size_t first, size_t count)
{
	json_t *sites = json_array();

	for (size_t i = 0; i < count; i++) {
		const struct model_object_site *site = &model->object_sites.data[first + i];

		json_array_append_new(sites,
				      json_pack("{s:o, s:I, s:I, s:I, s:I, s:o}", "frame",
						json_frame(site->stack->site), "waits",
						(json_int_t)site->stats.waits, "waiting_now",
						(json_int_t)site->waiting_now, "wait_ns_total",
						(json_int_t)site->stats.wait_ns_total,
						"wait_ns_max", (json_int_t)site->stats.wait_ns_max,
						"stack", json_stack(site->stack)));
	}
	json_object_set_new(row, "sites", sites);
}

static json_t *symbol(const char *name)
{
	return name[0] ? json_string(name) : json_null();
}

static const char *const name_sources[] = {
	[SYMBOL_VARIABLE] = "variable",
	[SYMBOL_SHARED] = "debug info",
};

void json_add_lock_name(json_t *row, const struct model *model, const struct model_lock *lock)
{
	const struct pclntab_frame *site =
		lock->site_count ? model->object_sites.data[lock->first_site].stack->site : NULL;
	const char *name = lock->symbol, *source = name_sources[lock->symbol_source];
	char function[512];

	if (!name[0] && site) {
		pclntab_display_name(site->function, function, sizeof(function));
		name = function;
		source = "place";
	}
	json_object_set_new(row, "symbol",
			    lock->symbol_source == SYMBOL_VARIABLE ? json_string(lock->symbol) :
								     json_null());
	json_object_set_new(row, "name", symbol(name));
	json_object_set_new(row, "name_source", name[0] ? json_string(source) : json_null());
}

static json_t *age(const struct model *model, uint64_t since_ns)
{
	if (!since_ns || since_ns > model->at_ns)
		return json_null();
	return json_integer((json_int_t)(model->at_ns - since_ns));
}

static json_t *party_row(const struct model *model, const struct model_party *party)
{
	const struct model_task *task = &model->tasks.data[party->task];

	return json_pack("{s:I, s:s, s:s, s:b, s:o, s:b, s:o, s:o}", "goid", (json_int_t)task->goid,
			 "role", model_role_name(party->role), "evidence",
			 model_evidence_name(party->evidence), "certain", party->certain, "held_ns",
			 age(model, party->since_ns), "held_is_lower_bound", party->since_is_bound,
			 "frame", json_frame(party->frame), "stack", json_stack(task->stack));
}

/* The holders of a lock (of an RWMutex several can read), or those who could end the waits. */
static json_t *parties(const struct model *model, size_t first, size_t count, bool holders)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < count; i++) {
		const struct model_party *party = &model->parties.data[first + i];

		if (model_party_holds(party) == holders && (party->certain || !holders))
			json_array_append_new(rows, party_row(model, party));
	}
	return rows;
}

static json_t *lock_state(const struct model_lock *lock)
{
	const struct model_lock_state *state = &lock->state;

	if (!state->known)
		return json_null();
	if (lock->kind == LOCK_WAITGROUP)
		return json_pack("{s:I, s:I}", "counter", (json_int_t)state->counter, "waiters",
				 (json_int_t)state->waiters);
	if (lock->kind == LOCK_WEIGHTED)
		return json_pack("{s:I, s:I, s:I}", "size", (json_int_t)state->size, "taken",
				 (json_int_t)state->taken, "waiters", (json_int_t)lock->waiters);
	if (lock->kind == LOCK_RWMUTEX_WRITER)
		return json_pack("{s:b, s:I, s:b}", "locked", state->locked, "readers",
				 (json_int_t)state->readers, "writer_pending",
				 state->writer_pending);
	return json_pack("{s:b, s:b, s:b, s:I}", "locked", state->locked, "starving",
			 state->starving, "woken", state->woken, "waiters",
			 (json_int_t)state->waiters);
}

/* Of those who waited, until they let go while others waited. */
static json_t *turns(const struct model *model, const struct model_lock *lock)
{
	const struct model_turns *turns = &lock->turns;

	if (!model->turns_counted || !lock_is_mutex(lock->kind))
		return json_null();
	return json_pack("{s:I, s:I, s:I, s:o}", "count", (json_int_t)turns->count, "ns_total",
			 (json_int_t)turns->ns_total, "ns_max", (json_int_t)turns->ns_max,
			 "hist_log2_ns", json_histogram(turns->hist));
}

json_t *json_lock_rows(const struct json_source *source)
{
	const struct model *model = source->model;
	json_t *rows = json_array();

	for (size_t i = 0; i < model->locks.len; i++) {
		const struct model_lock *lock = &model->locks.data[i];
		const struct model_party *holder = model_holder(model, lock);
		json_t *row = json_pack(
			"{s:o, s:s, s:I, s:o, s:I, s:I, s:I, s:o, s:o, s:I, s:o}", "addr",
			json_address(lock->addr), "kind", model_lock_kind_name(lock->kind),
			"waiters", (json_int_t)lock->waiters, "holder",
			holder ? party_row(model, holder) : json_null(), "waits",
			(json_int_t)lock->stats.waits, "wait_ns_total",
			(json_int_t)wait_stats_total_ns(&lock->stats), "wait_ns_max",
			(json_int_t)lock->stats.wait_ns_max, "hist_log2_ns",
			json_histogram(lock->stats.hist), "starving",
			lock->state.known ? json_boolean(lock->state.starving) : json_null(),
			"contended_releases", (json_int_t)lock->releases, "last_release_goid",
			lock->releases ? json_integer((json_int_t)lock->last_release_goid) :
					 json_null());

		json_add_lock_name(row, model, lock);
		json_object_set_new(row, "holds", turns(model, lock));
		json_object_set_new(row, "handoffs",
				    model->turns_counted ?
					    json_integer((json_int_t)lock->turns.handoffs) :
					    json_null());
		json_object_set_new(row, "spins",
				    lock->spins_known ? json_integer((json_int_t)lock->spins) :
							json_null());
		json_object_set_new(row, "spin_cpus",
				    lock->spins_known ? json_real(lock->spin_cpus) : json_null());
		json_object_set_new(row, "state", lock_state(lock));
		json_object_set_new(row, "holders",
				    parties(model, lock->first_party, lock->party_count, true));
		json_object_set_new(row, "counterparts",
				    parties(model, lock->first_party, lock->party_count, false));
		add_object_sites(row, model, lock->first_site, lock->site_count);
		json_array_append_new(rows, row);
	}
	return rows;
}

static json_t *known(uint64_t value, bool is_known)
{
	return is_known ? json_integer((json_int_t)value) : json_null();
}

json_t *json_chan_rows(const struct json_source *source)
{
	const struct model *model = source->model;
	json_t *rows = json_array();

	for (size_t i = 0; i < model->chans.len; i++) {
		const struct model_chan *chan = &model->chans.data[i];
		json_t *row = json_pack(
			"{s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:I}",
			"addr", json_address(chan->addr), "symbol", symbol(chan->symbol), "cap",
			known(chan->cap, chan->state_known), "len",
			known(chan->len, chan->state_known), "closed",
			chan->state_known ? json_boolean(chan->closed) : json_null(),
			"senders_waiting", (json_int_t)chan->senders_waiting, "receivers_waiting",
			(json_int_t)chan->receivers_waiting, "sends",
			known(chan->ops.sends, chan->ops_known), "recvs",
			known(chan->ops.recvs, chan->ops_known), "polls_send",
			known(chan->ops.polls_send, chan->ops_known), "polls_recv",
			known(chan->ops.polls_recv, chan->ops_known), "closes",
			known(chan->ops.closes, chan->ops_known), "waits",
			(json_int_t)chan->all.waits, "send_wait_ns",
			(json_int_t)wait_stats_total_ns(&chan->send), "recv_wait_ns",
			(json_int_t)wait_stats_total_ns(&chan->recv), "select_wait_ns",
			(json_int_t)chan->select.wait_ns_total);

		json_object_set_new(row, "counterparts",
				    parties(model, chan->first_party, chan->party_count, false));
		add_object_sites(row, model, chan->first_site, chan->site_count);
		json_array_append_new(rows, row);
	}
	return rows;
}

/* Pairs of places: who waited at one was let go on from the other. */
static json_t *blockers(const struct model *model)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < model->wakes.len; i++) {
		const struct model_wake *wake = &model->wakes.data[i];

		if (model_wake_is_of_lock(wake))
			json_array_append_new(rows,
					      json_pack("{s:o, s:o, s:I, s:I, s:o}", "waiter",
							json_frame(wake->woken->site), "waker",
							json_frame(wake->waker->site), "waits",
							(json_int_t)wake->count, "wait_ns_total",
							(json_int_t)wake->wait_ns_total,
							"waker_stack", json_stack(wake->waker)));
	}
	return rows;
}

json_t *json_locks(const struct json_source *source)
{
	json_t *document = json_document(source, "locks");

	json_object_set_new(document, "locks", json_lock_rows(source));
	json_object_set_new(document, "blockers", blockers(source->model));
	return document;
}

json_t *json_chans(const struct json_source *source)
{
	json_t *document = json_document(source, "chans");

	json_object_set_new(document, "channels", json_chan_rows(source));
	return document;
}
