// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>

#include "model/format.h"
#include "view/parts.h"

static const struct table_column columns[] = {
	{ .title = "CHANNEL", .left = true },
	{ .title = "LEN/CAP" },
	{ .title = "SENDERS" },
	{ .title = "RECEIVERS" },
	{ .title = "SENDS", .optional = true },
	{ .title = "RECVS", .optional = true },
	{ .title = "WAITS", .optional = true },
	{ .title = "SEND WAIT" },
	{ .title = "RECV WAIT" },
	{ .title = "HOTTEST SITE", .left = true, .elastic = true },
};

static void add_count(struct table *table, const struct model_chan *chan, uint64_t count)
{
	if (chan->ops_known)
		table_cell(table, "%s", COUNT(count));
	else
		table_cell(table, "-");
}

static void add_row(struct table *table, const struct view *view, const struct model_chan *chan)
{
	const struct model *model = view->model;
	const char *mark = view_estimate_mark(view);
	const struct pclntab_frame *hottest =
		chan->site_count ? model->object_sites.data[chan->first_site].stack->site : NULL;

	if (chan->symbol[0])
		table_cell(table, "%s", chan->symbol);
	else
		table_cell(table, "0x%llx", (unsigned long long)chan->addr);
	if (chan->state_known)
		table_cell(table, "%s/%s%s", COUNT(chan->len), COUNT(chan->cap),
			   chan->closed ? " closed" : "");
	else
		table_cell(table, "?");
	table_cell(table, "%s", COUNT(chan->senders_waiting));
	table_cell(table, "%s", COUNT(chan->receivers_waiting));
	add_count(table, chan, chan->ops.sends + chan->ops.polls_send);
	add_count(table, chan, chan->ops.recvs + chan->ops.polls_recv);
	table_cell(table, "%s%s", mark, COUNT(chan->all.waits));
	table_cell(table, "%s%s", mark, DURATION(wait_stats_total_ns(&chan->send)));
	table_cell(table, "%s%s", mark,
		   DURATION(wait_stats_total_ns(&chan->recv) + chan->select.wait_ns_total));
	table_cell(table, "%s", PLACE(hottest));
}

int view_chans_table(const struct view *view, size_t most)
{
	const struct model *model = view->model;
	struct table *table = table_new(columns, sizeof(columns) / sizeof(columns[0]));
	int status = -ENOMEM;

	if (!table)
		return status;
	for (size_t i = 0; i < model->chans.len && (!most || i < most); i++)
		add_row(table, view, &model->chans.data[i]);
	status = table_print(table, view->out, view->style.width, view->style.color);
	table_free(table);
	if (most && model->chans.len > most)
		fprintf(view->out, "(%zu more channels)\n", model->chans.len - most);
	return status;
}

int view_chans(const struct view *view)
{
	view_header(view);
	if (!view->model->chans.len) {
		fputs("\nno goroutine waited for a channel\n", view->out);
		return 0;
	}
	view_title(view, "channels that goroutines wait for", "the most waited for first");
	return view_chans_table(view, view->style.rows);
}
