// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cmd/observed_leaks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cmd/output.h"
#include "cmd/progress.h"

/* Of our own memory, and of the process's: a report must not take long, or push others out. */
#define MEMORY_MAX (1ULL << 30)
#define RSS_MAX (4ULL << 30)
#define PAUSE_NS (NSEC_PER_SEC / 4)

/* Of a scan and a model that are there. */
static int judge(struct observed_leaks *leaks, uint64_t wall_ns)
{
	const struct snapshot *snapshot = &leaks->scan.snapshot;

	leaks->capture = (struct capture){ .wall_ns = wall_ns,
					   .snapshot = true,
					   .duration_ns = leaks->scan.took_ns,
					   .snapshot_ns = snapshot->took_ns,
					   .torn = snapshot->torn };
	if (model_update(&leaks->model, NULL, NULL, snapshot) ||
	    leaks_build(&leaks->model, &leaks->scan, &leaks->leaks))
		return -ENOMEM;
	leaks->known = true;
	return 0;
}

int observed_leaks_look(struct live *live, const struct leak_scan_options *how,
			struct observed_leaks *leaks, struct err *err)
{
	struct leak_scan_options options = *how;
	int status;

	if (!options.max_memory)
		options.max_memory = leak_scan_fair_memory();
	if (!options.pause_ns)
		options.pause_ns = PAUSE_NS;
	status = leak_scan_run(&live->target, &options, &leaks->scan, err);
	leaks->capture.wall_ns = clock_wall_ns(clock_now_ns());
	if (!status)
		status = live_model(live, &leaks->model, err);
	if (status)
		return status;
	return judge(leaks, leaks->capture.wall_ns) ? output_no_memory(err) : 0;
}

void observed_leaks_find(struct live *live, const struct options *options,
			 struct observed_leaks *leaks)
{
	bool progress = progress_wanted(options);
	struct leak_scan_options how = { .max_memory = options->max_memory,
					 .progress = progress ? progress_show_phase : NULL };
	struct resources resources;
	struct err why = { 0 };

	if (!how.max_memory) {
		uint64_t fair = leak_scan_fair_memory();

		how.max_memory = fair < MEMORY_MAX ? fair : MEMORY_MAX;
	}
	resources_read(live->target.pid, &resources);
	if (resources.rss > RSS_MAX)
		snprintf(
			leaks->why_not, sizeof(leaks->why_not),
			"the process is too large to walk its heap in passing: use conctrace leaks");
	else if (observed_leaks_look(live, &how, leaks, &why))
		snprintf(leaks->why_not, sizeof(leaks->why_not), "%.190s", why.why);
	else if (leaks_mark(&leaks->leaks, &leaks->model, &live->model))
		snprintf(leaks->why_not, sizeof(leaks->why_not), "no memory is left");
	if (progress)
		progress_end();
}

void observed_leaks_free(struct observed_leaks *leaks)
{
	leaks_free(&leaks->leaks);
	leak_scan_free(&leaks->scan);
	if (leaks->model.symbols)
		model_free(&leaks->model);
	memset(leaks, 0, sizeof(*leaks));
}

void observed_leaks_row(const struct observed_leaks *leaks, struct record_look *look)
{
	*look = (struct record_look){ .wall_ns = leaks->capture.wall_ns,
				      .scan = leaks->scan,
				      .system = leaks->model.system_count };
	memcpy(look->by_state, leaks->model.by_state, sizeof(look->by_state));
	snprintf(look->why_not, sizeof(look->why_not), "%s", leaks->why_not);
}

int observed_leaks_take(struct observed_leaks *leaks, struct record_look *look)
{
	leaks->scan = look->scan;
	memset(&look->scan, 0, sizeof(look->scan));
	snprintf(leaks->why_not, sizeof(leaks->why_not), "%s", look->why_not);
	if (*leaks->why_not)
		return 0;
	if (judge(leaks, look->wall_ns))
		return -ENOMEM;
	/* the snapshot has only those that were found */
	memcpy(leaks->model.by_state, look->by_state, sizeof(look->by_state));
	leaks->model.system_count = look->system;
	return 0;
}

static int place_in_cycles(const struct observed_leaks *observed, struct record_leak *rows)
{
	const struct leaks *leaks = &observed->leaks;
	uint32_t *found = calloc(observed->model.tasks.len + 1, sizeof(*found));

	if (!found)
		return -ENOMEM;
	for (size_t i = 0; i < leaks->rows.len; i++)
		found[leaks->rows.data[i].task] = leaks->rows.data[i].found;
	for (size_t i = 0; i < leaks->cycles.len; i++)
		for (size_t j = 0; j < leaks->cycles.data[i].count; j++) {
			size_t task = leaks->cycle_tasks.data[leaks->cycles.data[i].first + j];

			rows[found[task]].cycle = i + 1;
			rows[found[task]].place = j;
		}
	free(found);
	return 0;
}

struct record_leak *observed_leaks_rows(const struct observed_leaks *leaks)
{
	struct record_leak *rows = calloc(leaks->scan.found.len + 1, sizeof(*rows));

	for (size_t i = 0; rows && i < leaks->leaks.rows.len; i++) {
		const struct leak_row *from = &leaks->leaks.rows.data[i];
		struct record_leak *row = &rows[from->found];

		row->doubt = from->doubt;
		snprintf(row->verdict, sizeof(row->verdict), "%s",
			 from->doubt == LEAK_NO_DOUBT ? "leaked" : "suspect");
		leaks_proof(&leaks->model, &leaks->leaks, from, row->proof, sizeof(row->proof));
		leaks_doubt((enum leak_doubt)from->doubt, row->why_not, sizeof(row->why_not));
	}
	if (rows && place_in_cycles(leaks, rows)) {
		free(rows);
		return NULL;
	}
	return rows;
}
