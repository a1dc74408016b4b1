// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Rows fit every width, and what is cut is cut where it should be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "model/format.h"
#include "view/table.h"

static const struct table_column columns[] = {
	{ .title = "ADDRESS", .left = true },
	{ .title = "WAITS" },
	{ .title = "SHARE", .optional = true },
	{ .title = "MEAN", .optional = true },
	{ .title = "SITE", .left = true, .elastic = true },
};

/* The table's text; to be freed. */
static char *print(int width)
{
	struct table *table = table_new(columns, sizeof(columns) / sizeof(columns[0]));
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(table);
	assert_non_null(out);
	for (int i = 0; i < 3; i++) {
		table_cell(table, "0xc00001234%d", i);
		table_cell(table, "%d", 1000 * i);
		table_cell(table, "99%%");
		table_cell(table, "1.25ms");
		table_cell(table, "example.(*inventory).lookUpAndReserve inventory.go:%d", 100 + i);
	}
	assert_int_equal(table_print(table, out, width, false), 0);
	fclose(out);
	table_free(table);
	return text;
}

static void leaves_out_what_is_empty_and_defuses_the_rest(void **state)
{
	struct table *table = table_new(columns, sizeof(columns) / sizeof(columns[0]));
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	for (int i = 0; i < 2; i++) {
		table_cell(table, "a\033[31mb");
		table_cell(table, "1");
		table_cell(table, "%s", "");
		table_cell(table, "%s", i ? "x" : "");
		table_cell(table, "c\nd\177");
	}
	assert_int_equal(table_print(table, out, 100, false), 0);
	fclose(out);
	assert_null(strchr(text, 033));
	assert_null(strstr(text, "SHARE"));
	assert_non_null(strstr(text, "MEAN"));
	assert_non_null(strstr(text, "a?[31mb"));
	assert_non_null(strstr(text, "c?d?\n"));
	table_free(table);
	free(text);
}

static void rows_fit_the_width(void **state)
{
	(void)state;
	for (int width = 30; width < 140; width++) {
		char *text = print(width), *rest = NULL;
		int lines = 0;

		for (char *line = strtok_r(text, "\n", &rest); line;
		     line = strtok_r(NULL, "\n", &rest)) {
			assert_true((int)strlen(line) <= width);
			lines++;
		}
		assert_int_equal(lines, 4);
		free(text);
	}
}

static void a_wide_screen_shows_everything(void **state)
{
	char *text = print(200);

	(void)state;
	assert_non_null(strstr(text, "SHARE"));
	assert_non_null(strstr(text, "example.(*inventory).lookUpAndReserve inventory.go:102"));
	free(text);
}

static void optional_columns_go_before_the_place_does(void **state)
{
	char *text = print(50);

	(void)state;
	assert_null(strstr(text, "SHARE"));
	assert_null(strstr(text, "MEAN"));
	/* the end of it says more than its beginning */
	assert_non_null(strstr(text, "inventory.go:102\n"));
	assert_non_null(strstr(text, ".."));
	free(text);
}

static void numbers_are_short(void **state)
{
	char text[32];

	(void)state;
	assert_string_equal(format_duration(text, sizeof(text), 0), "0ns");
	assert_string_equal(format_duration(text, sizeof(text), 1500), "1.50us");
	assert_string_equal(format_duration(text, sizeof(text), 999999), "1000us");
	assert_string_equal(format_duration(text, sizeof(text), 12345678), "12.3ms");
	assert_string_equal(format_duration(text, sizeof(text), 192000000000), "3m12s");
	assert_string_equal(format_duration(text, sizeof(text), 7500000000000), "2h05m");
	assert_string_equal(format_count(text, sizeof(text), 9999), "9999");
	assert_string_equal(format_count(text, sizeof(text), 12345), "12.3k");
	assert_string_equal(format_count(text, sizeof(text), 4560000), "4.56M");
}

static void places_lose_their_directories(void **state)
{
	const struct pclntab_frame frame = { .function = "net/http.(*conn).serve",
					     .file = "/usr/lib/go/src/net/http/server.go",
					     .line = 2092 };
	const struct pclntab_frame generic = { .function = "example.com/a/b.Map[go.shape.int]",
					       .file = "b/map.go",
					       .line = 7 };
	char text[128];

	(void)state;
	assert_string_equal(format_place(text, sizeof(text), &frame),
			    "http.(*conn).serve server.go:2092");
	assert_string_equal(format_place(text, sizeof(text), &generic), "b.Map[...] map.go:7");
	assert_string_equal(format_place(text, sizeof(text), NULL), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_fit_the_width),
		cmocka_unit_test(leaves_out_what_is_empty_and_defuses_the_rest),
		cmocka_unit_test(a_wide_screen_shows_everything),
		cmocka_unit_test(optional_columns_go_before_the_place_does),
		cmocka_unit_test(numbers_are_short),
		cmocka_unit_test(places_lose_their_directories),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
