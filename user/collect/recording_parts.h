/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What rows refer to by number, each written once: stacks with their frames, labels, cases, texts. */
#ifndef COLLECT_RECORDING_PARTS_H
#define COLLECT_RECORDING_PARTS_H

#include <sqlite3.h>

#include "collect/interner.h"
#include "collect/recording.h"

struct recording_parts {
	sqlite3 *db;
	const struct recording_source *source;
	sqlite3_stmt *insert_stack, *insert_frame, *insert_variable, *insert_label, *insert_case,
		*insert_text;
	struct interner *stacks, *pcs, *variables, *labels, *cases, *texts;
};

/* All: SQLITE_OK or another result of SQLite. */
int recording_parts_open(struct recording_parts *parts, sqlite3 *db,
			 const struct recording_source *source);
void recording_parts_close(struct recording_parts *parts);
/* What was written may be gone, or is to be written anew for a keyframe. */
void recording_parts_forget(struct recording_parts *parts);
/* Numbers that are remembered, to bound the memory for them. */
size_t recording_parts_count(const struct recording_parts *parts);

/* Pcs to look up as they are. */
int recording_parts_stack(struct recording_parts *parts, const uint64_t *pcs, size_t count,
			  uint64_t *number);
/* The frames of one pc. */
int recording_parts_pc(struct recording_parts *parts, uint64_t pc);
int recording_parts_variable(struct recording_parts *parts, uint64_t addr);
int recording_parts_labels(struct recording_parts *parts, const struct snapshot *snapshot,
			   const struct goroutine *goroutine, uint64_t *number);
int recording_parts_cases(struct recording_parts *parts, const struct snapshot *snapshot,
			  const struct goroutine *goroutine, uint64_t *number);
int recording_parts_text(struct recording_parts *parts, const char *text, uint64_t *number);

#endif
