// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "collect/recording_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAMES_MAX 64

int recording_parts_open(struct recording_parts *parts, sqlite3 *db,
			 const struct recording_source *source)
{
	const struct {
		sqlite3_stmt **statement;
		const char *sql;
	} statements[] = {
		{ &parts->insert_stack, "INSERT INTO stack VALUES (?, ?, ?)" },
		{ &parts->insert_frame,
		  "INSERT OR IGNORE INTO frame VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)" },
		{ &parts->insert_variable, "INSERT OR REPLACE INTO variable VALUES (?, ?, ?)" },
		{ &parts->insert_label, "INSERT INTO label VALUES (?, ?, ?, ?)" },
		{ &parts->insert_case, "INSERT INTO select_case VALUES (?, ?, ?, ?, ?)" },
		{ &parts->insert_text, "INSERT INTO text VALUES (?, ?)" },
	};
	int result = SQLITE_OK;

	*parts = (struct recording_parts){ .db = db,
					   .source = source,
					   .stacks = interner_new(),
					   .pcs = interner_new(),
					   .variables = interner_new(),
					   .labels = interner_new(),
					   .cases = interner_new(),
					   .texts = interner_new() };
	if (!parts->stacks || !parts->pcs || !parts->variables || !parts->labels || !parts->cases ||
	    !parts->texts)
		return SQLITE_NOMEM;
	for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]) && result == SQLITE_OK;
	     i++)
		result = sqlite3_prepare_v2(db, statements[i].sql, -1, statements[i].statement,
					    NULL);
	return result;
}

void recording_parts_close(struct recording_parts *parts)
{
	sqlite3_finalize(parts->insert_stack);
	sqlite3_finalize(parts->insert_frame);
	sqlite3_finalize(parts->insert_variable);
	sqlite3_finalize(parts->insert_label);
	sqlite3_finalize(parts->insert_case);
	sqlite3_finalize(parts->insert_text);
	interner_free(parts->stacks);
	interner_free(parts->pcs);
	interner_free(parts->variables);
	interner_free(parts->labels);
	interner_free(parts->cases);
	interner_free(parts->texts);
	memset(parts, 0, sizeof(*parts));
}

void recording_parts_forget(struct recording_parts *parts)
{
	interner_clear(parts->stacks);
	interner_clear(parts->pcs);
	interner_clear(parts->variables);
	interner_clear(parts->labels);
	interner_clear(parts->cases);
	interner_clear(parts->texts);
}

size_t recording_parts_count(const struct recording_parts *parts)
{
	return interner_count(parts->stacks) + interner_count(parts->labels) +
	       interner_count(parts->cases) + interner_count(parts->texts) +
	       interner_count(parts->variables);
}

/* Whether it is new, by the result of interner_get. */
static int known(int status, int *is_new)
{
	*is_new = status == 1;
	return status < 0 ? SQLITE_NOMEM : SQLITE_OK;
}

static int step(sqlite3_stmt *statement)
{
	int result = sqlite3_step(statement);

	sqlite3_reset(statement);
	return result == SQLITE_DONE ? SQLITE_OK : result;
}

static void bind(sqlite3_stmt *statement, int index, uint64_t value)
{
	sqlite3_bind_int64(statement, index, (sqlite3_int64)value);
}

static void bind_text(sqlite3_stmt *statement, int index, const char *text)
{
	sqlite3_bind_text(statement, index, text ? text : "", -1, SQLITE_STATIC);
}

static int write_frame(sqlite3_stmt *statement, uint64_t pc, size_t depth,
		       const struct pclntab_frame *frame)
{
	bind(statement, 1, pc);
	bind(statement, 2, depth);
	bind_text(statement, 3, frame->function);
	bind_text(statement, 4, frame->file);
	sqlite3_bind_int(statement, 5, frame->line);
	sqlite3_bind_int(statement, 6, frame->inlined);
	sqlite3_bind_int(statement, 7, frame->func_id);
	sqlite3_bind_int(statement, 8, frame->start_line);
	bind(statement, 9, frame->entry);
	return step(statement);
}

int recording_parts_pc(struct recording_parts *parts, uint64_t pc)
{
	struct pclntab_frame frames[FRAMES_MAX];
	uint64_t number;
	int is_new, result = known(interner_get(parts->pcs, &pc, sizeof(pc), &number), &is_new);
	size_t count;

	if (result != SQLITE_OK || !is_new)
		return result;
	count = parts->source->look_up(parts->source->ctx, pc, frames, FRAMES_MAX);
	for (size_t i = 0; i < count && result == SQLITE_OK; i++)
		result = write_frame(parts->insert_frame, pc, i, &frames[i]);
	return result;
}

int recording_parts_stack(struct recording_parts *parts, const uint64_t *pcs, size_t count,
			  uint64_t *number)
{
	int is_new, result = known(interner_get(parts->stacks, pcs, count * sizeof(*pcs), number),
				   &is_new);

	for (size_t i = 0; i < count && is_new && result == SQLITE_OK; i++) {
		bind(parts->insert_stack, 1, *number);
		bind(parts->insert_stack, 2, i);
		bind(parts->insert_stack, 3, pcs[i]);
		result = step(parts->insert_stack);
		if (result == SQLITE_OK)
			result = recording_parts_pc(parts, pcs[i]);
	}
	return result;
}

int recording_parts_variable(struct recording_parts *parts, uint64_t addr)
{
	uint64_t number, start = 0;
	const char *name = parts->source->variable ?
				   parts->source->variable(parts->source->ctx, addr, &start) :
				   NULL;
	char key[256];
	int len, is_new, result;

	if (!name)
		return SQLITE_OK;
	/* a name that is found later, or for what comes to lie there later, takes the place of the one before */
	len = snprintf(key, sizeof(key), "%llx %s", (unsigned long long)addr, name);
	if (len >= (int)sizeof(key))
		len = sizeof(key) - 1;
	result = known(interner_get(parts->variables, key, len, &number), &is_new);
	if (result != SQLITE_OK || !is_new)
		return result;
	bind(parts->insert_variable, 1, addr);
	bind_text(parts->insert_variable, 2, name);
	bind(parts->insert_variable, 3, start);
	return step(parts->insert_variable);
}

/* Keys and values one behind the other, each with its end. */
static int write_labels(struct recording_parts *parts, const char *bytes, size_t len,
			uint64_t number)
{
	int result = SQLITE_OK;

	for (size_t at = 0, n = 0; at < len && result == SQLITE_OK; n++) {
		const char *key = bytes + at, *value = key + strlen(key) + 1;

		bind(parts->insert_label, 1, number);
		bind(parts->insert_label, 2, n);
		bind_text(parts->insert_label, 3, key);
		bind_text(parts->insert_label, 4, value);
		result = step(parts->insert_label);
		at = (size_t)(value - bytes) + strlen(value) + 1;
	}
	return result;
}

int recording_parts_labels(struct recording_parts *parts, const struct snapshot *snapshot,
			   const struct goroutine *goroutine, uint64_t *number)
{
	char *bytes = NULL;
	FILE *stream;
	size_t len = 0;
	int is_new, result;

	*number = 0;
	if (!goroutine->label_count)
		return SQLITE_OK;
	stream = open_memstream(&bytes, &len);
	if (!stream)
		return SQLITE_NOMEM;
	for (uint32_t i = 0; i < goroutine->label_count; i++) {
		const struct goroutine_label *label =
			&snapshot->labels.data[goroutine->first_label + i];

		fprintf(stream, "%s%c%s%c", snapshot->strings.data + label->key, 0,
			snapshot->strings.data + label->value, 0);
	}
	if (fclose(stream))
		return SQLITE_NOMEM;
	result = known(interner_get(parts->labels, bytes, len, number), &is_new);
	if (result == SQLITE_OK && is_new)
		result = write_labels(parts, bytes, len, *number);
	free(bytes);
	return result;
}

int recording_parts_cases(struct recording_parts *parts, const struct snapshot *snapshot,
			  const struct goroutine *goroutine, uint64_t *number)
{
	size_t count = goroutine->case_count;
	struct wait_case *cases;
	int is_new, result;

	*number = 0;
	if (!count)
		return SQLITE_OK;
	/* without what lies between the fields */
	cases = calloc(count, sizeof(*cases));
	if (!cases)
		return SQLITE_NOMEM;
	for (size_t i = 0; i < count; i++) {
		const struct wait_case *from = &snapshot->cases.data[goroutine->first_case + i];

		cases[i].chan = from->chan;
		cases[i].sudog = from->sudog;
		cases[i].direction = from->direction;
	}
	result = known(interner_get(parts->cases, cases, count * sizeof(*cases), number), &is_new);
	for (size_t i = 0; i < count && is_new && result == SQLITE_OK; i++) {
		bind(parts->insert_case, 1, *number);
		bind(parts->insert_case, 2, i);
		bind(parts->insert_case, 3, cases[i].chan);
		bind(parts->insert_case, 4, cases[i].sudog);
		bind(parts->insert_case, 5, cases[i].direction);
		result = step(parts->insert_case);
	}
	free(cases);
	return result;
}

int recording_parts_text(struct recording_parts *parts, const char *text, uint64_t *number)
{
	int is_new, result = known(interner_get(parts->texts, text, strlen(text), number), &is_new);

	if (result != SQLITE_OK || !is_new)
		return result;
	bind(parts->insert_text, 1, *number);
	bind_text(parts->insert_text, 2, text);
	return step(parts->insert_text);
}
