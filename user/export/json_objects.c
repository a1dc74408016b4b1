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

json_t *json_lock_rows(const struct json_source *source)
{
	const struct model *model = source->model;
	json_t *rows = json_array();

	for (size_t i = 0; i < model->locks.len; i++) {
		const struct model_lock *lock = &model->locks.data[i];
		json_t *row = json_pack(
			"{s:o, s:s, s:o, s:I, s:n, s:I, s:I, s:I, s:o, s:n, s:I, s:o}", "addr",
			json_address(lock->addr), "kind", model_lock_kind_name(lock->kind),
			"symbol", symbol(lock->symbol), "waiters", (json_int_t)lock->waiters,
			"holder", "waits", (json_int_t)lock->stats.waits, "wait_ns_total",
			(json_int_t)wait_stats_total_ns(&lock->stats), "wait_ns_max",
			(json_int_t)lock->stats.wait_ns_max, "hist_log2_ns",
			json_histogram(lock->stats.hist), "starving", "contended_releases",
			(json_int_t)lock->releases, "last_release_goid",
			lock->releases ? json_integer((json_int_t)lock->last_release_goid) :
					 json_null());

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

		add_object_sites(row, model, chan->first_site, chan->site_count);
		json_array_append_new(rows, row);
	}
	return rows;
}

json_t *json_locks(const struct json_source *source)
{
	json_t *document = json_document(source, "locks");

	json_object_set_new(document, "locks", json_lock_rows(source));
	return document;
}

json_t *json_chans(const struct json_source *source)
{
	json_t *document = json_document(source, "chans");

	json_object_set_new(document, "channels", json_chan_rows(source));
	return document;
}
