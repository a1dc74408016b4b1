// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>

#include "model/format.h"
#include "view/parts.h"
#include "view/waits.h"

#define ROWS_DEFAULT 12

static const struct table_column columns[] = {
	{ .title = "WAITING" },
	{ .title = "REASON", .left = true },
	{ .title = "WAITS/S" },
	{ .title = "WAITED", .optional = true },
	{ .title = "MAX" },
	{ .title = "OLDEST" },
	{ .title = "SITE", .left = true, .elastic = true },
};

static void add_row(struct table *table, const struct view *view, const struct model_site *site)
{
	const struct model *model = view->model;
	const char *mark = view_estimate_mark(view);

	table_cell(table, "%s", COUNT(site->waiting_now));
	table_cell(table, "%s", model_reason(model, site->reason));
	if (model->interval_counted_ns)
		table_cell(
			table, "%s%s", mark,
			RATE((double)site->delta_parks * 1e9 / (double)model->interval_counted_ns));
	else
		table_cell(table, "-");
	table_cell(table, "%s%s", mark, DURATION(wait_stats_total_ns(&site->stats)));
	table_cell(table, "%s", site->stats.waits ? DURATION(site->stats.wait_ns_max) : "-");
	if (site->oldest_ns)
		table_cell(table, "%s%s", site->oldest_is_bound ? ">" : "",
			   DURATION(site->oldest_ns));
	else
		table_cell(table, "%s", site->waiting_now ? "?" : "-");
	table_cell(table, "%s%s", PLACE(site->stack->site), site->stack->site_is_guess ? " ?" : "");
}

static int tasks_table(const struct view *view, size_t most)
{
	const struct model *model = view->model;
	struct table *table = table_new(columns, sizeof(columns) / sizeof(columns[0]));
	size_t shown = 0, more = 0;
	int status = -ENOMEM;

	if (!table)
		return status;
	for (size_t i = 0; i < model->sites.len; i++) {
		const struct model_site *site = &model->sites.data[i];

		if ((site->system && !view->style.system) ||
		    (!site->waiting_now && !site->stats.waits && !site->parks))
			continue;
		if (shown == most) {
			more++;
			continue;
		}
		add_row(table, view, site);
		shown++;
	}
	status = table_print(table, view->out, view->style.width, view->style.color);
	table_free(table);
	if (more)
		fprintf(view->out, "(%zu more places)\n", more);
	return status;
}

int view_top(const struct view *view)
{
	const struct model *model = view->model;
	size_t rows = view->style.rows ? view->style.rows : ROWS_DEFAULT;
	int status;

	view_header(view);
	status = view_worst_root(view);
	if (status)
		return status;
	view_title(view, "tasks", "where goroutines wait, what hurts most first");
	status = tasks_table(view, rows);
	if (!status && model->locks.len) {
		view_title(view, "locks", "");
		status = view_locks_table(view, rows / 2 ? rows / 2 : 1);
	}
	if (!status && model->chans.len) {
		view_title(view, "channels", "");
		status = view_chans_table(view, rows / 2 ? rows / 2 : 1);
	}
	return status;
}
