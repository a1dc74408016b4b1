// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "detect/open_incidents.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "model/format.h"

static struct open_incident *row_of(struct open_incidents *open, const char *key)
{
	for (size_t i = 0; i < open->rows.len; i++)
		if (!strcmp(open->rows.data[i].key, key))
			return &open->rows.data[i];
	return NULL;
}

static void drop_ended(struct open_incidents *open)
{
	size_t kept = 0;

	for (size_t i = 0; i < open->rows.len; i++) {
		struct open_incident *row = &open->rows.data[i];

		if (row->has_ended)
			continue;
		row->finding = NO_FINDING;
		row->is_new = false;
		open->rows.data[kept++] = *row;
	}
	open->rows.len = kept;
}

static int take(struct open_incidents *open, const struct diagnosis *diagnosis, size_t index)
{
	const struct finding *finding = &diagnosis->findings.rows.data[index];
	uint64_t now_ns = diagnosis->input.model->at_ns;
	struct open_incident *row;
	char key[sizeof(row->key)];

	finding_key(finding, key, sizeof(key));
	row = row_of(open, key);
	if (!row) {
		row = vec_push(&open->rows);
		if (!row)
			return -ENOMEM;
		snprintf(row->key, sizeof(row->key), "%s", key);
		row->id = finding->id;
		row->first_ns = now_ns;
		row->severity = finding->severity;
		row->object_addr = finding->object_addr;
		if (finding->site)
			snprintf(row->place, sizeof(row->place), "%s", PLACE(finding->site));
		row->is_new = true;
	}
	snprintf(row->title, sizeof(row->title), "%s", finding->title);
	row->last_ns = now_ns;
	row->missed = 0;
	row->finding = index;
	return 0;
}

int open_incidents_update(struct open_incidents *open, const struct diagnosis *diagnosis,
			  enum severity least)
{
	const struct findings *findings = &diagnosis->findings;
	int status = 0;

	drop_ended(open);
	for (size_t i = 0; i < findings->rows.len && !status; i++)
		if (findings->rows.data[i].effect_of == NO_FINDING &&
		    findings->rows.data[i].severity >= least)
			status = take(open, diagnosis, i);
	for (size_t i = 0; i < open->rows.len; i++) {
		struct open_incident *row = &open->rows.data[i];

		if (row->finding == NO_FINDING && diagnosis_judged(diagnosis, row->id))
			row->has_ended = ++row->missed >= INCIDENT_LOOKS_TO_END;
	}
	return status;
}

void open_incidents_end(struct open_incidents *open)
{
	drop_ended(open);
	for (size_t i = 0; i < open->rows.len; i++)
		open->rows.data[i].has_ended = true;
}

void open_incidents_free(struct open_incidents *open)
{
	vec_free(&open->rows);
}
