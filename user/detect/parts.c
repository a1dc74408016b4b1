// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What detectors have in common. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "detect/detect.h"
#include "model/format.h"

#define FRAMES_SHOWN 5
/* Growth of less than one part in so many is the ups and downs of a heap. */
#define MEMORY_GROWN_PART 20
/* What is farther away than this is not forecast. */
#define FORECAST_MOST_S (7 * 86400.0)

uint64_t detect_waited_ns(const struct detect_input *input, const struct model_task *task)
{
	uint64_t now = input->model->at_ns;

	return task->since_ns && now > task->since_ns ? now - task->since_ns : 0;
}

bool detect_stack_has(const struct stack *stack, const char *function)
{
	for (size_t i = 0; stack && i < stack->frame_count; i++)
		if (!strcmp(stack->frames[i]->function, function))
			return true;
	return false;
}

void detect_object(struct finding *finding, const char *kind, uint64_t addr, const char *symbol)
{
	finding->object_kind = kind;
	finding->object_addr = addr;
	snprintf(finding->object_name, sizeof(finding->object_name), "%s", symbol ? symbol : "");
}

size_t detect_contexts_of(const struct detect_input *input, uint64_t goid)
{
	size_t from = 0, to = input->contexts ? input->contexts->len : 0;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (input->contexts->data[middle].goid < goid)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

/* As a shell takes it. */
static const char *quoted(char *text, size_t size, const char *file)
{
	bool plain = file[strspn(file, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "0123456789./_-+=:,@%")] == '\0';

	snprintf(text, size, plain || strchr(file, '\'') ? "%s" : "'%s'", file);
	return text;
}

void detect_look(const struct detect_input *input, struct finding *finding, const char *view, ...)
{
	char wanted[128], file[160];
	const char *options;
	va_list args;
	int len;

	va_start(args, view);
	vsnprintf(wanted, sizeof(wanted), view, args);
	va_end(args);
	len = (int)strcspn(wanted, " ");
	options = wanted + len;
	if (!input->recording)
		finding_next(finding, "conctrace %.*s -p %d%s%s", len, wanted, (int)input->pid,
			     !strcmp(wanted, "locks") || !strcmp(wanted, "chans") ? " -d 10" : "",
			     options);
	else if (!strcmp(wanted, "leaks") && !input->leaks) /* but it has who stays */
		finding_next(finding, "conctrace report %s tasks --sort age",
			     quoted(file, sizeof(file), input->recording));
	else
		finding_next(finding, "conctrace report %s %s",
			     quoted(file, sizeof(file), input->recording), wanted);
}

double detect_forecast_memory(const struct detect_input *input, struct findings *findings,
			      struct finding *finding)
{
	const struct resources *now = input->now;
	double slope = series_slope_memory(input->series), seconds = INFINITY;
	double grown = slope * (double)input->observed_ns / 1e9;
	uint64_t used = now->memory_used ? now->memory_used : now->rss;
	const char *whose = now->memory_limit_is_cgroup ? "the limit of its cgroup" :
							  "the machine's memory";

	if (slope <= 0 || grown * MEMORY_GROWN_PART < (double)now->rss)
		return INFINITY;
	if (now->memory_limit > used)
		seconds = (double)(now->memory_limit - used) / slope;
	if (seconds > FORECAST_MOST_S) {
		finding_say(findings, finding, "RSS %s, %s more a minute", BYTES(now->rss),
			    BYTES((uint64_t)(slope * 60)));
		return INFINITY;
	}
	finding_say(findings, finding,
		    "RSS %s, %s more a minute: %s (%s, %s used) is reached in %s", BYTES(now->rss),
		    BYTES((uint64_t)(slope * 60)), BYTES(now->memory_limit), whose, BYTES(used),
		    DURATION((uint64_t)(seconds * 1e9)));
	finding_event(findings, finding, now->at_ns + (uint64_t)(seconds * 1e9), false,
		      "forecast: %s, %s", BYTES(now->memory_limit), whose);
	return seconds;
}

const char *detect_goids(char *text, size_t size, const uint64_t *goids, size_t count)
{
	size_t shown = count <= 6 ? count : 5, used;

	used = (size_t)snprintf(text, size, "goroutine%s", count == 1 ? "" : "s");
	for (size_t i = 0; i < shown && used < size; i++)
		used += (size_t)snprintf(text + used, size - used, "%s %llu",
					 !i             ? "" :
					 i + 1 == count ? " and" :
							  ",",
					 (unsigned long long)goids[i]);
	if (shown < count && used < size)
		snprintf(text + used, size - used, " and %zu more", count - shown);
	return text;
}

bool detect_same_place(const struct pclntab_frame *a, const struct pclntab_frame *b)
{
	if (!a || !b)
		return a == b;
	return a->line == b->line && !strcmp(a->function, b->function);
}

struct finding *detect_found_at(struct findings *findings, const struct pclntab_frame *site)
{
	for (size_t i = 0; i < findings->rows.len; i++) {
		struct finding *finding = &findings->rows.data[i];

		if (finding->rank == findings->rank && detect_same_place(finding->site, site))
			return finding;
	}
	return NULL;
}

const struct model_task *detect_task(const struct model *model, const struct model_group *group,
				     uint64_t i)
{
	return &model->tasks.data[model->group_tasks.data[group->first_task + i]];
}

void detect_take_group(const struct detect_input *input, struct findings *findings,
		       struct finding *finding, const struct model_group *group)
{
	for (uint64_t i = 0; i < group->count; i++)
		finding_add_goid(findings, finding, detect_task(input->model, group, i)->goid);
	if (group->oldest_since_ns &&
	    (!finding->since_ns || group->oldest_since_ns < finding->since_ns)) {
		finding->since_ns = group->oldest_since_ns;
		finding->since_is_bound = group->oldest_is_bound;
	}
}

double detect_mean_waiters(const struct detect_input *input, const struct wait_stats *stats)
{
	const struct model *model = input->model;
	uint64_t ns = model->counted_ns ? model->counted_ns : input->observed_ns;

	return ns ? (double)wait_stats_total_ns(stats) / (double)ns : 0;
}

const char *detect_activity(char *text, size_t size, const struct model *model, unsigned state,
			    unsigned reason, const struct stack *stack)
{
	const char *what = state == G_WAITING ? model_reason(model, reason) :
						model_state_name(state);

	if (stack && stack->site)
		snprintf(text, size, "%s at %s", what, PLACE(stack->site));
	else
		snprintf(text, size, "%s", what);
	return text;
}

const char *detect_stack_line(char *text, size_t size, const struct stack *stack)
{
	size_t used = 0, shown = 0, from = 0;

	text[0] = '\0';
	while (stack && from < stack->frame_count && stack->frames[from] != stack->site)
		from++;
	for (size_t i = from; stack && i < stack->frame_count && used < size; i++) {
		if (shown++ == FRAMES_SHOWN) {
			snprintf(text + used, size - used, " < ...");
			break;
		}
		used += (size_t)snprintf(text + used, size - used, "%s%s", used ? " < " : "",
					 PLACE(stack->frames[i]));
	}
	return text;
}

void detect_take_place(struct finding *finding, const struct model_task *task)
{
	if (!finding->stack && task->stack) {
		finding->site = task->stack->site;
		finding->stack = task->stack;
	}
	if (task->since_ns && (!finding->since_ns || task->since_ns < finding->since_ns)) {
		finding->since_ns = task->since_ns;
		finding->since_is_bound = task->since_is_bound;
	}
}

double detect_cpu_shortage(const struct detect_input *input)
{
	const struct resources *before = input->before, *now = input->now;
	double used = (double)(now->cpu_ns - before->cpu_ns);
	/* of threads that ended meanwhile it is gone */
	double delayed = now->cpu_delay_ns > before->cpu_delay_ns ?
				 (double)(now->cpu_delay_ns - before->cpu_delay_ns) :
				 0;

	return delayed > 0 ? delayed / (used + delayed) : 0;
}
