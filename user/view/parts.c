// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "view/parts.h"

#include <string.h>

#include "base/clock.h"
#include "model/format.h"

const char *view_estimate_mark(const struct view *view)
{
	return view->model->estimated ? "~" : "";
}

void view_title(const struct view *view, const char *title, const char *remark)
{
	fprintf(view->out, view->style.color ? "\n\033[1;36m%s\033[0m%s%s\n" : "\n%s%s%s\n", title,
		*remark ? "  " : "", remark);
}

/* One line, cut to the screen's width. */
static void line(const struct view *view, const char *text)
{
	fprintf(view->out, "%.*s\n", view->style.width, text);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void process_line(const struct view *view)
{
	const struct target_facts *target = view->target;
	char text[512];

	snprintf(text, sizeof(text), "conctrace  %.100s (pid %d, %s%s%s%s)  up %s  GOMAXPROCS %u",
		 base_name(target->exe), (int)target->pid, target->go_version,
		 target->stripped ? ", stripped" : "", target->pie ? ", PIE" : "",
		 target->cgo ? ", cgo" : "", target->age_ns ? DURATION(target->age_ns) : "?",
		 target->gomaxprocs);
	line(view, text);
}

static void states_line(const struct view *view)
{
	const struct model *model = view->model;
	uint64_t total = 0;
	char text[512];
	int used;

	for (size_t i = 0; i < 16; i++)
		total += model->by_state[i];
	used = snprintf(text, sizeof(text), "goroutines %llu:", (unsigned long long)total);
	for (unsigned i = 0; i < 16 && used < (int)sizeof(text); i++)
		if (model->by_state[i])
			used += snprintf(text + used, sizeof(text) - used, " %llu %s",
					 (unsigned long long)model->by_state[i],
					 model_state_name(i));
	if (model->system_count && used < (int)sizeof(text))
		snprintf(text + used, sizeof(text) - used, "  (and %llu of the runtime)",
			 (unsigned long long)model->system_count);
	line(view, text);
}

static void rates_line(const struct view *view)
{
	const struct model_rates *rates = &view->model->rates;
	char text[512];

	snprintf(text, sizeof(text), "a second: %s%s spawned, %s exited, %s parked, %s readied",
		 view_estimate_mark(view), RATE(rates->spawn), RATE(rates->exit), RATE(rates->park),
		 RATE(rates->ready));
	line(view, text);
}

static void capture_line(const struct view *view)
{
	const struct capture *capture = view->capture;
	char text[512], probes[192] = "no probes";
	char cost[48] = "cost unknown";
	char snapshot[96] = "no snapshot";

	if (capture->overhead_pct >= 0)
		snprintf(cost, sizeof(cost), "cost ~%.2f %%", capture->overhead_pct);
	if (capture->probes)
		snprintf(probes, sizeof(probes),
			 "%s events, %llu lost, probes on %.3g %% of %s, %s",
			 COUNT(capture->events), (unsigned long long)capture->lost,
			 100 * capture->windows_share, DURATION(capture->duration_ns), cost);
	if (capture->snapshot)
		snprintf(snapshot, sizeof(snapshot), "snapshot in %s, %llu torn",
			 DURATION(capture->snapshot_ns), (unsigned long long)capture->torn);
	snprintf(text, sizeof(text), "seen by: %s; %s", probes, snapshot);
	line(view, text);
	if (!view->style.verbose)
		return;
	snprintf(
		text, sizeof(text),
		"  %llu wake-ups of goroutines parked before the attach; %llu disagreements of events "
		"and snapshot",
		(unsigned long long)capture->unmatched, (unsigned long long)capture->disagreements);
	line(view, text);
	if (!capture->probes)
		return;
	snprintf(
		text, sizeof(text),
		"  a hit costs %.0f ns; estimates are off by %.1f %% (standard error of all events); "
		"the kernel's tables take at most %s",
		capture->hit_cost_ns, 100 * capture->estimate_error,
		format_bytes((char[32]){ 0 }, 32, capture->map_bytes));
	line(view, text);
}

void view_header(const struct view *view)
{
	process_line(view);
	states_line(view);
	if (view->capture->probes)
		rates_line(view);
	capture_line(view);
}
