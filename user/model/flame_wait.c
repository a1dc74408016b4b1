// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The probes keep stacks of CT_STACK_DEPTH pcs and add up ended waits by them; samples and tasks have
 * the whole stacks. What is known of both kinds meets in `seen`, by the shorter of the two.
 */
#include "model/flame_build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/build.h"

/* So many meetings tell a share to a sixth (standard error), or better. */
#define HITS_ENOUGH 30
/* Of windows that leave less out than they see, ended waits are as good as traced. */
#define WEIGHT_MOST 2.0

struct site_of_stack {
	const struct stack *stack;
	const struct model_site *site;
	UT_hash_handle hh;
};

struct waits {
	struct flame_build *build;
	struct flame_table seen; /* by the probes, and how often samples met the same */
	struct site_of_stack *sites, *site_nodes;
	double hit_ns;
	bool events, exact;
};

static bool wants_objects(const struct flame_options *options)
{
	return options->object || options->of == FLAME_LOCK || options->of == FLAME_CHAN;
}

static bool is_object_wanted(const struct flame_options *options, const struct flame_key *key)
{
	if (options->object)
		return key->addr == options->object;
	if (options->of == FLAME_LOCK)
		return key->object == FLAME_A_LOCK;
	if (options->of == FLAME_CHAN)
		return key->object == FLAME_A_CHAN || key->object == FLAME_A_SELECT;
	return true;
}

static int add_seen(struct waits *waits, const struct flame_key *key,
		    const struct wait_stats *stats, bool whole, uint64_t ns)
{
	struct flame_entry *entry;

	if (!is_object_wanted(waits->build->options, key))
		return 0;
	entry = flame_table_get(&waits->seen, key);
	if (!entry)
		return -ENOMEM;
	entry->count += stats->waits;
	entry->whole = whole;
	entry->ns += ns;
	return 0;
}

/* Nearly every wait that began was seen to end. */
static bool is_whole(const struct model_site *site)
{
	return site->stats.waits && site->stats.waits * 10 >= (site->parks - site->aborted) * 9;
}

static int note_sites(struct waits *waits)
{
	const struct model *model = waits->build->model;
	struct site_of_stack *node, *known;

	waits->site_nodes = calloc(model->sites.len + 1, sizeof(*waits->site_nodes));
	if (!waits->site_nodes)
		return -ENOMEM;
	for (size_t i = 0; i < model->sites.len; i++) {
		node = &waits->site_nodes[i];
		node->site = &model->sites.data[i];
		node->stack = node->site->stack;
		HASH_FIND_PTR(waits->sites, &node->stack, known);
		if (!known)
			HASH_ADD_PTR(waits->sites, stack, node);
	}
	return 0;
}

static const struct model_site *site_of(const struct waits *waits, const struct stack *stack)
{
	struct site_of_stack *node;

	HASH_FIND_PTR(waits->sites, &stack, node);
	return node ? node->site : NULL;
}

static int add_sites(struct waits *waits)
{
	const struct model *model = waits->build->model;
	bool sampled = waits->hit_ns > 0;
	int status = 0;

	for (size_t i = 0; i < model->sites.len && !status; i++) {
		const struct model_site *site = &model->sites.data[i];
		struct flame_key key = { .stack = site->stack, .reason = site->reason };
		uint64_t ns = sampled ? site->stats.wait_ns_total :
					wait_stats_total_ns(&site->stats);

		/* those that wait there now and nothing else are tasks */
		if ((site->parks || ns) && (!site->system || waits->build->options->system))
			status = add_seen(waits, &key, &site->stats, is_whole(site), ns);
	}
	return status;
}

static int add_object_sites(struct waits *waits, size_t first, size_t count, uint64_t addr,
			    enum flame_object object)
{
	const struct model *model = waits->build->model;
	int status = 0;

	for (size_t i = first; i < first + count && !status; i++) {
		const struct model_object_site *site = &model->object_sites.data[i];
		const struct model_site *all = site_of(waits, site->stack);
		struct flame_key key = { .stack = site->stack,
					 .reason = all ? all->reason : FLAME_NO_REASON,
					 .addr = addr,
					 .object = object };

		if (site->stats.waits)
			status = add_seen(waits, &key, &site->stats, all && is_whole(all),
					  site->stats.wait_ns_total);
	}
	return status;
}

static int add_objects(struct waits *waits)
{
	const struct model *model = waits->build->model;
	int status = note_sites(waits);

	for (size_t i = 0; i < model->locks.len && !status; i++)
		status = add_object_sites(waits, model->locks.data[i].first_site,
					  model->locks.data[i].site_count,
					  model->locks.data[i].addr, FLAME_A_LOCK);
	for (size_t i = 0; i < model->chans.len && !status; i++)
		status = add_object_sites(waits, model->chans.data[i].first_site,
					  model->chans.data[i].site_count,
					  model->chans.data[i].addr, FLAME_A_CHAN);
	return status;
}

/* The entry of `seen` that a sample or task belongs to; NULL: the probes saw no wait end there. */
static int find_seen(struct waits *waits, const struct flame_key *full, struct flame_entry **entry)
{
	struct flame_key key = *full;

	key.gopc = 0;
	key.stack = stack_prefix(waits->build->model->stacks, full->stack);
	*entry = key.stack ? flame_table_find(&waits->seen, &key) : NULL;
	return key.stack ? 0 : -ENOMEM;
}

static int put(struct waits *waits, const struct flame_key *key, uint64_t count, double ns,
	       bool sampled)
{
	struct flame_entry *entry;

	if (ns < 0.5 && !count)
		return 0;
	entry = flame_put(waits->build, key);
	if (!entry)
		return -ENOMEM;
	entry->count += count;
	entry->ns += (uint64_t)(ns + 0.5);
	if (sampled)
		entry->sampled_ns += (uint64_t)(ns + 0.5);
	return 0;
}

static int count_hits(struct waits *waits)
{
	const struct flame_entry *sample;
	struct flame_entry *seen;
	int status = 0;

	for (sample = waits->build->samples->table.entries; sample && !status;
	     sample = sample->hh.next) {
		status = find_seen(waits, &sample->key, &seen);
		if (!status && seen)
			seen->hits += sample->hits;
	}
	return status;
}

/* The samples say it better than the windows, which see short waits only, and few of those. */
static bool by_samples(const struct waits *waits, const struct flame_entry *seen)
{
	bool traced = seen->whole && waits->build->model->event_weight < WEIGHT_MOST;

	return !seen->ns || (seen->hits >= HITS_ENOUGH && !traced);
}

static int put_samples(struct waits *waits)
{
	const struct flame_entry *sample;
	struct flame_entry *seen;
	int status = 0;

	for (sample = waits->build->samples->table.entries; sample && !status;
	     sample = sample->hh.next) {
		uint64_t count = 0;

		if (!is_object_wanted(waits->build->options, &sample->key))
			continue;
		status = find_seen(waits, &sample->key, &seen);
		if (status)
			break;
		if (waits->exact || (seen && !by_samples(waits, seen))) {
			/* no event tells of these */
			if (waits->build->options->of != FLAME_BLOCK)
				status = put(waits, &sample->key, 0,
					     (double)sample->old_hits * waits->hit_ns, true);
			continue;
		}
		/* what does not end, Go's block profile has not */
		if (!seen && waits->events && waits->build->options->of == FLAME_BLOCK)
			continue;
		if (seen)
			count = (uint64_t)((double)seen->count * (double)sample->hits /
					   (double)seen->hits);
		status =
			put(waits, &sample->key, count, (double)sample->hits * waits->hit_ns, true);
	}
	return status;
}

static int put_seen(struct waits *waits)
{
	const struct flame_entry *seen;
	int status = 0;

	for (seen = waits->seen.entries; seen && !status; seen = seen->hh.next)
		if (waits->exact || !seen->hits || !by_samples(waits, seen))
			status = put(waits, &seen->key, seen->count, (double)seen->ns, false);
	return status;
}

/* How long a task waits so far within the time that is told of; 0: the samples have it. */
static uint64_t ongoing_ns(const struct waits *waits, const struct model_task *task)
{
	const struct model *model = waits->build->model;
	uint64_t since = task->since_ns, now = model->at_ns;

	if (since && since >= now)
		return 0;
	if (!waits->events)
		return since ? now - since : 0;
	if (since && !task->since_is_bound)
		return now - since;
	return waits->hit_ns > 0 ? 0 : waits->build->flame->duration_ns;
}

static int put_tasks(struct waits *waits)
{
	struct flame_build *build = waits->build;
	const struct flame_options *options = build->options;
	int status = 0;

	for (size_t i = 0; i < build->model->tasks.len && !status; i++) {
		const struct model_task *task = &build->model->tasks.data[i];
		struct flame_key key = { .stack = task->stack,
					 .gopc = task->gopc,
					 .reason = task->reason };

		if (task->state != G_WAITING || !task->stack ||
		    (task->system && !options->system) ||
		    (options->goid && task->goid != options->goid))
			continue;
		if (wants_objects(options))
			flame_object_of(build->model, task->wait_kind, task->waiting_on, &key);
		if (key.object == FLAME_A_SELECT && options->object && task->goroutine &&
		    flame_selects(build->model->snapshot, task->goroutine, options->object))
			key.addr = options->object;
		if (is_object_wanted(options, &key))
			status = put(waits, &key, 0, (double)ongoing_ns(waits, task), false);
	}
	return status;
}

int flame_waits(struct flame_build *build)
{
	const struct flame_options *options = build->options;
	struct waits waits = { .build = build };
	int status = 0;

	waits.events = build->model->has_events && (!options->goid || options->only_goid);
	waits.exact = waits.events && !build->model->estimated;
	waits.hit_ns = build->samples ? flame_samples_ns(build->samples) : 0;
	build->flame->is_estimate = !waits.exact;
	if (waits.events)
		status = wants_objects(options) ? add_objects(&waits) : add_sites(&waits);
	if (!status && waits.hit_ns > 0)
		status = count_hits(&waits);
	if (!status)
		status = put_seen(&waits);
	/* Go's block profile knows nothing of waits that go on */
	if (!status && waits.hit_ns > 0 && !(waits.exact && options->of == FLAME_BLOCK))
		status = put_samples(&waits);
	if (!status && options->of != FLAME_BLOCK &&
	    (waits.exact || (!waits.events && waits.hit_ns <= 0)))
		status = put_tasks(&waits);
	HASH_CLEAR(hh, waits.sites);
	free(waits.site_nodes);
	flame_table_free(&waits.seen);
	return status;
}
