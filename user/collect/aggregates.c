// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "collect/aggregates.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define ENTRY_FN(function, vector, key_field, value_field)                                         \
	static int function(void *ctx, const void *key, const void *value)                         \
	{                                                                                          \
		struct aggregates *out = ctx;                                                      \
		__typeof__(out->vector.data) row = vec_push(&out->vector);                         \
                                                                                                   \
		if (!row)                                                                          \
			return -ENOMEM;                                                            \
		memcpy(&row->key_field, key, sizeof(row->key_field));                              \
		memcpy(&row->value_field, value, sizeof(row->value_field));                        \
		return 0;                                                                          \
	}

static int add_task(void *ctx, const void *key, const void *value)
{
	struct aggregates *out = ctx;
	struct task_row *row;
	struct ct_task task;

	memcpy(&task, value, sizeof(task));
	if (task.state == CT_TASK_DEAD)
		return 0;
	row = vec_push(&out->tasks);
	if (!row)
		return -ENOMEM;
	memcpy(&row->g, key, sizeof(row->g));
	row->task = task;
	return 0;
}

ENTRY_FN(add_object, objects, key, object)
ENTRY_FN(add_chan_ops, chan_ops, addr, ops)
ENTRY_FN(add_release, releases, key, release)
ENTRY_FN(add_spawn, spawns, gopc, spawn)
ENTRY_FN(add_wake, wakes, key, wake)
ENTRY_FN(add_tally, tallies, key, tally)
ENTRY_FN(add_panic, panics, key, panic)
ENTRY_FN(add_cancel, cancels, context, cancel)
ENTRY_FN(add_turn, turns, addr, turn)

static void add_hist(uint64_t *to, const uint64_t *more)
{
	for (int i = 0; i < CT_HIST_SLOTS; i++)
		to[i] += more[i];
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* The row of a stripe other than 0 is added to that of stripe 0. */
static int add_stripe(int fd, uint32_t row, struct ct_site *to)
{
	struct ct_site more;

	if (bpf_map_lookup_elem(fd, &row, &more))
		return -errno;
	to->parks += more.parks;
	to->waits += more.waits;
	to->aborted += more.aborted;
	to->wait_ns_total += more.wait_ns_total;
	to->wait_ns_max = larger(to->wait_ns_max, more.wait_ns_max);
	add_hist(to->hist, more.hist);
	return 0;
}

/* Site 0's park count is how many indices were handed out. */
static int read_sites(const struct probe_maps *maps, struct aggregates *out)
{
	uint32_t index = 0;
	struct ct_site site;
	uint64_t handed_out;
	int status = 0;

	if (bpf_map_lookup_elem(maps->sites, &index, &site))
		return -errno;
	handed_out = site.parks;
	for (index = 1; index <= handed_out && index < maps->max_sites && !status; index++) {
		struct site_row *row;

		if (bpf_map_lookup_elem(maps->sites, &index, &site))
			return -errno;
		if (!site.ready)
			continue;
		for (uint32_t stripe = 1; stripe < maps->stripes && !status; stripe++)
			status = add_stripe(maps->sites, index + stripe * maps->max_sites, &site);
		row = vec_push(&out->sites);
		if (!row)
			return -ENOMEM;
		*row = (struct site_row){ .index = index, .site = site };
	}
	return status;
}

static int by_key(const void *a, const void *b, void *ctx)
{
	const struct object_row *x = a, *y = b;

	(void)ctx;
	return memcmp(&x->key, &y->key, sizeof(x->key));
}

static void add_object_counts(struct ct_object *to, const struct ct_object *more)
{
	to->waits += more->waits;
	to->wait_ns_total += more->wait_ns_total;
	to->wait_ns_max = larger(to->wait_ns_max, more->wait_ns_max);
	add_hist(to->hist, more->hist);
	if (more->last_ns < to->last_ns)
		return;
	to->last_ns = more->last_ns;
	to->last_waker_goid = more->last_waker_goid;
	to->last_woken_goid = more->last_woken_goid;
}

/* One row for all stripes of an object. */
static void merge_objects(struct aggregates *out)
{
	struct object_row *rows = out->objects.data;
	size_t kept = 0;

	for (size_t i = 0; i < out->objects.len; i++)
		rows[i].key.stripe = 0;
	vec_sort(&out->objects, by_key, NULL);
	for (size_t i = 0; i < out->objects.len; i++) {
		if (kept && !memcmp(&rows[kept - 1].key, &rows[i].key, sizeof(rows[i].key)))
			add_object_counts(&rows[kept - 1].object, &rows[i].object);
		else
			rows[kept++] = rows[i];
	}
	out->objects.len = kept;
}

static int read_counters(int fd, struct aggregates *out)
{
	int cpus = libbpf_num_possible_cpus();
	struct ct_counters *values;
	const uint32_t only = 0;
	int status = 0;

	if (cpus < 0)
		return cpus;
	values = calloc(cpus, sizeof(*values));
	if (!values)
		return -ENOMEM;
	memset(out->counters, 0, sizeof(out->counters));
	if (bpf_map_lookup_elem(fd, &only, values))
		status = -errno;
	for (int cpu = 0; cpu < cpus; cpu++)
		for (int i = 0; i < CT_N_COUNTERS; i++)
			out->counters[i] += values[cpu].n[i];
	free(values);
	return status;
}

#define HASH(map, key_type, value_type, function)                                                  \
	{                                                                                          \
		maps->map, sizeof(key_type), sizeof(value_type), function                          \
	}

static int read_hashes(const struct probe_maps *maps, struct aggregates *out)
{
	const struct {
		int fd;
		size_t key_size, value_size;
		hash_entry_fn entry;
	} hashes[AGGREGATES_HASHES] = {
		HASH(tasks, uint64_t, struct ct_task, add_task),
		HASH(objects, struct ct_object_key, struct ct_object, add_object),
		HASH(chan_ops, uint64_t, struct ct_chan_ops, add_chan_ops),
		HASH(releases, struct ct_object_key, struct ct_release, add_release),
		HASH(spawns, uint64_t, struct ct_spawn, add_spawn),
		HASH(wakes, struct ct_wake_key, struct ct_wake, add_wake),
		HASH(tallies, struct ct_tally_key, struct ct_tally, add_tally),
		HASH(panics, struct ct_panic_key, struct ct_panic, add_panic),
		HASH(cancels, uint64_t, struct ct_cancel, add_cancel),
		HASH(turns, uint64_t, struct ct_turn, add_turn),
	};
	uint64_t created = *maps->created;
	int status = 0;

	for (int i = 0; i < AGGREGATES_HASHES && !status; i++)
		status = hash_entries_read(hashes[i].fd, hashes[i].key_size, hashes[i].value_size,
					   created, &out->keys[i], hashes[i].entry, out);
	return status;
}

int aggregates_read(const struct probe_maps *maps, struct aggregates *out, struct err *err)
{
	int status;

	out->at_ns = clock_now_ns();
	out->tasks.len = out->sites.len = out->objects.len = out->chan_ops.len = 0;
	out->releases.len = out->spawns.len = out->wakes.len = 0;
	out->tallies.len = out->panics.len = out->cancels.len = out->turns.len = 0;
	status = read_counters(maps->counters, out);
	if (!status)
		status = read_hashes(maps, out);
	merge_objects(out);
	/* last, so that every site that a row above names is there */
	if (!status)
		status = read_sites(maps, out);
	if (status)
		return err_set(err, -status, "reading the probes' maps", "try again, and report it",
			       "%s", strerror(-status));
	return 0;
}

void aggregates_free(struct aggregates *aggregates)
{
	vec_free(&aggregates->tasks);
	vec_free(&aggregates->sites);
	vec_free(&aggregates->objects);
	vec_free(&aggregates->chan_ops);
	vec_free(&aggregates->releases);
	vec_free(&aggregates->spawns);
	vec_free(&aggregates->wakes);
	vec_free(&aggregates->tallies);
	vec_free(&aggregates->panics);
	vec_free(&aggregates->cancels);
	vec_free(&aggregates->turns);
	for (int i = 0; i < AGGREGATES_HASHES; i++)
		hash_keys_free(&aggregates->keys[i]);
}
