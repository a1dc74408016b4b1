// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * map.miss: a sync.Map that is written to more than it is made for.
 *
 * Up to Go 1.23 it has a part for reading without a lock and a dirty one behind a mutex: reading what is
 * not in the first is a miss, many misses make the dirty one the first, and the next new key copies all of
 * it (sync/map.go). From 1.24 on it is a trie whose nodes have a mutex each (internal/sync/hashtriemap.go),
 * which takes writes better, but each allocates.
 */
#include <string.h>

#include "base/clock.h"
#include "detect/detect.h"
#include "model/format.h"

#define TRIE_MINOR 24
#define COPIES_LEAST 100 /* a second, of the whole map */
#define IN_TRIE "internal/sync.(*HashTrieMap["

static const struct model_tally *top_of(const struct model *model, enum ct_tally_kind kind)
{
	for (size_t i = 0; i < model->tallies.len; i++)
		if (model->tallies.data[i].kind == kind && model->tallies.data[i].stack)
			return &model->tallies.data[i];
	return NULL;
}

static bool in_map(const struct stack *stack)
{
	for (size_t i = 0; stack && i < stack->frame_count; i++)
		if (!strncmp(stack->frames[i]->function, IN_TRIE, strlen(IN_TRIE)) ||
		    !strncmp(stack->frames[i]->function, "sync.(*Map).", strlen("sync.(*Map).")))
			return true;
	return false;
}

/* Goroutines that wait for a lock inside of a sync.Map, at any moment. */
static double mean_waiters(const struct detect_input *input)
{
	const struct model *model = input->model;
	double sum = 0;

	for (size_t i = 0; i < model->sites.len; i++)
		if (in_map(model->sites.data[i].stack))
			sum += detect_mean_waiters(input, &model->sites.data[i].stats);
	return sum;
}

static void report(const struct detect_input *input, struct findings *findings, double waiters)
{
	const struct model *model = input->model;
	struct model_tally misses = model_tally_total(model, CT_TALLY_MAP_MISS);
	struct model_tally copies = model_tally_total(model, CT_TALLY_MAP_DIRTY);
	struct model_tally writes = model_tally_total(model, CT_TALLY_MAP_WRITE);
	const struct model_tally *top = top_of(model, CT_TALLY_MAP_WRITE);
	bool trie = model->layout->minor >= TRIE_MINOR;
	struct finding *finding = finding_begin(findings, SEVERITY_WARNING,
						misses.count || copies.count || waiters > 0 ?
							CERTAINTY_LIKELY :
							CERTAINTY_POSSIBLE);

	if (!top)
		top = top_of(model, CT_TALLY_MAP_MISS);
	if (!top)
		top = top_of(model, CT_TALLY_MAP_DIRTY);
	finding->id = "map.miss";
	finding->stack = top ? top->stack : NULL;
	finding->site = finding->stack ? finding->stack->site : NULL;
	finding->weight = writes.per_second + misses.per_second;
	finding->metric = trie ? writes.per_second : misses.per_second;
	finding->limit = trie ? input->limits->map_writes : input->limits->map_misses;
	finding->metric_unit = trie ? "writes/s" : "misses/s";
	if (top)
		detect_object(finding, "sync.Map", top->value, "");
	finding_title(finding, "sync.Map under frequent writes at %s: %s a second",
		      PLACE(finding->site), RATE(writes.per_second));
	finding_say(findings, finding, "%s writes a second%s", RATE(writes.per_second),
		    writes.estimated ? ", at least: while it is looked at, the program is slower" :
				       "");
	if (!trie)
		finding_say(
			findings, finding,
			"%s misses a second go to the part behind the lock; %s times a second the whole "
			"map was copied for a new key",
			RATE(misses.per_second), RATE(copies.per_second));
	if (waiters > 0)
		finding_say(findings, finding, "%.2f goroutines wait for its %s at any moment",
			    waiters, trie ? "nodes' locks" : "lock");
	for (size_t i = 0, shown = 0; i < model->tallies.len && shown < 3; i++) {
		const struct model_tally *row = &model->tallies.data[i];

		if (row->kind != CT_TALLY_MAP_WRITE || !row->stack)
			continue;
		finding_say(findings, finding, "written at %s: %s a second",
			    PLACE(row->stack->site), RATE(row->per_second));
		shown++;
	}
	finding_why(finding, "counted in sync.Map's own functions");
	finding_advise(
		finding, "%s",
		trie ? "each write allocates an entry: keep a pointer to an atomic in the map and "
		       "write to that, or shard a plain map behind mutexes" :
		       "sync.Map is for keys that are written once and read often: shard a plain "
		       "map behind mutexes, keep pointers to atomics in it, or use Go 1.24 or newer");
	detect_look(input, finding, "locks");
}

static int check(const struct detect_input *input, struct findings *findings)
{
	const struct limits *limits = input->limits;
	const struct model *model = input->model;
	double waiters = mean_waiters(input);

	if (model_tally_total(model, CT_TALLY_MAP_MISS).per_second >= limits->map_misses ||
	    model_tally_total(model, CT_TALLY_MAP_DIRTY).per_second >= COPIES_LEAST ||
	    model_tally_total(model, CT_TALLY_MAP_WRITE).per_second >= limits->map_writes ||
	    waiters >= limits->lock_waiting)
		report(input, findings, waiters);
	return 0;
}

const struct detector detector_map = {
	.id = "map.miss",
	.looks_for = "sync.Maps under frequent writes",
	.roles = ROLE_BIT(ROLE_MAP),
	.wants = ROLE_BIT(ROLE_PARK) | ROLE_BIT(ROLE_READY),
	.least_ns = NSEC_PER_SEC,
	.check = check,
};
