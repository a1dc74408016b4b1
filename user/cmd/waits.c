// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "base/clock.h"
#include "cmd/command.h"
#include "cmd/live.h"
#include "cmd/output.h"
#include "cmd/waits.h"
#include "export/picture.h"
#include "view/waits.h"

/* Between the two snapshots that tell how long things have been at rest, at least. */
#define BETWEEN_NS (NSEC_PER_SEC / 2)

static int write_text(struct view *view, const struct waits_graph *graph,
		      const struct options *options, struct err *err)
{
	struct picture picture = { 0 };
	struct output_text text;
	int status = output_text_open(&text, err);

	if (status)
		return status;
	view->out = text.stream;
	if (options->format == FORMAT_DOT || options->format == FORMAT_MERMAID)
		status = picture_make(graph, &picture);
	else
		status = view_waits(view, graph);
	if (!status && options->format == FORMAT_DOT)
		picture_write_dot(text.stream, graph, &picture);
	else if (!status && options->format == FORMAT_MERMAID)
		picture_write_mermaid(text.stream, graph, &picture);
	picture_free(&picture);
	if (status) {
		output_text_discard(&text);
		return output_no_memory(err);
	}
	return output_text_write(&text, options, err);
}

static const char *no_proof(const struct observed_leaks *leaks)
{
	if (!leaks || !(leaks->known || *leaks->why_not))
		return "nobody has looked at the heap";
	return leaks->known ? NULL : leaks->why_not;
}

int waits_print(const struct json_source *source, struct view *view,
		const struct observed_leaks *leaks, const struct options *options, struct err *err)
{
	struct waits_graph graph = { 0 };
	int status;

	if (waits_graph_build(source->model, &graph)) {
		waits_graph_free(&graph);
		return output_no_memory(err);
	}
	graph.no_proof = no_proof(leaks);
	if (options->format == FORMAT_JSON)
		status = output_json(json_waits(source, &graph), false, options, err);
	else
		status = write_text(view, &graph, options, err);
	waits_graph_free(&graph);
	return status;
}

/* Through what anybody may use a deadlock is only possible, unless a walk of the heap proves that nobody can. */
static int prove(struct live *live, const struct options *options, struct observed_leaks *leaks,
		 struct err *err)
{
	struct waits_graph graph = { 0 };
	int status = waits_graph_build(&live->model, &graph);
	bool possible = waits_has_possible_cycles(&graph);

	waits_graph_free(&graph);
	if (status)
		return output_no_memory(err);
	if (possible)
		observed_leaks_find(live, options, leaks);
	return 0;
}

static int print(struct live *live, const struct observed_leaks *leaks,
		 const struct options *options, struct err *err)
{
	struct json_source source = live_json(live, options);
	struct view view = live_view(live, options, NULL);

	return waits_print(&source, &view, leaks, options, err);
}

int cmd_waits(const struct options *options, struct err *err)
{
	uint64_t between_ns = options->duration_ns ? options->duration_ns : BETWEEN_NS;
	struct observed_leaks leaks = { 0 };
	struct live live;
	/* without a duration nothing is put into the process */
	int status = live_open(&live, options, options->duration_ns ? ROLES_LOCKS : 0, err);

	if (status)
		return status;
	/* since when locks are held; who is at channels takes the longest, and is asked once */
	live.ahead = AHEAD_OF_LOCKS;
	status = live_update(&live, options, true, err);
	live.ahead = AHEAD_OF_ALL;
	if (!status && !live.gone) {
		live_pause(&live, clock_now_ns() + between_ns);
		live_detach(&live);
		status = live_update(&live, options, true, err);
	}
	if (!status && !live.gone)
		status = prove(&live, options, &leaks, err);
	if (!status)
		status = print(&live, &leaks, options, err);
	if (!status)
		live_say_gone(&live, options);
	observed_leaks_free(&leaks);
	live_close(&live);
	return status;
}
