// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collect/estimate.h"
#include "model/build.h"
#include "model/history.h"

void wait_stats_add(struct wait_stats *to, const struct wait_stats *more)
{
	to->waits += more->waits;
	to->wait_ns_total += more->wait_ns_total;
	if (more->wait_ns_max > to->wait_ns_max)
		to->wait_ns_max = more->wait_ns_max;
	for (int i = 0; i < CT_HIST_SLOTS; i++)
		to->hist[i] += more->hist[i];
	to->delta_waits += more->delta_waits;
	to->delta_ns += more->delta_ns;
	to->is_lower_bound = to->is_lower_bound || more->is_lower_bound;
}

/* Estimates may fall when the windows have told more. */
static uint64_t growth(uint64_t now, uint64_t before)
{
	return now > before ? now - before : 0;
}

static int add_delta(struct model *model, const struct history_key *key, struct wait_stats *stats)
{
	uint64_t waits, ns;

	if (history_exchange(model->history, key, stats->waits, stats->wait_ns_total, &waits, &ns))
		return -ENOMEM;
	stats->delta_waits = growth(stats->waits, waits);
	stats->delta_ns = growth(stats->wait_ns_total, ns);
	return 0;
}

/* What the kernel added up, made good for what the windows cannot have seen. */
static struct wait_stats estimate(const struct build *build, const uint64_t *hist,
				  uint64_t wait_ns_total, uint64_t wait_ns_max)
{
	struct wait_stats stats = { .wait_ns_max = wait_ns_max };
	struct estimate_waits waits;

	estimate_waits(build->governor, hist, wait_ns_total, &waits);
	stats.waits = waits.waits;
	stats.wait_ns_total = waits.wait_ns_total;
	stats.is_lower_bound = waits.is_lower_bound;
	memcpy(stats.hist, waits.hist, sizeof(stats.hist));
	return stats;
}

int wait_stats_of_object(struct build *build, const struct object_row *row,
			 struct wait_stats *stats)
{
	const struct history_key key = { .addr = row->key.addr,
					 .site = row->key.site,
					 .kind = row->key.kind << 8 | row->key.op };

	*stats = estimate(build, row->object.hist, row->object.wait_ns_total,
			  row->object.wait_ns_max);
	return add_delta(build->model, &key, stats);
}

struct stack *build_site_stack(const struct build *build, uint32_t site)
{
	return site < build->site_limit ? build->site_stacks[site] : NULL;
}

struct stack *build_probe_stack(const struct build *build, const struct stack *stack)
{
	return stack_prefix(build->model->stacks, stack);
}

/* runtime.sigpanic was not called: it "returns" to the instruction that failed. */
static bool is_sigpanic(struct model *model, uint64_t pc)
{
	const struct pclntab_frame *frames;
	size_t count = symbols_frames(model->symbols, pc, &frames);

	return count && !strcmp(frames[count - 1].function, "runtime.sigpanic");
}

/* The kernel keeps return addresses; what called is one byte before. */
static struct stack *stack_of_site(struct model *model, const struct ct_site *site)
{
	uint64_t pcs[CT_STACK_DEPTH];
	size_t count = 0;

	while (count < CT_STACK_DEPTH && site->pcs[count]) {
		bool failed = site->reason == CT_TALLY_REASON && count &&
			      is_sigpanic(model, pcs[count - 1]);

		pcs[count] = site->pcs[count] - !failed;
		count++;
	}
	return stack_intern(model->stacks, pcs, count);
}

static bool is_runtime_only(const struct stack *stack)
{
	for (size_t i = 0; i < stack->frame_count; i++)
		if (strncmp(stack->frames[i]->function, "runtime.", strlen("runtime.")))
			return false;
	return true;
}

#define HISTORY_OF_PARKS 1 /* history_key.kind */

static int add_parks(struct model *model, const struct site_row *row, struct model_site *site)
{
	const struct history_key key = { .site = row->index, .kind = HISTORY_OF_PARKS };
	uint64_t parks, aborted;

	site->parks = row->site.parks;
	site->aborted = row->site.aborted;
	if (history_exchange(model->history, &key, site->parks, site->aborted, &parks, &aborted))
		return -ENOMEM;
	site->delta_parks = growth(site->parks, parks);
	return 0;
}

static int add_site(struct build *build, const struct site_row *row)
{
	struct model *model = build->model;
	const struct history_key key = { .site = row->index };
	struct stack *stack = stack_of_site(model, &row->site);
	struct model_site *site;

	if (!stack)
		return -ENOMEM;
	build->site_stacks[row->index] = stack;
	if (row->site.reason >= CT_WAKER_REASON)
		return 0;
	site = vec_push(&model->sites);
	if (!site)
		return -ENOMEM;
	build->site_rows[row->index] = model->sites.len - 1;
	site->stack = stack;
	site->reason = row->site.reason;
	site->system = is_runtime_only(stack);
	site->stats =
		estimate(build, row->site.hist, row->site.wait_ns_total, row->site.wait_ns_max);
	if (add_parks(model, row, site))
		return -ENOMEM;
	return add_delta(model, &key, &site->stats);
}

int build_sites(struct build *build)
{
	const struct aggregates *aggregates = build->aggregates;
	size_t limit = 1;

	for (size_t i = 0; aggregates && i < aggregates->sites.len; i++)
		if (aggregates->sites.data[i].index >= limit)
			limit = aggregates->sites.data[i].index + 1;
	build->site_limit = limit;
	build->site_stacks = calloc(limit, sizeof(struct stack *));
	build->site_rows = calloc(limit, sizeof(uint32_t));
	if (!build->site_stacks || !build->site_rows)
		return -ENOMEM;
	memset(build->site_rows, 0xff, limit * sizeof(uint32_t));
	for (size_t i = 0; aggregates && i < aggregates->sites.len; i++) {
		int status = add_site(build, &aggregates->sites.data[i]);

		if (status)
			return status;
	}
	return 0;
}
