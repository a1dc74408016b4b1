// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cmd/trace_once.h"

#include "base/clock.h"
#include "cmd/output.h"
#include "cmd/progress.h"

#define DURATION_DEFAULT_NS (5 * NSEC_PER_SEC)

int trace_print(const struct trace_once *how, struct live *live, const struct options *options,
		struct err *err)
{
	struct json_source source = live_json(live, options);
	struct output_text text;
	struct view view;
	int status;

	if (options->format == FORMAT_JSON)
		return output_json(how->document(&source, options), false, options, err);
	status = output_text_open(&text, err);
	if (status)
		return status;
	view = live_view(live, options, text.stream);
	if (how->text(&view, options)) {
		output_text_discard(&text);
		return output_no_memory(err);
	}
	return output_text_write(&text, options, err);
}

/* On a terminal, how long it will still take. */
static void trace(struct live *live, const struct options *options, uint64_t end_ns)
{
	bool progress = progress_wanted(options);
	uint64_t now_ns;

	while ((now_ns = clock_now_ns()) < end_ns) {
		uint64_t next_ns =
			progress && now_ns + NSEC_PER_SEC < end_ns ? now_ns + NSEC_PER_SEC : end_ns;

		if (progress)
			progress_show("tracing", end_ns - now_ns);
		if (!live_pause(live, next_ns))
			break;
	}
	if (progress)
		progress_end();
}

static int capture(const struct trace_once *how, struct live *live, const struct options *options,
		   struct err *err)
{
	uint64_t duration_ns = options->duration_ns ? options->duration_ns : DURATION_DEFAULT_NS;
	uint64_t end_ns = clock_now_ns() + duration_ns;

	if (live->session && how->snapshots) {
		int status = live_glance(live, options, err);

		if (status)
			return status;
	}
	if (live->session)
		trace(live, options, end_ns);
	live_detach(live);
	live->last_look = true;
	return live_update(live, options, how->snapshots, err);
}

int trace_once(const struct trace_once *how, const struct options *options, struct err *err)
{
	struct live live;
	int status = live_open(&live, options, how->roles, err);

	if (status)
		return status;
	live.ahead = how->ahead;
	status = capture(how, &live, options, err);
	if (!status)
		status = trace_print(how, &live, options, err);
	if (!status)
		live_say_gone(&live, options);
	live_close(&live);
	return status;
}
