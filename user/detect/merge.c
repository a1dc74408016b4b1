// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Findings that others explain. Detectors are ranked, causes before effects. A finding is explained by
 * one of an earlier rank that is about the same lock or channel, or that has most of its goroutines:
 * as the incident, or as those that wait because of it. The earliest rank wins, and an explanation
 * that is itself explained passes its own on: all point to the root.
 */
#include <errno.h>
#include <stdlib.h>

#include "detect/finding.h"

static int by_number(const void *a, const void *b, void *ctx)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	(void)ctx;
	return x < y ? -1 : x > y;
}

static size_t unique(uint64_t *goids, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
		if (!kept || goids[kept - 1] != goids[i])
			goids[kept++] = goids[i];
	return kept;
}

static bool has(const uint64_t *goids, size_t count, uint64_t goid)
{
	size_t from = 0, to = count;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (goids[middle] == goid)
			return true;
		if (goids[middle] < goid)
			from = middle + 1;
		else
			to = middle;
	}
	return false;
}

static void tidy(struct finding *finding)
{
	size_t kept = 0;

	vec_sort(&finding->goids, by_number, NULL);
	finding->goids.len = unique(finding->goids.data, finding->goids.len);
	vec_sort(&finding->affected, by_number, NULL);
	finding->affected.len = unique(finding->affected.data, finding->affected.len);
	for (size_t i = 0; i < finding->affected.len; i++)
		if (!has(finding->goids.data, finding->goids.len, finding->affected.data[i]))
			finding->affected.data[kept++] = finding->affected.data[i];
	finding->affected.len = kept;
}

static bool explains(const struct finding *cause, const struct finding *effect)
{
	size_t common = 0;

	/* what is not worth a warning must not hide what is */
	if (cause->rank >= effect->rank ||
	    (cause->severity == SEVERITY_INFO && effect->severity != SEVERITY_INFO))
		return false;
	if (cause->object_addr && cause->object_addr == effect->object_addr)
		return true;
	for (size_t i = 0; i < effect->goids.len; i++)
		common += has(cause->goids.data, cause->goids.len, effect->goids.data[i]) ||
			  has(cause->affected.data, cause->affected.len, effect->goids.data[i]);
	return common && 2 * common >= effect->goids.len;
}

static void find_causes(struct findings *findings)
{
	struct finding *rows = findings->rows.data;

	/* rows are in the order of ranks still, so a cause's own cause is known already */
	for (size_t i = 0; i < findings->rows.len; i++)
		for (size_t j = 0; j < i && rows[i].effect_of == NO_FINDING; j++)
			if (explains(&rows[j], &rows[i]))
				rows[i].effect_of =
					rows[j].effect_of == NO_FINDING ? j : rows[j].effect_of;
}

/* An incident is as bad as the worst of what it brings about. */
static void raise_severity(struct findings *findings)
{
	for (size_t i = 0; i < findings->rows.len; i++) {
		const struct finding *effect = &findings->rows.data[i];
		struct finding *cause;

		if (effect->effect_of == NO_FINDING)
			continue;
		cause = &findings->rows.data[effect->effect_of];
		if (effect->severity > cause->severity)
			cause->severity = effect->severity;
	}
}

static int worst_first(const void *a, const void *b, void *ctx)
{
	const struct findings *findings = ctx;
	size_t i = *(const size_t *)a, j = *(const size_t *)b;
	const struct finding *x = &findings->rows.data[i], *y = &findings->rows.data[j];
	bool effect_x = x->effect_of != NO_FINDING, effect_y = y->effect_of != NO_FINDING;

	if (effect_x != effect_y)
		return effect_x - effect_y;
	if (x->severity != y->severity)
		return (int)y->severity - (int)x->severity;
	if (x->certainty != y->certainty)
		return (int)y->certainty - (int)x->certainty;
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	if (x->weight != y->weight)
		return x->weight < y->weight ? 1 : -1;
	return i < j ? -1 : i > j;
}

static int sort_rows(struct findings *findings)
{
	size_t count = findings->rows.len;
	size_t *order = calloc(count + 1, sizeof(*order)),
	       *place = calloc(count + 1, sizeof(*place));
	struct finding *sorted = calloc(count + 1, sizeof(*sorted));
	int status = order && place && sorted ? 0 : -ENOMEM;

	if (!status) {
		for (size_t i = 0; i < count; i++)
			order[i] = i;
		vec_sort_elements(order, count, sizeof(*order), worst_first, findings);
		for (size_t i = 0; i < count; i++)
			place[order[i]] = i;
		for (size_t i = 0; i < count; i++) {
			struct finding *row = &sorted[place[i]];

			*row = findings->rows.data[i];
			if (row->effect_of != NO_FINDING)
				row->effect_of = place[row->effect_of];
		}
		for (size_t i = 0; i < count; i++)
			findings->rows.data[i] = sorted[i];
	}
	free(order);
	free(place);
	free(sorted);
	return status;
}

int findings_finish(struct findings *findings)
{
	if (findings->no_memory)
		return -ENOMEM;
	for (size_t i = 0; i < findings->rows.len; i++)
		tidy(&findings->rows.data[i]);
	find_causes(findings);
	raise_severity(findings);
	return findings->rows.len ? sort_rows(findings) : 0;
}
