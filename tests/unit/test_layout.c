// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The table is compared with the DWARF of the target programs, which another reader reads here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "children.h"
#include "target/elf_image.h"
#include "target/layout.h"
#include "target/layout_dwarf.h"

#define PROGRAMS "build/targets/1.*/zoo"

static int minor_in(const char *path)
{
	return atoi(strstr(path, "/1.") + strlen("/1."));
}

static void the_table_ascends_and_is_usable(void **state)
{
	size_t count;
	const struct layout *table = layout_table(&count);

	(void)state;
	assert_true(count >= 7);
	for (size_t i = 0; i < count; i++) {
		assert_true(layout_is_usable(&table[i]));
		assert_ptr_equal(layout_for_minor(table[i].minor), &table[i]);
		assert_true(!i || table[i - 1].minor < table[i].minor);
	}
	assert_null(layout_for_minor(17));
	assert_null(layout_for_minor(-1));
}

static void a_layout_that_points_outside_is_not_usable(void **state)
{
	const struct layout *good = layout_for_minor(24);
	struct layout bad;

	(void)state;
#define REJECTS(change)                                                                            \
	do {                                                                                       \
		bad = *good;                                                                       \
		change;                                                                            \
		assert_false(layout_is_usable(&bad));                                              \
	} while (0)
	REJECTS(bad.g_goid = LAYOUT_ABSENT);
	REJECTS(bad.g_goid = bad.g_size - 4);
	REJECTS(bad.g_goid = UINT32_MAX - 1);
	REJECTS(bad.g_stack_lo = bad.g_size - 8);
	REJECTS(bad.gobuf_bp = bad.g_size - bad.g_sched);
	REJECTS(bad.gobuf_sp = UINT32_MAX - 4);
	REJECTS(bad.sudog_c = bad.sudog_size);
	REJECTS(bad.g_size = LAYOUT_STRUCT_MAX + 8);
	REJECTS(bad.hchan_size = LAYOUT_ABSENT);
	REJECTS(bad.moduledata_size = 1 << 30);
	REJECTS(bad.semaroot_treap = LAYOUT_SEMA_ROOT_STRIDE);
	REJECTS(bad.semaroot_size = 4096);
	REJECTS(bad.semaroot_size = LAYOUT_ABSENT);
#undef REJECTS
	memset(&bad, 0xff, sizeof(bad));
	assert_false(layout_is_usable(&bad));
	memset(&bad, 0, sizeof(bad));
	assert_false(layout_is_usable(&bad));
}

static void wait_reasons_are_found_both_ways(void **state)
{
	static const char *const in_all[] = { "chan receive",  "chan send", "select",
					      "sleep",         "IO wait",   "semacquire",
					      "sync.Cond.Wait" };
	size_t count;
	const struct layout *table = layout_table(&count);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		int minor = table[i].minor;
		unsigned reasons = wait_reason_count(minor);

		assert_in_range(reasons, 25, 255);
		assert_null(wait_reason_text(minor, reasons));
		assert_null(wait_reason_text(minor, UINT32_MAX));
		assert_int_equal(wait_reason_value(minor, "no such reason"), -1);
		for (size_t j = 0; j < sizeof(in_all) / sizeof(in_all[0]); j++) {
			int value = wait_reason_value(minor, in_all[j]);

			assert_true(value > 0);
			assert_string_equal(wait_reason_text(minor, value), in_all[j]);
		}
	}
	assert_int_equal(wait_reason_count(17), 0);
	assert_null(wait_reason_text(17, 1));
}

/* What DWARF lacks (types the linker dropped) is no contradiction; it must not have more. */
static size_t compare(const struct layout *row, const struct layout *dwarf)
{
	size_t same = 0;

#define X(name, ...)                                                                               \
	if (dwarf->name != LAYOUT_ABSENT) {                                                        \
		if (dwarf->name != row->name)                                                      \
			fail_msg("go1.%d: " #name " is %u, the table says %u", row->minor,         \
				 dwarf->name, row->name);                                          \
		same++;                                                                            \
	}
	LAYOUT_FIELDS(X)
	LAYOUT_SIZES(X)
#undef X
	return same;
}

static void the_table_agrees_with_dwarf(void **state)
{
	size_t compared = 0;
	glob_t found;

	(void)state;
	if (glob(PROGRAMS, 0, NULL, &found))
		skip();
	for (size_t i = 0; i < found.gl_pathc; i++) {
		const struct layout *row = layout_for_minor(minor_in(found.gl_pathv[i]));
		struct layout dwarf;

		if (!row)
			continue;
		assert_int_equal(layout_from_dwarf(found.gl_pathv[i], &dwarf), 0);
		assert_true(layout_is_usable(&dwarf));
		assert_true(compare(row, &dwarf) >= 90);
		compared++;
	}
	globfree(&found);
	if (!compared)
		skip();
}

struct go_string {
	uint64_t addr, len;
};

/* The runtime's own array of texts. */
static void compare_reasons(const char *path)
{
	int minor = minor_in(path);
	uint64_t addr, size;
	struct elf_image image;
	const struct go_string *strings;

	assert_int_equal(elf_image_open(path, &image, NULL), 0);
	assert_int_equal(elf_symbol_by_name(&image, "runtime.waitReasonStrings", &addr, &size), 0);
	assert_int_equal(size / sizeof(*strings), wait_reason_count(minor));
	strings = (const struct go_string *)elf_at(&image, addr, size);
	assert_non_null(strings);
	for (unsigned i = 0; i < size / sizeof(*strings); i++) {
		const char *text = wait_reason_text(minor, i);

		assert_int_equal(strings[i].len, text ? strlen(text) : 0);
		if (strings[i].len)
			assert_memory_equal(elf_at(&image, strings[i].addr, strings[i].len), text,
					    strings[i].len);
	}
	elf_image_close(&image);
}

static void the_table_agrees_with_the_runtimes_wait_reasons(void **state)
{
	glob_t found;

	(void)state;
	if (glob(PROGRAMS, 0, NULL, &found))
		skip();
	for (size_t i = 0; i < found.gl_pathc; i++)
		if (layout_for_minor(minor_in(found.gl_pathv[i])))
			compare_reasons(found.gl_pathv[i]);
	globfree(&found);
}

static void without_dwarf_there_is_no_layout(void **state)
{
	struct layout layout;
	glob_t found;

	(void)state;
	assert_int_equal(layout_from_dwarf("/nonexistent", &layout), -ENOENT);
	assert_int_equal(layout_from_dwarf("/proc/self/cmdline", &layout), -ENOENT);
	assert_int_equal(layout_from_dwarf("/proc/self/exe", &layout), -ENOENT);
	if (glob("build/targets/1.*/stripped/zoo", 0, NULL, &found))
		return;
	assert_int_equal(layout_from_dwarf(found.gl_pathv[0], &layout), -ENOENT);
	globfree(&found);
}

/* Whatever comes of it, it must be an answer, soon, and not one that reads out of bounds. */
static void damage(const char *path, uint64_t offset, uint64_t size, unsigned seed)
{
	FILE *file = fopen(path, "r+b");

	assert_non_null(file);
	srandom(seed);
	for (int i = 0; i < 200; i++) {
		fseek(file, offset + random() % size, SEEK_SET);
		fputc(random(), file);
	}
	fclose(file);
}

static void damaged_dwarf_ends_in_an_answer(void **state)
{
	static const char *const sections[] = { ".debug_info", ".zdebug_info", ".debug_abbrev",
						".zdebug_abbrev" };
	char copy[] = "/tmp/test_layout.XXXXXX";
	glob_t found;

	(void)state;
	if (glob(PROGRAMS, 0, NULL, &found))
		skip();
	for (unsigned seed = 0; seed < 8; seed++) {
		const struct elf_section *section = NULL;
		struct elf_image image;
		struct layout layout;

		strcpy(copy + strlen(copy) - 6, "XXXXXX");
		copy_executable(found.gl_pathv[seed % found.gl_pathc], copy);
		assert_int_equal(elf_image_open(copy, &image, NULL), 0);
		for (size_t i = 0; i < 4; i++) {
			section = elf_section_by_name(&image, sections[(i + 2 * seed) % 4]);
			if (section)
				break;
		}
		assert_non_null(section);
		damage(copy, section->offset, section->size, seed);
		if (!layout_from_dwarf(copy, &layout))
			layout_is_usable(&layout);
		elf_image_close(&image);
		unlink(copy);
	}
	globfree(&found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_ascends_and_is_usable),
		cmocka_unit_test(a_layout_that_points_outside_is_not_usable),
		cmocka_unit_test(wait_reasons_are_found_both_ways),
		cmocka_unit_test(the_table_agrees_with_dwarf),
		cmocka_unit_test(the_table_agrees_with_the_runtimes_wait_reasons),
		cmocka_unit_test(without_dwarf_there_is_no_layout),
		cmocka_unit_test(damaged_dwarf_ends_in_an_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
