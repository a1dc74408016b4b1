// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "export/flame_text.h"

struct line {
	char *text;
	uint64_t value;
};

static void write_name(FILE *out, const char *name)
{
	for (const unsigned char *at = (const unsigned char *)name; *at; at++)
		if (*at == ';' || *at < ' ' || *at == 0x7f)
			fprintf(out, "%%%02x", *at);
		else
			fputc(*at, out);
}

static char *line_of(const struct flame *flame, const struct flame_stack *stack)
{
	char name[FLAME_NAME_MAX], clean[FLAME_NAME_MAX], *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	for (size_t i = 0; i < stack->frame_count; i++) {
		if (i)
			fputc(';', out);
		flame_frame_name(&flame->frames.data[stack->first_frame + i], name, sizeof(name));
		flame_utf8(name, clean, sizeof(clean));
		write_name(out, clean);
	}
	if (!fclose(out))
		return text;
	free(text);
	return NULL;
}

static int by_text(const void *a, const void *b, void *ctx)
{
	(void)ctx;
	return strcmp(((const struct line *)a)->text, ((const struct line *)b)->text);
}

int flame_folded(FILE *out, const struct flame_source *source)
{
	const struct flame *flame = source->flame;
	VEC(struct line) lines = { 0 };
	int status = 0;

	for (size_t i = 0; i < flame->stacks.len && !status; i++) {
		struct line *line = vec_push(&lines);

		if (line) {
			line->value = flame_value(flame, &flame->stacks.data[i]);
			line->text = line_of(flame, &flame->stacks.data[i]);
		}
		if (!line || !line->text)
			status = -ENOMEM;
	}
	if (!status)
		vec_sort(&lines, by_text, NULL);
	/* stacks that differ in source lines only are the same line here */
	for (size_t i = 0; i < lines.len && !status; i++) {
		if (i + 1 < lines.len && !strcmp(lines.data[i].text, lines.data[i + 1].text))
			lines.data[i + 1].value += lines.data[i].value;
		else
			fprintf(out, "%s %" PRIu64 "\n", lines.data[i].text, lines.data[i].value);
	}
	for (size_t i = 0; i < lines.len; i++)
		free(lines.data[i].text);
	vec_free(&lines);
	return status;
}
