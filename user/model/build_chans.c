// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdlib.h>

#include "collect/addr_map.h"
#include "model/build.h"
#include "model/object_sites.h"

struct chan_build {
	struct build *build;
	struct addr_map by_addr; /* index in model->chans */
	struct object_sites *sites;
};

static int row_of(struct chan_build *chans, uint64_t addr, size_t *row)
{
	struct model *model = chans->build->model;
	const uint32_t *known = addr_map_get(&chans->by_addr, addr);
	struct model_chan *chan;

	if (known) {
		*row = *known;
		return 0;
	}
	chan = vec_push(&model->chans);
	if (!chan)
		return -ENOMEM;
	*row = model->chans.len - 1;
	chan->addr = addr;
	symbols_variable(model->symbols, addr, chan->symbol, sizeof(chan->symbol));
	return addr_map_set(&chans->by_addr, addr, *row);
}

static struct wait_stats *stats_of_op(struct model_chan *chan, uint8_t op)
{
	switch (op) {
	case CT_OP_SEND:
		return &chan->send;
	case CT_OP_RECV:
		return &chan->recv;
	default:
		return &chan->select;
	}
}

static int add_waits(struct chan_build *chans, const struct object_row *object)
{
	struct build *build = chans->build;
	struct stack *stack = build_site_stack(build, object->key.site);
	struct model_object_site *site;
	struct model_chan *chan;
	struct wait_stats stats;
	size_t row;
	int status;

	status = row_of(chans, object->key.addr, &row);
	if (!status)
		status = wait_stats_of_object(build, object, &stats);
	if (status)
		return status;
	chan = &build->model->chans.data[row];
	wait_stats_add(stats_of_op(chan, object->key.op), &stats);
	wait_stats_add(&chan->all, &stats);
	if (!stack)
		return 0;
	site = object_sites_get(chans->sites, row, stack, object->key.op);
	if (!site)
		return -ENOMEM;
	wait_stats_add(&site->stats, &stats);
	return 0;
}

static int add_ops(struct chan_build *chans, const struct chan_ops_row *ops)
{
	size_t row;
	int status = row_of(chans, ops->addr, &row);

	if (status)
		return status;
	chans->build->model->chans.data[row].ops = ops->ops;
	chans->build->model->chans.data[row].ops_known = true;
	return 0;
}

static int add_state(struct chan_build *chans, const struct chan_state *state)
{
	struct model_chan *chan;
	size_t row;
	int status = row_of(chans, state->addr, &row);

	if (status)
		return status;
	chan = &chans->build->model->chans.data[row];
	chan->state_known = state->read_ok;
	chan->len = state->len;
	chan->cap = state->cap;
	chan->elem_size = state->elem_size;
	chan->closed = state->closed;
	chan->senders_waiting = state->senders;
	chan->receivers_waiting = state->receivers;
	return 0;
}

static int add_waiter_at(struct chan_build *chans, const struct model_task *task, uint64_t addr,
			 uint8_t op, struct model_chan **chan)
{
	struct model_object_site *site;
	struct stack *stack;
	size_t row;
	int status = row_of(chans, addr, &row);

	if (status)
		return status;
	*chan = &chans->build->model->chans.data[row];
	if (!task->stack)
		return 0;
	stack = build_probe_stack(chans->build, task->stack);
	site = stack ? object_sites_get(chans->sites, row, stack, op) : NULL;
	if (!site)
		return -ENOMEM;
	site->waiting_now++;
	return 0;
}

/* Which of the cases will fire nobody knows: it waits at each of them. */
static int add_select(struct chan_build *chans, const struct model_task *task)
{
	const struct snapshot *snapshot = chans->build->snapshot;
	const struct goroutine *goroutine = task->goroutine;
	struct model_chan *chan;
	int status = 0;

	for (uint32_t i = 0; goroutine && i < goroutine->case_count && !status; i++) {
		uint64_t addr = snapshot->cases.data[goroutine->first_case + i].chan;

		if (addr)
			status = add_waiter_at(chans, task, addr, CT_OP_SELECT, &chan);
	}
	return status;
}

static int add_waiter(struct chan_build *chans, const struct model_task *task)
{
	bool sends = task->wait_kind == WAIT_CHAN_SEND;
	struct model_chan *chan;
	int status;

	if (task->wait_kind == WAIT_SELECT)
		return add_select(chans, task);
	if (!task->waiting_on || (!sends && task->wait_kind != WAIT_CHAN_RECV))
		return 0;
	status = add_waiter_at(chans, task, task->waiting_on, sends ? CT_OP_SEND : CT_OP_RECV,
			       &chan);
	if (status)
		return status;
	chan->ongoing_ns += build_waited_ns(chans->build, task);
	if (!chan->state_known && sends)
		chan->senders_waiting++;
	else if (!chan->state_known)
		chan->receivers_waiting++;
	return 0;
}

static int add_all(struct chan_build *chans)
{
	const struct aggregates *aggregates = chans->build->aggregates;
	const struct snapshot *snapshot = chans->build->snapshot;
	const struct model *model = chans->build->model;
	int status = 0;

	for (size_t i = 0; aggregates && i < aggregates->objects.len && !status; i++)
		if (aggregates->objects.data[i].key.kind == CT_OBJ_CHAN)
			status = add_waits(chans, &aggregates->objects.data[i]);
	for (size_t i = 0; aggregates && i < aggregates->chan_ops.len && !status; i++)
		status = add_ops(chans, &aggregates->chan_ops.data[i]);
	for (size_t i = 0; snapshot && i < snapshot->chans.len && !status; i++)
		status = add_state(chans, &snapshot->chans.data[i]);
	for (size_t i = 0; i < model->tasks.len && !status; i++)
		if (model->tasks.data[i].state == G_WAITING && !model->tasks.data[i].system)
			status = add_waiter(chans, &model->tasks.data[i]);
	return status;
}

static int lay_out_sites(struct chan_build *chans)
{
	struct model *model = chans->build->model;
	struct object_sites_span *spans = calloc(model->chans.len + 1, sizeof(*spans));
	int status = spans ? object_sites_lay_out(chans->sites, model, spans, model->chans.len) :
			     -ENOMEM;

	for (size_t i = 0; !status && i < model->chans.len; i++) {
		model->chans.data[i].first_site = spans[i].first;
		model->chans.data[i].site_count = spans[i].count;
	}
	free(spans);
	return status;
}

int build_chans(struct build *build)
{
	struct chan_build chans = { .build = build, .sites = object_sites_new() };
	int status = -ENOMEM;

	if (chans.sites)
		status = add_all(&chans);
	if (!status)
		status = lay_out_sites(&chans);
	addr_map_free(&chans.by_addr);
	object_sites_free(chans.sites);
	return status;
}
