// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cmd/command.h"
#include "cmd/live.h"
#include "cmd/observed_leaks.h"
#include "cmd/progress.h"
#include "cmd/shown.h"

int cmd_leaks(const struct options *options, struct err *err)
{
	bool progress = progress_wanted(options);
	const struct leak_scan_options how = {
		.max_memory = options->max_memory,
		.pause_ns = options->duration_ns,
		.progress = progress ? progress_show_phase : NULL,
	};
	struct observed_leaks leaks = { 0 };
	struct shown shown;
	struct live live;
	int status = live_open(&live, options, 0, err);

	if (status)
		return status;
	status = observed_leaks_look(&live, &how, &leaks, err);
	if (progress)
		progress_end();
	if (!status) {
		shown = shown_live(&live, options);
		shown.leaks = &leaks;
		status = shown_print(shown_view_find("leaks", err), &shown, options, err);
	}
	observed_leaks_free(&leaks);
	live_close(&live);
	return status;
}
