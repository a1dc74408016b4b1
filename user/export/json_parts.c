// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "export/json_parts.h"

#include <math.h>
#include <stdio.h>

#include "base/clock.h"

json_t *json_time(uint64_t wall_ns)
{
	char text[40];

	return json_sprintf("%s.%06uZ",
			    clock_text(wall_ns, "%Y-%m-%dT%H:%M:%S", text, sizeof(text)),
			    (unsigned)(wall_ns % NSEC_PER_SEC / 1000));
}

json_t *json_now(void)
{
	return json_time(clock_wall_ns(clock_now_ns()));
}

json_t *json_address(uint64_t addr)
{
	return json_sprintf("0x%llx", (unsigned long long)addr);
}

json_t *json_text(const char *bytes)
{
	json_t *string = json_string(bytes);

	return string ? string : json_string("(not UTF-8)");
}

json_t *json_function(const char *function)
{
	char name[1024];

	if (!function)
		return json_null();
	pclntab_display_name(function, name, sizeof(name));
	return json_text(name);
}

json_t *json_frame(const struct pclntab_frame *frame)
{
	if (!frame)
		return json_null();
	return json_pack("{s:o, s:o, s:i, s:b}", "function", json_function(frame->function), "file",
			 json_text(frame->file), "line", frame->line, "inlined", frame->inlined);
}

json_t *json_stack(const struct stack *stack)
{
	json_t *frames = json_array();

	for (size_t i = 0; stack && i < stack->frame_count; i++)
		json_array_append_new(frames, json_frame(stack->frames[i]));
	return frames;
}

json_t *json_histogram(const uint64_t *slots)
{
	json_t *histogram = json_array();
	int used = CT_HIST_SLOTS;

	while (used && !slots[used - 1])
		used--;
	for (int i = 0; i < used; i++)
		json_array_append_new(histogram, json_integer((json_int_t)slots[i]));
	return histogram;
}

static json_t *target(const struct target_facts *target)
{
	return json_pack("{s:i, s:o, s:s, s:b, s:b, s:b, s:i}", "pid", (int)target->pid, "exe",
			 json_text(target->exe), "go_version", target->go_version, "stripped",
			 target->stripped, "pie", target->pie, "cgo", target->cgo, "gomaxprocs",
			 (int)target->gomaxprocs);
}

static json_t *known_real(double value, bool known)
{
	return known && isfinite(value) ? json_real(value) : json_null();
}

static json_t *capture(const struct capture *capture)
{
	return json_pack("{s:s, s:I, s:I, s:I, s:f, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:I}",
			 "mode", capture_mode(capture), "duration_ns",
			 (json_int_t)capture->duration_ns, "events", (json_int_t)capture->events,
			 "lost", (json_int_t)capture->lost, "windows_share", capture->windows_share,
			 "overhead_pct",
			 known_real(capture->overhead_pct, capture->overhead_pct >= 0),
			 "hit_cost_ns", known_real(capture->hit_cost_ns, capture->hit_cost_ns > 0),
			 "estimate_error", known_real(capture->estimate_error, capture->probes),
			 "slowdown", known_real(capture->slowdown, capture->probes), "map_bytes",
			 (json_int_t)capture->map_bytes, "snapshot_ns",
			 (json_int_t)capture->snapshot_ns, "torn", (json_int_t)capture->torn,
			 "unmatched", (json_int_t)capture->unmatched, "disagreements",
			 (json_int_t)capture->disagreements);
}

json_t *json_document(const struct json_source *source, const char *name)
{
	return json_pack("{s:o, s:o, s:o, s:o}", "schema", json_sprintf("conctrace.%s/1", name),
			 "time", json_time(source->capture->wall_ns), "target",
			 target(source->target), "capture", capture(source->capture));
}
