// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "cmd/command.h"
#include "cmd/live.h"
#include "cmd/output.h"

#define TO_SCREEN_TOP "\033[H\033[J"
/* Lines of the screen that are not rows of the three tables. */
#define FRAME_LINES 13

/* The tasks table has half of the rows, the two others a quarter each. */
static int screen_rows(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || size.ws_row <= FRAME_LINES + 4)
		return 0;
	return (size.ws_row - FRAME_LINES) / 2;
}

static int print_text(struct live *live, const struct options *options, bool first, struct err *err)
{
	bool screen = output_is_terminal(options);
	struct output_text text;
	struct view view;
	int status = output_text_open(&text, err);

	if (status)
		return status;
	view = live_view(live, options, text.stream);
	if (screen) {
		view.style.rows = screen_rows();
		fputs(TO_SCREEN_TOP, text.stream);
	} else if (!first) {
		fputc('\n', text.stream);
	}
	if (view_top(&view)) {
		output_text_discard(&text);
		return output_no_memory(err);
	}
	return output_text_write(&text, options, err);
}

static int print(struct live *live, const struct options *options, bool first, struct err *err)
{
	struct json_source source = live_json(live, options);

	if (options->format == FORMAT_JSON)
		return output_json(json_top(&source), true, options, err);
	return print_text(live, options, first, err);
}

static int run(struct live *live, const struct options *options, struct err *err)
{
	uint64_t began_ns = clock_now_ns(), next_ns = began_ns;
	uint64_t end_ns = options->duration_ns ? began_ns + options->duration_ns : UINT64_MAX;
	bool go_on = true, first = true;
	int status = 0;

	while (!status && go_on) {
		/* the first table is there at once */
		live->debug_names = !first;
		status = live_update(live, options, true, err);
		if (!status)
			status = print(live, options, first, err);
		if (status || live->gone)
			break;
		first = false;
		next_ns += options->interval_ns;
		if (next_ns < clock_now_ns())
			next_ns = clock_now_ns();
		go_on = next_ns < end_ns && live_pause(live, next_ns);
	}
	if (status || live->gone)
		return status;
	if (next_ns >= end_ns)
		live_pause(live, end_ns);
	/* the last table has everything that happened before the probes went */
	live_detach(live);
	status = live_update(live, options, true, err);
	return status ? status : print(live, options, false, err);
}

int cmd_top(const struct options *options, struct err *err)
{
	struct live live;
	int status = live_open(&live, options, ROLES_TABLES, err);

	if (status)
		return status;
	/* every interval anew: what channels' waiters wait for is the business of `waits` */
	live.ahead = AHEAD_OF_LOCKS;
	status = run(&live, options, err);
	if (!status)
		live_say_gone(&live, options);
	live_close(&live);
	return status;
}
