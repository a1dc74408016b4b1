// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cmd/report_trace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "cmd/output.h"
#include "cmd/replayed.h"
#include "collect/replay_events.h"
#include "export/chrome.h"
#include "export/perfetto.h"

/* What a goroutine started in, by its id or by the go statement. */
struct start {
	uint64_t key;
	const char *function;
	UT_hash_handle hh;
};

struct site {
	const char *reason;
	const struct stack *stack; /* NULL: there is no such site */
};

struct report {
	struct replayed replayed;
	struct trace *trace;
	struct start *by_goid, *by_gopc;
	struct site *sites;
	size_t site_count;
};

static bool site_of(void *ctx, uint32_t site, const char **reason, const struct stack **stack)
{
	const struct report *report = ctx;

	if (site >= report->site_count || !report->sites[site].stack)
		return false;
	*reason = report->sites[site].reason;
	*stack = report->sites[site].stack;
	return true;
}

static const char *function_of(void *ctx, uint64_t goid, uint64_t gopc)
{
	const struct report *report = ctx;
	struct start *start;

	HASH_FIND(hh, report->by_gopc, &gopc, sizeof(gopc), start);
	if (!start)
		HASH_FIND(hh, report->by_goid, &goid, sizeof(goid), start);
	return start ? start->function : NULL;
}

static int note_start(struct report *report, struct start **table, uint64_t key, uint64_t startpc)
{
	const char *function = model_function(&report->replayed.model, startpc);
	struct start *start;

	if (!function)
		return 0;
	start = hash_entry(*table, &key);
	if (!start)
		return -ENOMEM;
	if (!start->function)
		start->function = function;
	return 0;
}

static int note_goroutine(void *ctx, uint64_t goid, uint64_t startpc)
{
	struct report *report = ctx;

	return note_start(report, &report->by_goid, goid, startpc);
}

/* The sites of the last batch are all that ever were. */
static int note_sites(struct report *report)
{
	const struct aggregates *aggregates = report->replayed.moment.aggregates;
	struct model *model = &report->replayed.model;

	if (!aggregates || !aggregates->sites.len)
		return 0;
	report->site_count = aggregates->sites.data[aggregates->sites.len - 1].index + 1;
	report->sites = calloc(report->site_count, sizeof(*report->sites));
	if (!report->sites)
		return -ENOMEM;
	for (size_t i = 0; i < aggregates->sites.len; i++) {
		const struct site_row *row = &aggregates->sites.data[i];
		struct site *site = &report->sites[row->index];
		uint64_t pcs[CT_STACK_DEPTH];
		size_t count = 0;

		for (; count < CT_STACK_DEPTH && row->site.pcs[count]; count++)
			pcs[count] = row->site.pcs[count] - 1;
		site->stack = stack_intern(model->stacks, pcs, count);
		site->reason = model_reason(model, row->site.reason);
		if (!site->stack)
			return -ENOMEM;
	}
	return 0;
}

static int note_names(struct report *report, struct err *err)
{
	const struct aggregates *aggregates = report->replayed.moment.aggregates;
	int status = note_sites(report);

	for (size_t i = 0; aggregates && i < aggregates->spawns.len && !status; i++)
		status = note_start(report, &report->by_gopc, aggregates->spawns.data[i].gopc,
				    aggregates->spawns.data[i].spawn.start_pc);
	if (!status)
		status = replay_starts(report->replayed.replay, note_goroutine, report, err);
	return status == -ENOMEM ? output_no_memory(err) : status;
}

static int begin(struct report *report, struct err *err)
{
	size_t count;
	const struct replay_batch *first = replay_batches(report->replayed.replay, &count);
	struct trace_about about = { .target = &report->replayed.facts };
	int status = replay_base_ns(report->replayed.replay, &about.at_ns, err);

	if (status)
		return status;
	about.wall_ns = first->wall_ns - (first->at_ns - about.at_ns);
	return trace_begin(report->trace, &about) ? output_no_memory(err) : 0;
}

static int add_event(void *ctx, const struct ct_event *event)
{
	struct report *report = ctx;

	return trace_event(report->trace, event);
}

static int add_coverage(void *ctx, uint64_t opened_ns, uint64_t closed_ns)
{
	struct report *report = ctx;

	return trace_covered(report->trace, opened_ns, closed_ns);
}

static int add_counters(struct report *report)
{
	int status = 0;

	for (size_t i = 0; i < report->replayed.states.len && !status; i++) {
		const struct replayed_states *states = &report->replayed.states.data[i];
		uint64_t values[TRACE_COUNTERS] = {
			[TRACE_RUNNING] = states->by_state[G_RUNNING] + states->by_state[G_SYSCALL],
			[TRACE_RUNNABLE] = states->by_state[G_RUNNABLE],
			[TRACE_WAITING] = states->by_state[G_WAITING],
		};

		for (size_t state = 0; state < 16; state++)
			values[TRACE_GOROUTINES] += states->by_state[state];
		status = trace_counters(report->trace, states->at_ns, values);
	}
	return status;
}

/* Goroutines that wait at the end, since when that is known. */
static int add_unfinished(struct report *report)
{
	const struct model *model = &report->replayed.model;
	int status = 0;

	for (size_t i = 0; i < model->tasks.len && !status; i++) {
		const struct model_task *task = &model->tasks.data[i];

		if (task->state != G_WAITING || task->system || !task->since_ns ||
		    task->since_ns >= model->at_ns)
			continue;
		status = trace_unfinished(report->trace, task->goid, task->since_ns, model->at_ns,
					  model_reason(model, task->reason), task->stack,
					  task->waiting_on);
	}
	return status;
}

static int write_all(struct report *report, struct err *err)
{
	const struct replay *replay = report->replayed.replay;
	int status = note_names(report, err);

	if (!status)
		status = begin(report, err);
	if (!status)
		status = replay_coverage(replay, add_coverage, report, err);
	if (!status)
		status = add_counters(report);
	if (!status)
		status = replay_events(replay, add_event, report, err);
	if (!status)
		status = add_unfinished(report);
	if (!status)
		status = trace_end(report->trace);
	return status == -ENOMEM ? output_no_memory(err) : status;
}

static int write_as(struct report *report, const struct trace_format *format, void *writer,
		    struct err *err)
{
	const struct trace_names names = { .site = site_of,
					   .function = function_of,
					   .ctx = report };
	int status;

	report->trace = writer ? trace_new(format, writer, &names) : NULL;
	if (!report->trace)
		return output_no_memory(err);
	status = write_all(report, err);
	trace_free(report->trace);
	return status;
}

static int write_format(struct report *report, const struct options *options, FILE *stream,
			struct err *err)
{
	int status;

	if (options->format == FORMAT_PERFETTO) {
		struct perfetto *perfetto = perfetto_new(stream);

		status = write_as(report, &perfetto_format, perfetto, err);
		perfetto_free(perfetto);
	} else {
		struct chrome *chrome = chrome_new(stream);

		status = write_as(report, &chrome_format, chrome, err);
		chrome_free(chrome);
	}
	return status;
}

int report_trace(const struct options *options, struct err *err)
{
	struct report report = { 0 };
	struct output_file file;
	int status = replayed_open(&report.replayed, options->words[0], NULL, NULL, NULL, err),
	    closed;

	if (status)
		return status;
	status = output_file_open(&file, options, err);
	if (!status) {
		status = write_format(&report, options, file.stream, err);
		closed = output_file_close(&file, !status, options, status ? NULL : err);
		if (!status)
			status = closed;
	}
	hash_free(report.by_goid);
	hash_free(report.by_gopc);
	free(report.sites);
	replayed_close(&report.replayed);
	return status;
}
