// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "export/chrome.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "export/json_parts.h"

/* Threads that are no goroutines: ids that these will hardly have. */
#define LANE(which) (4000000000U + (uint64_t)(which))

struct chrome {
	FILE *out;
	int pid;
	uint64_t base_ns; /* times are since then: numbers of JSON have 53 bits */
	bool first;
	VEC(char *) places; /* of each place: its text as JSON, quoted */
};

struct chrome *chrome_new(FILE *out)
{
	struct chrome *chrome = calloc(1, sizeof(*chrome));

	if (chrome)
		*chrome = (struct chrome){ .out = out, .first = true };
	return chrome;
}

void chrome_free(struct chrome *chrome)
{
	if (!chrome)
		return;
	for (size_t i = 0; i < chrome->places.len; i++)
		free(chrome->places.data[i]);
	vec_free(&chrome->places);
	free(chrome);
}

static void put(struct chrome *chrome, const char *text)
{
	fputs_unlocked(text, chrome->out);
}

static void put_number(struct chrome *chrome, uint64_t number)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	fwrite_unlocked(digits + at, 1, sizeof(digits) - at, chrome->out);
}

/* Microseconds with a fraction. */
static void put_us(struct chrome *chrome, uint64_t ns)
{
	char fraction[4] = { '.', (char)('0' + ns / 100 % 10), (char)('0' + ns / 10 % 10),
			     (char)('0' + ns % 10) };

	put_number(chrome, ns / 1000);
	fwrite_unlocked(fraction, 1, sizeof(fraction), chrome->out);
}

static uint64_t since_base(const struct chrome *chrome, uint64_t ns)
{
	return ns > chrome->base_ns ? ns - chrome->base_ns : 0;
}

/* {"ph":"X","pid":1,"tid":2,"ts":3.456 */
static void put_head(struct chrome *chrome, const char *phase, uint64_t goid, uint64_t ns)
{
	put(chrome, chrome->first ? "\n{\"ph\":\"" : ",\n{\"ph\":\"");
	chrome->first = false;
	put(chrome, phase);
	put(chrome, "\",\"pid\":");
	put_number(chrome, (uint64_t)chrome->pid);
	put(chrome, ",\"tid\":");
	put_number(chrome, goid);
	put(chrome, ",\"ts\":");
	put_us(chrome, since_base(chrome, ns));
}

/* A text from the target as a JSON string; freed by the caller. NULL: no memory. */
static char *quoted(const char *bytes)
{
	json_t *string = json_text(bytes);
	char *dump = string ? json_dumps(string, JSON_ENCODE_ANY) : NULL;

	json_decref(string);
	return dump;
}

static int put_metadata(struct chrome *chrome, const char *what, uint64_t goid, const char *name)
{
	char *dump = quoted(name);

	if (!dump)
		return -ENOMEM;
	put_head(chrome, "M", goid, chrome->base_ns);
	put(chrome, ",\"name\":\"");
	put(chrome, what);
	put(chrome, "\",\"args\":{\"name\":");
	put(chrome, dump);
	put(chrome, "}}");
	free(dump);
	return 0;
}

static int begin(void *writer, const struct trace_about *about)
{
	struct chrome *chrome = writer;
	const char *slash = strrchr(about->target->exe, '/');
	int status;

	chrome->pid = about->target->pid;
	chrome->base_ns = about->at_ns;
	put(chrome, "{\"displayTimeUnit\":\"ns\",\"otherData\":{\"beginUnixNs\":\"");
	put_number(chrome, about->wall_ns);
	put(chrome, "\"},\"traceEvents\":[");
	status = put_metadata(chrome, "process_name", 0, slash ? slash + 1 : about->target->exe);
	for (int i = 0; i < TRACE_LANES && !status; i++)
		status = put_metadata(chrome, "thread_name", LANE(i), trace_lane_names[i].track);
	return status;
}

static int track(void *writer, uint64_t goid, const char *name)
{
	return put_metadata(writer, "thread_name", goid, name);
}

/* "main.work work.go:12" of a place that is new. */
static int note_place(struct chrome *chrome, uint32_t number, const struct pclntab_frame *frame)
{
	char function[1024], text[1400];
	const char *slash = strrchr(frame->file, '/');
	char **slot;

	if (number <= chrome->places.len)
		return 0;
	pclntab_display_name(frame->function, function, sizeof(function));
	snprintf(text, sizeof(text), "%s %.300s:%d", function, slash ? slash + 1 : frame->file,
		 frame->line);
	slot = vec_push(&chrome->places);
	if (!slot)
		return -ENOMEM;
	*slot = quoted(text);
	return *slot ? 0 : -ENOMEM;
}

static int wait(void *writer, const struct trace_wait *wait)
{
	struct chrome *chrome = writer;
	const char *before = ",\"args\":{";

	if (wait->place && note_place(chrome, wait->place, wait->frame))
		return -ENOMEM;
	put_head(chrome, "X", wait->goid, wait->begin_ns);
	put(chrome, ",\"dur\":");
	put_us(chrome, wait->end_ns - wait->begin_ns);
	put(chrome, wait->assist ? ",\"cat\":\"gc\",\"name\":\"" : ",\"cat\":\"wait\",\"name\":\"");
	put(chrome, *wait->reason ? wait->reason : "waits");
	put(chrome, "\"");
	if (wait->place && wait->place <= chrome->places.len) {
		put(chrome, before);
		put(chrome, "\"site\":");
		put(chrome, chrome->places.data[wait->place - 1]);
		before = ",";
	}
	if (wait->object) {
		char object[40];

		snprintf(object, sizeof(object), "\"object\":\"0x%llx\"",
			 (unsigned long long)wait->object);
		put(chrome, before);
		put(chrome, object);
		before = ",";
	}
	if (wait->unfinished) {
		put(chrome, before);
		put(chrome, "\"unfinished\":true");
		before = ",";
	}
	put(chrome, *before == ',' && !before[1] ? "}}" : "}");
	return 0;
}

static void put_arrow(struct chrome *chrome, bool begins, uint64_t goid, uint64_t ns, uint64_t flow)
{
	put_head(chrome, begins ? "s" : "f", goid, ns);
	put(chrome, begins ? ",\"cat\":\"flow\",\"name\":\"wake\",\"id\":" :
			     ",\"bp\":\"e\",\"cat\":\"flow\",\"name\":\"wake\",\"id\":");
	put_number(chrome, flow);
	put(chrome, "}");
}

static int point(void *writer, enum trace_point which, uint64_t goid, uint64_t ns, uint64_t flow,
		 uint64_t object)
{
	struct chrome *chrome = writer;

	(void)object;
	/* the arrow of a wake-up ends at the wait that it ends */
	if (which != TRACE_WOKEN) {
		put_head(chrome, "X", goid, ns);
		put(chrome, ",\"dur\":0,\"name\":\"");
		put(chrome, trace_point_names[which]);
		put(chrome, "\"}");
	}
	if (flow)
		put_arrow(chrome, which == TRACE_WAKES || which == TRACE_SPAWNS, goid, ns, flow);
	return 0;
}

static int counter(void *writer, enum trace_counter which, uint64_t ns, uint64_t value)
{
	struct chrome *chrome = writer;

	put_head(chrome, "C", 0, ns);
	put(chrome, ",\"name\":\"");
	put(chrome, trace_counter_names[which]);
	put(chrome, "\",\"args\":{\"value\":");
	put_number(chrome, value);
	put(chrome, "}}");
	return 0;
}

static int span(void *writer, enum trace_lane lane, uint64_t begin_ns, uint64_t end_ns)
{
	struct chrome *chrome = writer;

	put_head(chrome, "X", LANE(lane), begin_ns);
	put(chrome, ",\"dur\":");
	put_us(chrome, end_ns - begin_ns);
	put(chrome, ",\"cat\":\"lane\",\"name\":\"");
	put(chrome, trace_lane_names[lane].slice);
	put(chrome, "\"}");
	return 0;
}

static int end(void *writer)
{
	put(writer, "\n]}\n");
	return 0;
}

const struct trace_format chrome_format = {
	.begin = begin,
	.track = track,
	.wait = wait,
	.point = point,
	.counter = counter,
	.span = span,
	.end = end,
};
