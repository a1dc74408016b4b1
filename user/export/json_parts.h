/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What several documents have in common. NULL: no memory, as with all of jansson's functions. */
#ifndef EXPORT_JSON_PARTS_H
#define EXPORT_JSON_PARTS_H

#include "export/json.h"

/* "conctrace.NAME/1", time, target and capture: the document to add to. */
json_t *json_document(const struct json_source *source, const char *name);
/* A time as RFC 3339 in UTC (ns since 1970), and that of now. */
json_t *json_time(uint64_t wall_ns);
json_t *json_now(void);

/* What comes from the target need not be UTF-8. */
json_t *json_text(const char *bytes);
json_t *json_address(uint64_t addr);
json_t *json_frame(const struct pclntab_frame *frame); /* NULL gives null */
json_t *json_stack(const struct stack *stack);         /* NULL gives [] */
json_t *json_histogram(const uint64_t *slots);
/* A function's name as Go prints it. */
json_t *json_function(const char *function);

/* {"kind", "addr", ...}, or null. */
json_t *json_waiting_on(const struct model *model, const struct model_task *task);
/* {"goid", "function", "file", "line"}, or null. */
json_t *json_created_by(struct model *model, uint64_t gopc, uint64_t goid);

/* User goroutines by state, and how many in all. */
json_t *json_states(const struct model *model, uint64_t *total);
json_t *json_lock_rows(const struct json_source *source);
/* Those that are leaked, or the suspects. */
json_t *json_leak_rows(const struct json_source *source, const struct leaks *leaks, bool proven);
json_t *json_chan_rows(const struct json_source *source);

/* symbol: the variable that a lock is, or lies in; name: what it is called, and whence that is known. */
void json_add_lock_name(json_t *row, const struct model *model, const struct model_lock *lock);

#endif
