/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The views that can be had of a live process and of a recording alike, by name. */
#ifndef CMD_SHOWN_H
#define CMD_SHOWN_H

#include "cmd/observed_leaks.h"
#include "cmd/options.h"
#include "export/flame.h"
#include "export/go_dump.h"
#include "export/json.h"
#include "view/view.h"

/* A model, wherever it is from. */
struct shown {
	struct json_source json;
	struct view view; /* `out` is set when it is printed */
	struct go_dump_source dump;
	struct flame_binary binary;
	const struct flame_samples *samples; /* for flame; NULL: none */
	/* for leaks, and the flamegraph of them, which are of this look and not of the model above */
	struct observed_leaks *leaks;
};

struct shown_view;

/* NULL: there is none of that name; *err says which there are. */
const struct shown_view *shown_view_find(const char *name, struct err *err);

/* What a live process has for them, without samples and leaks. */
struct shown shown_live(struct live *live, const struct options *options);

/* It shows what a look at the heap has found. */
bool shown_looks_at_heap(const struct shown_view *view);

/* The formats that it can be had in, bits of enum output_format. */
unsigned shown_formats(const struct shown_view *view);

/* 0; 3: what it shows are leaks; -errno. */
int shown_print(const struct shown_view *which, struct shown *shown, const struct options *options,
		struct err *err);

#endif
