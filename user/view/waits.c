// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "view/waits.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "view/parts.h"
#include "view/waiting_on.h"

#define ROOTS_SHOWN 10
#define GROUPS_SHOWN 6
#define CHAIN_SHOWN 12
#define HELD_SHOWN 3 /* of one goroutine */
#define NAME_MAX_LEN 256
#define OBJECT(graph, object) format_object((char[NAME_MAX_LEN]){ 0 }, NAME_MAX_LEN, graph, object)

const char *format_object(char *to, size_t size, const struct waits_graph *graph,
			  const struct waits_object *object)
{
	const char *symbol = object->lock ? object->lock->symbol : object->chan->symbol;
	const struct model *model = graph->model;
	const struct pclntab_frame *frame = NULL;
	char function[512] = "";

	if (object->lock && object->lock->symbol_source == SYMBOL_SHARED) {
		snprintf(to, size, "%s 0x%" PRIx64, symbol, object->addr);
		return to;
	}
	if (symbol[0]) {
		snprintf(to, size, "%s", symbol);
		return to;
	}
	if (object->lock && object->lock->site_count)
		frame = model->object_sites.data[object->lock->first_site].stack->site;
	if (frame)
		pclntab_display_name(frame->function, function, sizeof(function));
	snprintf(to, size, "%s 0x%" PRIx64 "%s%s%s", object->kind, object->addr,
		 function[0] ? " (" : "", function, function[0] ? ")" : "");
	return to;
}

static const char *plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

/* With separators, for these are read by people: "2,999". */
static const char *grouped(char *to, size_t size, uint64_t count)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, count);
	size_t used = 0;

	for (int i = 0; i < len && used + 2 < size; i++) {
		to[used++] = digits[i];
		if ((len - i - 1) % 3 == 0 && i + 1 < len)
			to[used++] = ',';
	}
	to[used] = '\0';
	return to;
}

#define GROUPED(count) grouped((char[32]){ 0 }, 32, count)

const char *view_role_verb(unsigned role)
{
	static const char *const verbs[] = {
		[PARTY_HOLDS] = "holds",
		[PARTY_WRITES] = "holds for writing",
		[PARTY_READS] = "holds for reading",
		[PARTY_WRITES_NEXT] = "waits to write to",
		[PARTY_CALLS_DONE] = "owes a Done to",
		[PARTY_SENDS] = "would send to",
		[PARTY_RECEIVES] = "would receive from",
		[PARTY_CLOSES] = "would close",
		[PARTY_WAKES] = "would wake",
		[PARTY_HOLDS_PART] = "holds part of",
	};

	return role < sizeof(verbs) / sizeof(verbs[0]) ? verbs[role] : "has to do with";
}

static void print_held(const struct view *view, const struct waits_graph *graph, size_t task,
		       bool *first)
{
	size_t shown = 0, more = 0;

	for (size_t i = 0; i < graph->objects.len; i++) {
		const struct waits_object *object = &graph->objects.data[i];

		for (size_t j = 0; waits_leads_on(object) && j < object->to_count; j++) {
			const struct waits_to *to = &graph->to.data[object->first_to + j];
			uint64_t now = graph->model->at_ns;

			if (to->task != task)
				continue;
			if (++shown > HELD_SHOWN) {
				more++;
				continue;
			}
			fprintf(view->out, "%s%s%s %s", *first ? " " : " and ",
				to->certain || to->role != PARTY_CALLS_DONE ? "" :
									      "may call Done: ",
				view_role_verb(to->role), OBJECT(graph, object));
			*first = false;
			if (!to->party || !model_party_holds(to->party))
				continue;
			if (to->party->since_ns && to->party->since_ns < now)
				fprintf(view->out, " since %s%s",
					to->party->since_is_bound ? "at least " : "",
					DURATION(now - to->party->since_ns));
			fprintf(view->out, " (%s)", model_evidence_name(to->party->evidence));
		}
	}
	if (more)
		fprintf(view->out, " and so on for %zu more", more);
}

static void print_state(const struct view *view, const struct model_task *task)
{
	const struct model *model = view->model;
	char on[NAME_MAX_LEN];

	if (task->state != G_WAITING) {
		fprintf(view->out, "is %s", model_state_name(task->state));
	} else {
		format_waiting_on(on, sizeof(on), model, task);
		fprintf(view->out, "waits in %s%s%s", model_reason(model, task->reason),
			on[0] ? " for " : "", on);
	}
	fprintf(view->out, " at %s", PLACE(task->stack ? task->stack->site : NULL));
	if (task->state == G_WAITING && task->since_ns && task->since_ns < model->at_ns)
		fprintf(view->out, " for %s%s", task->since_is_bound ? "at least " : "",
			DURATION(model->at_ns - task->since_ns));
}

static void print_task(const struct view *view, const struct waits_graph *graph, size_t index,
		       const char *before)
{
	const struct model_task *task = &view->model->tasks.data[index];
	bool first = true;

	fprintf(view->out, "%sgoroutine %" PRIu64, before, task->goid);
	print_held(view, graph, index, &first);
	fputs(first ? " " : ", ", view->out);
	print_state(view, task);
	fputc('\n', view->out);
}

/* Goroutines behind a root that wait for the same object at the same place. */
struct group {
	const struct waits_object *object;
	const struct pclntab_frame *site;
	uint64_t count, goid;
};

static int by_count(const void *a, const void *b, void *ctx)
{
	const struct group *x = a, *y = b;

	(void)ctx;
	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return x->goid < y->goid ? -1 : x->goid > y->goid;
}

static int print_behind(const struct view *view, const struct waits_graph *graph,
			const struct waits_root *root)
{
	VEC(struct group) groups = { 0 };
	waits_nodes nodes = { 0 };
	int status = waits_behind(graph, root, &nodes);

	for (size_t i = 0; i < nodes.len && !status; i++) {
		const struct waits_node *node = &graph->nodes.data[nodes.data[i]];
		const struct model_task *task = &view->model->tasks.data[node->task];
		const struct waits_object *object =
			&graph->objects.data[graph->node_objects.data[node->first_object]];
		struct group *group = NULL;

		for (size_t j = 0; j < groups.len && !group; j++)
			if (groups.data[j].object == object &&
			    groups.data[j].site == (task->stack ? task->stack->site : NULL))
				group = &groups.data[j];
		if (!group) {
			group = vec_push(&groups);
			if (!group) {
				status = -ENOMEM;
				break;
			}
			*group = (struct group){ .object = object,
						 .site = task->stack ? task->stack->site : NULL,
						 .goid = task->goid };
		}
		group->count++;
	}
	vec_sort(&groups, by_count, NULL);
	for (size_t i = 0; i < groups.len && i < GROUPS_SHOWN; i++)
		fprintf(view->out, "    %s for %s at %s\n", GROUPED(groups.data[i].count),
			OBJECT(graph, groups.data[i].object), PLACE(groups.data[i].site));
	if (groups.len > GROUPS_SHOWN)
		fprintf(view->out, "    (at %zu more places)\n", groups.len - GROUPS_SHOWN);
	vec_free(&groups);
	vec_free(&nodes);
	return status;
}

static int print_cycle(const struct view *view, const struct waits_graph *graph,
		       const struct waits_root *root)
{
	const struct waits_cycle *cycle = &graph->cycles.data[root->cycle];

	if (cycle->certain)
		fprintf(view->out, "DEADLOCK: %zu goroutine%s for ever wait%s for %s%s\n",
			cycle->count, plural(cycle->count), cycle->count == 1 ? "s" : "",
			cycle->count == 1 ? "itself" : "each other",
			cycle->proven ? "; at two looks at the heap nothing else alive led to what "
					"they wait for" :
					"");
	else
		fprintf(view->out,
			"possible deadlock: %zu goroutines wait for each other, unless somebody else uses "
			"the channel or semaphore; %s%s\n",
			cycle->count,
			graph->no_proof ? "whether anybody can is not known: " :
					  "something alive leads to it, or might",
			graph->no_proof ? graph->no_proof : "");
	for (size_t i = 0; i < cycle->count && i < CHAIN_SHOWN; i++)
		print_task(view, graph, graph->cycle_tasks.data[cycle->first + i], "  ");
	if (cycle->count > CHAIN_SHOWN)
		fprintf(view->out, "  (and %zu more)\n", cycle->count - CHAIN_SHOWN);
	if (!root->blocked)
		return 0;
	fprintf(view->out, "  %s more goroutine%s wait%s behind them:\n", GROUPED(root->blocked),
		plural(root->blocked), root->blocked == 1 ? "s" : "");
	return print_behind(view, graph, root);
}

static int print_root(const struct view *view, const struct waits_graph *graph,
		      const struct waits_root *root)
{
	if (root->cycle != WAITS_NOBODY)
		return print_cycle(view, graph, root);
	print_task(view, graph, root->task, "");
	fprintf(view->out, "  %s goroutine%s wait%s behind it", GROUPED(root->blocked),
		plural(root->blocked), root->blocked == 1 ? "s" : "");
	if (root->direct < root->blocked)
		fprintf(view->out, ", %s directly", GROUPED(root->direct));
	fputs(":\n", view->out);
	return print_behind(view, graph, root);
}

static void print_unknown(const struct view *view, const struct waits_graph *graph)
{
	size_t shown = 0, more = 0;

	for (size_t i = 0; i < graph->objects.len; i++) {
		const struct waits_object *object = &graph->objects.data[i];

		if (!object->lock || object->op == LOCK_COND || object->to_count)
			continue;
		if (shown == ROOTS_SHOWN) {
			more++;
			continue;
		}
		if (!shown++)
			view_title(view, "locks whose holder is unknown", "");
		fprintf(view->out, "%s: %s wait%s", OBJECT(graph, object),
			GROUPED(object->waiter_count), object->waiter_count == 1 ? "s" : "");
		if (object->lock->releases)
			fprintf(view->out, "; last let go of by goroutine %" PRIu64,
				object->lock->last_release_goid);
		fputc('\n', view->out);
	}
	if (more)
		fprintf(view->out, "(%zu more)\n", more);
}

/* What only channels keep waiting is seldom what hurts: a worker that waits for work. */
static bool is_worth_showing(const struct view *view, const struct waits_root *root)
{
	return view->style.verbose || root->cycle != WAITS_NOBODY || root->blocked_by_locks;
}

int view_waits(const struct view *view, const struct waits_graph *graph)
{
	size_t shown = 0, more = 0;
	int status = 0;

	view_header(view);
	for (size_t i = 0; i < graph->roots.len && !status; i++) {
		const struct waits_root *root = &graph->roots.data[i];

		if (!is_worth_showing(view, root) ||
		    (shown == ROOTS_SHOWN && !view->style.verbose)) {
			more++;
			continue;
		}
		fputc('\n', view->out);
		shown++;
		status = print_root(view, graph, root);
	}
	if (!shown)
		fputs("\nno goroutine is known to keep others waiting with a lock\n", view->out);
	print_unknown(view, graph);
	if (more)
		fprintf(view->out, "\n(%zu more goroutines that others wait for: see -v)\n", more);
	if (view->model->snapshot && view->model->snapshot->ahead_left_out)
		fprintf(view->out,
			"\n%" PRIu64
			" goroutines ran or had no readable stack: what they hold is not known\n",
			view->model->snapshot->ahead_left_out);
	return status;
}

int view_worst_root(const struct view *view)
{
	const struct model *model = view->model;
	struct waits_graph graph = { 0 };
	int status = model->snapshot ? waits_graph_build(model, &graph) : 0;
	const struct waits_root *root = graph.roots.len ? graph.roots.data : NULL;
	char text[768];

	if (!status && root && root->cycle != WAITS_NOBODY &&
	    graph.cycles.data[root->cycle].certain) {
		snprintf(
			text, sizeof(text),
			"DEADLOCK of %zu goroutines, %s more wait behind them; see conctrace waits",
			graph.cycles.data[root->cycle].count, GROUPED(root->blocked));
		fprintf(view->out, "%.*s\n", view->style.width, text);
	} else if (!status && root && root->cycle == WAITS_NOBODY && root->blocked_by_locks) {
		const struct model_task *task = &model->tasks.data[root->task];

		snprintf(text, sizeof(text), "goroutine %" PRIu64 " at %s keeps %s other%s waiting",
			 task->goid, PLACE(task->stack ? task->stack->site : NULL),
			 GROUPED(root->blocked), plural(root->blocked));
		fprintf(view->out, "%.*s\n", view->style.width, text);
	}
	waits_graph_free(&graph);
	return status;
}
