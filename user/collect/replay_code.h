/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a recording knows by number or address: frames of pcs, variables, stacks, labels, cases. */
#ifndef COLLECT_REPLAY_CODE_H
#define COLLECT_REPLAY_CODE_H

#include <sqlite3.h>

#include "base/vec.h"
#include "collect/snapshot.h"
#include "target/pclntab.h"

/* Rows of one number, one behind the other. */
struct replay_span {
	uint64_t number;
	size_t first, count;
};

struct replay_label {
	uint32_t key, value; /* offsets in strings */
};

struct replay_code {
	struct replay_pc *pcs_known;
	struct replay_variable *variables;
	struct replay_text *names, *texts;             /* of functions and files; by number */
	VEC(struct replay_span) stacks, labels, cases; /* ascending by number */
	VEC(uint64_t) stack_pcs;
	VEC(struct replay_label) label_rows;
	VEC(struct wait_case) case_rows;
	VEC(char) strings;
};

/* SQLITE_OK or another result. */
int replay_code_load(struct replay_code *code, sqlite3 *db);
void replay_code_free(struct replay_code *code);

size_t replay_code_frames(const struct replay_code *code, uint64_t pc, struct pclntab_frame *frames,
			  size_t max);
const char *replay_code_variable(const struct replay_code *code, uint64_t addr, uint64_t *start);
/* NULL: there is none of that number. */
const char *replay_code_text(const struct replay_code *code, uint64_t number);
const struct replay_span *replay_code_span(const struct replay_span *spans, size_t count,
					   uint64_t number);

#endif
