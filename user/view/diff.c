// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "view/diff.h"

#include <errno.h>

#include "model/format.h"
#include "view/parts.h"

static const char *const titles[DIFF_KINDS][2] = {
	[DIFF_GOROUTINES] = { "goroutines", "that exist, by stack" },
	[DIFF_WAITS] = { "waits", "by place; what waits for the world outside is left out" },
	[DIFF_LOCKS] = { "locks", "" },
};

static const struct table_column goroutine_columns[] = {
	{ .title = "CHANGE", .left = true },
	{ .title = "BEFORE" },
	{ .title = "AFTER" },
	{ .title = "REASON", .left = true },
	{ .title = "SITE", .left = true, .elastic = true },
};

static const struct table_column wait_columns[] = {
	{ .title = "CHANGE", .left = true },
	{ .title = "WAITING BEFORE" },
	{ .title = "AFTER" },
	{ .title = "MEAN WAIT BEFORE" },
	{ .title = "AFTER" },
	{ .title = "REASON", .left = true },
	{ .title = "SITE", .left = true, .elastic = true },
};

static void count_cell(struct table *table, const struct diff_side *side)
{
	table_cell(table, "%s", side->there ? COUNT(side->count) : "-");
}

static void waiting_cell(struct table *table, const struct diff_side *side)
{
	if (side->there)
		table_cell(table, "%.2f", diff_waiting(side));
	else
		table_cell(table, "-");
}

static void mean_cell(struct table *table, const struct diff_side *side)
{
	table_cell(table, "%s", side->waits ? DURATION(diff_mean_ns(side)) : "-");
}

static void add_row(struct table *table, const struct diff_row *row)
{
	const struct pclntab_frame *site = row->stack ? row->stack->site : NULL;

	table_cell(table, "%s", row->change == DIFF_SAME ? "-" : diff_change_name(row->change));
	if (row->of == DIFF_GOROUTINES) {
		count_cell(table, &row->before);
		count_cell(table, &row->after);
	} else {
		waiting_cell(table, &row->before);
		waiting_cell(table, &row->after);
		mean_cell(table, &row->before);
		mean_cell(table, &row->after);
	}
	table_cell(table, "%s", row->reason);
	if (row->name[0])
		table_cell(table, "%s", row->name);
	else
		table_cell(table, "%s", site ? PLACE(site) : "-");
}

static int print_kind(const struct view *view, const struct diff *diff, enum diff_of of)
{
	bool goroutines = of == DIFF_GOROUTINES;
	struct table *table =
		goroutines ?
			table_new(goroutine_columns,
				  sizeof(goroutine_columns) / sizeof(goroutine_columns[0])) :
			table_new(wait_columns, sizeof(wait_columns) / sizeof(wait_columns[0]));
	size_t shown = 0, same = 0;
	int status = 0;

	if (!table)
		return -ENOMEM;
	for (size_t i = 0; i < diff->rows.len; i++) {
		const struct diff_row *row = &diff->rows.data[i];

		if (row->of != of)
			continue;
		if (row->change == DIFF_SAME && !view->style.verbose) {
			same++;
			continue;
		}
		add_row(table, row);
		shown++;
	}
	view_title(view, titles[of][0], titles[of][1]);
	if (shown)
		status = table_print(table, view->out, view->style.width, view->style.color);
	table_free(table);
	if (same)
		fprintf(view->out, shown ? "(%zu more are as before)\n" : "all %zu are as before\n",
			same);
	else if (!shown)
		fprintf(view->out, "none\n");
	return status;
}

int view_diff(const struct view *before, const struct view *after, const struct diff *diff)
{
	int status = 0;

	fputs("before: ", after->out);
	view_header(before);
	fputs("\nafter:  ", after->out);
	view_header(after);
	for (int of = 0; of < DIFF_KINDS && !status; of++)
		status = print_kind(after, diff, (enum diff_of)of);
	return status;
}
