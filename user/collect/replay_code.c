// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "collect/replay_code.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct replay_pc {
	uint64_t pc;
	size_t count;
	struct pclntab_frame *frames;
	UT_hash_handle hh;
};

struct replay_variable {
	uint64_t addr, start;
	char *name;
	UT_hash_handle hh;
};

struct replay_text {
	UT_hash_handle hh;
	uint64_t number; /* 0: a name, kept once */
	char text[];
};

static uint64_t column(sqlite3_stmt *statement, int index)
{
	return (uint64_t)sqlite3_column_int64(statement, index);
}

static const char *column_text(sqlite3_stmt *statement, int index)
{
	const char *text = (const char *)sqlite3_column_text(statement, index);

	return text ? text : "";
}

/* Every row of a query. */
static int each_row(sqlite3 *db, const char *sql,
		    int (*row)(struct replay_code *code, sqlite3_stmt *statement),
		    struct replay_code *code)
{
	sqlite3_stmt *statement;
	int result = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);

	while (result == SQLITE_OK && (result = sqlite3_step(statement)) == SQLITE_ROW)
		result = row(code, statement);
	sqlite3_finalize(statement);
	return result == SQLITE_DONE ? SQLITE_OK : result;
}

static const char *keep_name(struct replay_code *code, const char *name)
{
	size_t len = strlen(name);
	struct replay_text *known;

	HASH_FIND(hh, code->names, name, len, known);
	if (known)
		return known->text;
	known = calloc(1, sizeof(*known) + len + 1);
	if (!known)
		return NULL;
	memcpy(known->text, name, len);
	HASH_ADD_KEYPTR(hh, code->names, known->text, len, known);
	return known->text;
}

static struct replay_pc *pc_of(struct replay_code *code, uint64_t pc)
{
	struct replay_pc *known;

	HASH_FIND(hh, code->pcs_known, &pc, sizeof(pc), known);
	if (known)
		return known;
	known = calloc(1, sizeof(*known));
	if (!known)
		return NULL;
	known->pc = pc;
	HASH_ADD(hh, code->pcs_known, pc, sizeof(known->pc), known);
	return known;
}

static int add_frame(struct replay_code *code, sqlite3_stmt *statement)
{
	struct replay_pc *pc = pc_of(code, column(statement, 0));
	struct pclntab_frame *frames;
	const char *function = keep_name(code, column_text(statement, 1));
	const char *file = keep_name(code, column_text(statement, 2));

	if (!pc || !function || !file)
		return SQLITE_NOMEM;
	frames = realloc(pc->frames, (pc->count + 1) * sizeof(*frames));
	if (!frames)
		return SQLITE_NOMEM;
	pc->frames = frames;
	frames[pc->count++] = (struct pclntab_frame){
		.function = function,
		.file = file,
		.line = sqlite3_column_int(statement, 3),
		.inlined = sqlite3_column_int(statement, 4),
		.func_id = (uint8_t)sqlite3_column_int(statement, 5),
		.start_line = sqlite3_column_int(statement, 6),
		.entry = column(statement, 7),
	};
	return SQLITE_OK;
}

static int add_variable(struct replay_code *code, sqlite3_stmt *statement)
{
	struct replay_variable *variable = calloc(1, sizeof(*variable));

	if (!variable)
		return SQLITE_NOMEM;
	variable->addr = column(statement, 0);
	variable->name = strdup(column_text(statement, 1));
	variable->start = column(statement, 2);
	if (!variable->name) {
		free(variable);
		return SQLITE_NOMEM;
	}
	HASH_ADD(hh, code->variables, addr, sizeof(variable->addr), variable);
	return SQLITE_OK;
}

/* The span of the number, which is the last one or new: rows come in order. */
#define NEXT_SPAN(spans, number_, at)                                                              \
	({                                                                                         \
		struct replay_span *last_ = (spans)->len ? &(spans)->data[(spans)->len - 1] :      \
							   NULL;                                   \
                                                                                                   \
		if (!last_ || last_->number != (number_)) {                                        \
			last_ = vec_push(spans);                                                   \
			if (last_)                                                                 \
				*last_ = (struct replay_span){ .number = (number_),                \
							       .first = (at) };                    \
		}                                                                                  \
		last_;                                                                             \
	})

static int add_stack_pc(struct replay_code *code, sqlite3_stmt *statement)
{
	struct replay_span *span =
		NEXT_SPAN(&code->stacks, column(statement, 0), code->stack_pcs.len);
	uint64_t *pc = vec_push(&code->stack_pcs);

	if (!span || !pc)
		return SQLITE_NOMEM;
	*pc = column(statement, 1);
	span->count++;
	return SQLITE_OK;
}

static int add_string(struct replay_code *code, const char *text, uint32_t *at)
{
	*at = (uint32_t)code->strings.len;
	do {
		char *slot = vec_push(&code->strings);

		if (!slot)
			return SQLITE_NOMEM;
		*slot = *text;
	} while (*text++);
	return SQLITE_OK;
}

static int add_label(struct replay_code *code, sqlite3_stmt *statement)
{
	struct replay_span *span =
		NEXT_SPAN(&code->labels, column(statement, 0), code->label_rows.len);
	struct replay_label *label = vec_push(&code->label_rows);
	int result;

	if (!span || !label)
		return SQLITE_NOMEM;
	result = add_string(code, column_text(statement, 1), &label->key);
	if (result == SQLITE_OK)
		result = add_string(code, column_text(statement, 2), &label->value);
	span->count++;
	return result;
}

static int add_case(struct replay_code *code, sqlite3_stmt *statement)
{
	struct replay_span *span =
		NEXT_SPAN(&code->cases, column(statement, 0), code->case_rows.len);
	struct wait_case *wait_case = vec_push(&code->case_rows);
	int direction = sqlite3_column_int(statement, 3);

	if (!span || !wait_case)
		return SQLITE_NOMEM;
	wait_case->chan = column(statement, 1);
	wait_case->sudog = column(statement, 2);
	wait_case->direction = direction >= 0 && direction <= DIRECTION_SEND ? (uint8_t)direction :
									       DIRECTION_UNKNOWN;
	span->count++;
	return SQLITE_OK;
}

static int add_text(struct replay_code *code, sqlite3_stmt *statement)
{
	const char *text = column_text(statement, 1);
	size_t len = strlen(text);
	struct replay_text *known = calloc(1, sizeof(*known) + len + 1);

	if (!known)
		return SQLITE_NOMEM;
	known->number = column(statement, 0);
	memcpy(known->text, text, len);
	HASH_ADD(hh, code->texts, number, sizeof(known->number), known);
	return SQLITE_OK;
}

int replay_code_load(struct replay_code *code, sqlite3 *db)
{
	static const struct {
		const char *sql;
		int (*row)(struct replay_code *code, sqlite3_stmt *statement);
	} queries[] = {
		{ "SELECT pc, function, file, line, inlined, func_id, start_line, entry FROM frame"
		  " ORDER BY pc, inline_depth",
		  add_frame },
		{ "SELECT addr, name, start FROM variable", add_variable },
		{ "SELECT stack, pc FROM stack ORDER BY stack, depth", add_stack_pc },
		{ "SELECT label, key, value FROM label ORDER BY label, n", add_label },
		{ "SELECT cases, chan, sudog, direction FROM select_case ORDER BY cases, n",
		  add_case },
		{ "SELECT text, value FROM text", add_text },
	};
	int result = SQLITE_OK;

	for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]) && result == SQLITE_OK; i++)
		result = each_row(db, queries[i].sql, queries[i].row, code);
	return result;
}

static void free_texts(struct replay_text **texts)
{
	struct replay_text *text, *next;

	HASH_ITER(hh, *texts, text, next) {
		HASH_DEL(*texts, text);
		free(text);
	}
}

void replay_code_free(struct replay_code *code)
{
	struct replay_pc *pc, *next_pc;
	struct replay_variable *variable, *next_variable;

	HASH_ITER(hh, code->pcs_known, pc, next_pc) {
		HASH_DEL(code->pcs_known, pc);
		free(pc->frames);
		free(pc);
	}
	HASH_ITER(hh, code->variables, variable, next_variable) {
		HASH_DEL(code->variables, variable);
		free(variable->name);
		free(variable);
	}
	free_texts(&code->names);
	free_texts(&code->texts);
	vec_free(&code->stacks);
	vec_free(&code->labels);
	vec_free(&code->cases);
	vec_free(&code->stack_pcs);
	vec_free(&code->label_rows);
	vec_free(&code->case_rows);
	vec_free(&code->strings);
}

size_t replay_code_frames(const struct replay_code *code, uint64_t pc, struct pclntab_frame *frames,
			  size_t max)
{
	struct replay_pc *known;
	size_t count;

	HASH_FIND(hh, code->pcs_known, &pc, sizeof(pc), known);
	if (!known)
		return 0;
	count = known->count < max ? known->count : max;
	memcpy(frames, known->frames, count * sizeof(*frames));
	return count;
}

const char *replay_code_variable(const struct replay_code *code, uint64_t addr, uint64_t *start)
{
	struct replay_variable *known;

	HASH_FIND(hh, code->variables, &addr, sizeof(addr), known);
	if (!known)
		return NULL;
	*start = known->start;
	return known->name;
}

const char *replay_code_text(const struct replay_code *code, uint64_t number)
{
	struct replay_text *known;

	HASH_FIND(hh, code->texts, &number, sizeof(number), known);
	return known ? known->text : NULL;
}

const struct replay_span *replay_code_span(const struct replay_span *spans, size_t count,
					   uint64_t number)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (spans[middle].number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low < count && spans[low].number == number ? &spans[low] : NULL;
}
