// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cmd/observed_leaks.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cmd/output.h"

/* Of our own memory, and of the process's: a report must not take long, or push others out. */
#define MEMORY_MAX (1ULL << 30)
#define RSS_MAX (4ULL << 30)
#define PAUSE_NS (NSEC_PER_SEC / 4)

static int find(struct live *live, struct observed_leaks *leaks, struct err *why)
{
	const struct leak_scan_options how = { .max_memory = MEMORY_MAX, .pause_ns = PAUSE_NS };
	int status = leak_scan_run(&live->target, &how, &leaks->scan, why);

	if (!status)
		status = live_model(live, &leaks->model, why);
	if (status)
		return status;
	if (model_update(&leaks->model, NULL, NULL, &leaks->scan.snapshot) ||
	    leaks_build(&leaks->model, &leaks->scan, &leaks->leaks))
		return output_no_memory(why);
	return 0;
}

void observed_leaks_find(struct live *live, uint64_t rss, struct observed_leaks *leaks)
{
	struct err why = { 0 };

	if (rss > RSS_MAX)
		snprintf(
			leaks->why_not, sizeof(leaks->why_not),
			"the process is too large to walk its heap in passing: use conctrace leaks");
	else if (find(live, leaks, &why))
		snprintf(leaks->why_not, sizeof(leaks->why_not), "%.190s", why.why);
	else
		leaks->known = true;
}

void observed_leaks_free(struct observed_leaks *leaks)
{
	leaks_free(&leaks->leaks);
	leak_scan_free(&leaks->scan);
	if (leaks->model.symbols)
		model_free(&leaks->model);
	memset(leaks, 0, sizeof(*leaks));
	snprintf(leaks->why_not, sizeof(leaks->why_not), "the look was cut short");
}
