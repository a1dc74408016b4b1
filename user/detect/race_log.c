// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The text is that of tsan's Go printer (compiler-rt, tsan_report.cpp, PrintReport for Go; the same from
 * Go 1.18 to 1.27):
 *
 *	WARNING: DATA RACE
 *	Write at 0x00c00001c0a8 by goroutine 7:
 *	  main.(*hits).count()
 *	      /app/hits.go:12 +0x44
 *
 *	Previous write at 0x00c00001c0a8 by main goroutine:
 *	  ...
 *	Goroutine 7 (running) created at:
 *	  ...
 *	==================
 */
#include "detect/race_log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/symbols.h"

#define LINE_LEN 1024
#define STACK_MAX 128

static bool begins(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

typedef VEC(struct race_frame) frame_list;

struct parser {
	struct race_log *log;
	struct race race; /* under way */
	bool in_race;
	unsigned accesses; /* read so far */
	frame_list *stack; /* that lines of frames go to; NULL: none */
};

static void access_free(struct race_access *access)
{
	vec_free(&access->stack);
	vec_free(&access->created);
}

static void race_free(struct race *race)
{
	access_free(&race->accesses[0]);
	access_free(&race->accesses[1]);
	memset(race, 0, sizeof(*race));
}

void race_log_free(struct race_log *log)
{
	for (size_t i = 0; i < log->races.len; i++)
		race_free(&log->races.data[i]);
	vec_free(&log->races);
	memset(log, 0, sizeof(*log));
}

static bool same_place(const struct race_access *a, const struct race_access *b)
{
	return a->stack.data[0].line == b->stack.data[0].line &&
	       !strcmp(a->stack.data[0].function, b->stack.data[0].function);
}

static bool is_application(const struct race_frame *frame)
{
	return !symbols_is_standard_directory(frame->function, strcspn(frame->function, "/."));
}

static void find_site(struct race_access *access)
{
	const struct race_frame *frame = access->stack.len ? access->stack.data : NULL;

	for (size_t i = 0; i < access->stack.len; i++)
		if (is_application(&access->stack.data[i])) {
			frame = &access->stack.data[i];
			break;
		}
	if (frame)
		access->site = (struct pclntab_frame){ .function = frame->function,
						       .file = frame->file,
						       .line = frame->line };
}

/* The report is over: keep it, or count it to one of the same places. */
static int finish(struct parser *parser)
{
	struct race_log *log = parser->log;
	struct race *race = &parser->race, *kept;

	if (!parser->in_race)
		return 0;
	parser->in_race = false;
	parser->stack = NULL;
	log->reports++;
	if (parser->accesses < 2 || !race->accesses[0].stack.len || !race->accesses[1].stack.len) {
		log->unreadable++;
		race_free(race);
		return 0;
	}
	for (size_t i = 0; i < log->races.len; i++)
		if (same_place(&log->races.data[i].accesses[0], &race->accesses[0]) &&
		    same_place(&log->races.data[i].accesses[1], &race->accesses[1])) {
			log->races.data[i].times++;
			race_free(race);
			return 0;
		}
	kept = vec_push(&log->races);
	if (!kept) {
		race_free(race);
		return -ENOMEM;
	}
	race->times = 1;
	find_site(&race->accesses[0]);
	find_site(&race->accesses[1]);
	*kept = *race;
	memset(race, 0, sizeof(*race));
	return 0;
}

/* "Write at 0x00c00001c0a8 by goroutine 7:"; "Previous atomic read at ... by main goroutine:" */
static bool take_access(struct parser *parser, const char *line)
{
	const char *at = strstr(line, " at 0x"), *by = strstr(line, " by ");
	struct race_access *access;

	if (!at || !by || by < at || parser->accesses == 2)
		return false;
	access = &parser->race.accesses[parser->accesses];
	if (begins(by, " by goroutine "))
		access->goid = strtoull(by + strlen(" by goroutine "), NULL, 10);
	else if (begins(by, " by main goroutine"))
		access->goid = 1;
	else
		return false;
	access->write = strstr(line, "rite at") != NULL;
	access->atomic = strstr(line, "tomic ") != NULL;
	parser->race.addr = strtoull(at + strlen(" at "), NULL, 16);
	parser->accesses++;
	parser->stack = (frame_list *)&access->stack;
	return true;
}

/* "Goroutine 7 (running) created at:" */
static bool take_goroutine(struct parser *parser, const char *line)
{
	uint64_t goid;

	if (!begins(line, "Goroutine ") || !strstr(line, " created at:"))
		return false;
	goid = strtoull(line + strlen("Goroutine "), NULL, 10);
	parser->stack = NULL;
	for (unsigned i = 0; i < parser->accesses; i++)
		if (parser->race.accesses[i].goid == goid) {
			parser->race.accesses[i].finished = strstr(line, "(finished)") != NULL;
			parser->stack = (frame_list *)&parser->race.accesses[i].created;
			break;
		}
	return true;
}

static int take_frame(struct parser *parser, const char *line)
{
	const char *text = line + strspn(line, " \t"), *end;
	struct race_frame *frame;

	if (!parser->stack || text == line || parser->stack->len > STACK_MAX)
		return 0;
	frame = parser->stack->len ? &parser->stack->data[parser->stack->len - 1] : NULL;
	if (text[0] == '/' || (frame && !frame->file[0] && strstr(text, ".go:"))) {
		end = strrchr(text, ':');
		if (!frame || !end)
			return 0;
		snprintf(frame->file, sizeof(frame->file), "%.*s", (int)(end - text), text);
		frame->line = atoi(end + 1);
		return 0;
	}
	frame = vec_push(parser->stack);
	if (!frame)
		return -ENOMEM;
	/* without the arguments, which are never there: "main.f()" */
	end = text + strlen(text);
	if (end - text > 2 && !strcmp(end - 2, "()"))
		end -= 2;
	snprintf(frame->function, sizeof(frame->function), "%.*s", (int)(end - text), text);
	return 0;
}

static int take_line(struct parser *parser, const char *line)
{
	int status;

	if (begins(line, "WARNING: DATA RACE")) {
		status = finish(parser);
		parser->in_race = true;
		parser->accesses = 0;
		return status;
	}
	if (!parser->in_race)
		return 0;
	if (begins(line, "====="))
		return finish(parser);
	if (take_access(parser, line) || take_goroutine(parser, line))
		return 0;
	return take_frame(parser, line);
}

int race_log_parse(const char *text, size_t len, struct race_log *log)
{
	struct parser parser = { .log = log };
	int status = 0;

	for (size_t at = 0; at < len && !status;) {
		const char *end = memchr(text + at, '\n', len - at);
		size_t line_len = end ? (size_t)(end - text) - at : len - at;
		size_t kept = line_len < LINE_LEN ? line_len : LINE_LEN - 1;
		char line[LINE_LEN];

		memcpy(line, text + at, kept);
		while (kept && strchr("\r", line[kept - 1]))
			kept--;
		line[kept] = '\0';
		status = take_line(&parser, line);
		at += line_len + 1;
	}
	if (!status)
		status = finish(&parser);
	race_free(&parser.race);
	return status;
}
