// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <unistd.h>

#include "cmd/command.h"
#include "cmd/live.h"
#include "cmd/output.h"
#include "collect/leak_scan.h"
#include "model/leaks.h"

#define FOUND 3 /* exit status */
#define PAUSE_NS (250 * 1000 * 1000ULL)

static void say(void *ctx, const char *phase, unsigned percent)
{
	(void)ctx;
	if (percent)
		fprintf(stderr, "\r%s: %u %% \033[K", phase, percent);
	else
		fprintf(stderr, "\r%s \033[K", phase);
}

static int print(struct live *live, const struct leaks *leaks, const struct options *options,
		 struct err *err)
{
	struct json_source source = live_json(live, options);
	struct output_text text;
	struct view view;
	int status;

	if (options->format == FORMAT_JSON)
		return output_json(json_leaks(&source, leaks), false, options, err);
	status = output_text_open(&text, err);
	if (status)
		return status;
	view = live_view(live, options, text.stream);
	if (view_leaks(&view, leaks)) {
		output_text_discard(&text);
		return output_no_memory(err);
	}
	return output_text_write(&text, options, err);
}

static int report(struct live *live, const struct leak_scan *scan, const struct options *options,
		  struct err *err)
{
	struct leaks leaks = { 0 };
	int status = 0;

	live->capture = (struct capture){ .snapshot = true,
					  .duration_ns = scan->took_ns,
					  .snapshot_ns = scan->snapshot.took_ns,
					  .torn = scan->snapshot.torn,
					  .windows_share = 0,
					  .overhead_pct = 0 };
	if (model_update(&live->model, NULL, NULL, &scan->snapshot) ||
	    leaks_build(&live->model, scan, &leaks))
		status = output_no_memory(err);
	if (!status)
		status = print(live, &leaks, options, err);
	if (!status && leaks.leaked)
		status = FOUND;
	leaks_free(&leaks);
	return status;
}

int cmd_leaks(const struct options *options, struct err *err)
{
	bool tells = !options->quiet && isatty(STDERR_FILENO);
	const struct leak_scan_options how = {
		.max_memory = options->max_memory,
		.pause_ns = options->duration_ns ? options->duration_ns : PAUSE_NS,
		.progress = tells ? say : NULL,
	};
	struct leak_scan scan = { 0 };
	struct live live;
	int status = live_open(&live, options, 0, err);

	if (status)
		return status;
	status = leak_scan_run(&live.target, &how, &scan, err);
	if (tells)
		fputs("\r\033[K", stderr);
	if (!status)
		status = report(&live, &scan, options, err);
	leak_scan_free(&scan);
	live_close(&live);
	return status;
}
