/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The JSON documents that scripts depend on: schemas, keys and units are in DESIGN, section 4, and
 * never change once shipped. Times are integers in ns, addresses hex strings.
 */
#ifndef EXPORT_JSON_H
#define EXPORT_JSON_H

#include <jansson.h>

#include "model/capture.h"
#include "model/graph.h"
#include "model/leaks.h"
#include "model/model.h"
#include "model/select.h"
#include "target/facts.h"

struct json_source {
	const struct target_facts *target;
	const struct capture *capture;
	struct model *model;
	bool system; /* the runtime's own goroutines and sites, too */
};

/* Each gives a document to be released with json_decref, or NULL: no memory. */
json_t *json_top(const struct json_source *source);
json_t *json_locks(const struct json_source *source);
json_t *json_chans(const struct json_source *source);
json_t *json_waits(const struct json_source *source, const struct waits_graph *graph);
json_t *json_leaks(const struct json_source *source, const struct leaks *leaks);
json_t *json_tasks(const struct json_source *source, const struct task_selection *selection);

#endif
