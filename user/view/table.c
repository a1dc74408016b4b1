// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "view/table.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"

#define GAP 2
/* Rather than have less of it, optional columns go; then it gets as narrow as it must. */
#define ELASTIC_COMFORT 24
#define ELASTIC_LEAST 8

struct table {
	const struct table_column *columns;
	size_t column_count;
	VEC(char *) cells;
	bool out_of_memory;
};

struct shape {
	int *width;  /* 0: the column is left out */
	int natural; /* width of the elastic column's longest text */
	int total;
};

struct table *table_new(const struct table_column *columns, size_t count)
{
	struct table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	table->columns = columns;
	table->column_count = count;
	return table;
}

void table_free(struct table *table)
{
	if (!table)
		return;
	for (size_t i = 0; i < table->cells.len; i++)
		free(table->cells.data[i]);
	vec_free(&table->cells);
	free(table);
}

/* Names and labels are the traced program's: they must not command the terminal. */
static void defuse(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
}

void table_cell(struct table *table, const char *format, ...)
{
	char **cell = vec_push(&table->cells);
	va_list args;

	if (!cell) {
		table->out_of_memory = true;
		return;
	}
	va_start(args, format);
	if (vasprintf(cell, format, args) < 0) {
		*cell = NULL;
		table->out_of_memory = true;
	} else {
		defuse(*cell);
	}
	va_end(args);
}

/* Columns on the screen: bytes that do not continue a UTF-8 sequence. */
static int display_width(const char *text)
{
	int width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

static bool is_empty(const struct table *table, size_t column)
{
	for (size_t i = column; i < table->cells.len; i += table->column_count)
		if (*table->cells.data[i])
			return false;
	return table->cells.len;
}

static void measure(const struct table *table, struct shape *shape)
{
	shape->total = 0;
	for (size_t column = 0; column < table->column_count; column++) {
		int *width = &shape->width[column];

		if (table->columns[column].optional && is_empty(table, column))
			continue;
		*width = display_width(table->columns[column].title);
		for (size_t i = column; i < table->cells.len; i += table->column_count)
			if (display_width(table->cells.data[i]) > *width)
				*width = display_width(table->cells.data[i]);
		shape->total += *width + (column ? GAP : 0);
		if (table->columns[column].elastic)
			shape->natural = *width;
	}
}

static void shrink_elastic(const struct table *table, struct shape *shape, int width, int least)
{
	for (size_t column = 0; column < table->column_count && shape->total > width; column++) {
		int excess = shape->total - width, *elastic = &shape->width[column];

		if (!table->columns[column].elastic)
			continue;
		if (*elastic - excess < least)
			excess = *elastic > least ? *elastic - least : 0;
		*elastic -= excess;
		shape->total -= excess;
	}
}

static void fit(const struct table *table, struct shape *shape, int width)
{
	shrink_elastic(table, shape, width, ELASTIC_COMFORT);
	for (size_t column = table->column_count; column-- > 0 && shape->total > width;) {
		if (!table->columns[column].optional)
			continue;
		shape->total -= shape->width[column] + GAP;
		shape->width[column] = 0;
	}
	shrink_elastic(table, shape, width, ELASTIC_LEAST);
	for (size_t column = 0; column < table->column_count; column++) {
		int *elastic = &shape->width[column], room = width - shape->total;

		/* what the columns that were left out gave free */
		if (table->columns[column].elastic && room > 0 && *elastic < shape->natural)
			*elastic = *elastic + room < shape->natural ? *elastic + room :
								      shape->natural;
	}
}

static const char *tail_of(const char *text, int width)
{
	int surplus = display_width(text) - width;

	for (; surplus > 0 && *text; text++)
		surplus -= ((unsigned char)text[1] & 0xc0) != 0x80;
	return text;
}

static void print_cell(FILE *out, const char *text, const struct table_column *column, int width,
		       bool last)
{
	int used = display_width(text);

	if (used > width) {
		fprintf(out, "..%s", tail_of(text, width - 2));
		return;
	}
	if (!column->left)
		fprintf(out, "%*s", width - used, "");
	fputs(text, out);
	if (column->left && !last)
		fprintf(out, "%*s", width - used, "");
}

static void print_row(const struct table *table, FILE *out, const struct shape *shape,
		      char *const *cells)
{
	size_t last = table->column_count - 1;
	bool first = true;

	while (last && !shape->width[last])
		last--;
	for (size_t column = 0; column <= last; column++) {
		if (!shape->width[column])
			continue;
		fprintf(out, "%*s", first ? 0 : GAP, "");
		print_cell(out, cells ? cells[column] : table->columns[column].title,
			   &table->columns[column], shape->width[column], column == last);
		first = false;
	}
	fputc('\n', out);
}

int table_print(const struct table *table, FILE *out, int width, bool bold)
{
	struct shape shape = { .width = calloc(table->column_count, sizeof(int)) };

	if (!shape.width || table->out_of_memory) {
		free(shape.width);
		return -ENOMEM;
	}
	measure(table, &shape);
	fit(table, &shape, width);
	if (bold)
		fputs("\033[1m", out);
	print_row(table, out, &shape, NULL);
	if (bold)
		fputs("\033[0m", out);
	for (size_t i = 0; i + table->column_count <= table->cells.len; i += table->column_count)
		print_row(table, out, &shape, &table->cells.data[i]);
	free(shape.width);
	return 0;
}
