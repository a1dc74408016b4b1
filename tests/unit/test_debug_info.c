// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "oracles.h"
#include "target/debug_info.h"
#include "target/debug_type.h"
#include "target/elf_image.h"
#include "target/layout_dwarf.h"

static struct oracles oracles;

struct wanted {
	const char *type;
};

static bool is_wanted(void *ctx, const char *name, uint64_t offset)
{
	const struct wanted *wanted = ctx;

	return !offset && !strcmp(name, wanted->type);
}

static void test_fields_lie_where_the_layout_has_them(void **state)
{
	(void)state;
	for (size_t i = 0; i < oracles.count; i++) {
		struct debug_info *info = debug_info_open(oracles.paths[i]);
		struct wanted wanted = { "[]*runtime.mspan" };
		char path[64] = "mheap";
		struct layout layout;
		Dwarf_Die type;

		assert_non_null(info);
		assert_int_equal(layout_from_dwarf(oracles.paths[i], &layout), 0);
		assert_true(debug_info_variable(info, "runtime.mheap_", &type));
		assert_true(debug_type_path(&type, layout.mheap_allspans, is_wanted, &wanted, path,
					    sizeof(path)));
		assert_string_equal(path, "mheap.allspans");
		/* not in the middle of it, and not of another type */
		assert_false(debug_type_path(&type, layout.mheap_allspans + 8, is_wanted, &wanted,
					     path, sizeof(path)));
		wanted.type = "sync.Mutex";
		assert_false(debug_type_path(&type, layout.mheap_allspans, is_wanted, &wanted, path,
					     sizeof(path)));
		/* a name that does not fit is none */
		wanted.type = "[]*runtime.mspan";
		strcpy(path, "");
		assert_false(
			debug_type_path(&type, layout.mheap_allspans, is_wanted, &wanted, path, 5));
		assert_false(debug_info_variable(info, "runtime.no_such_variable", &type));
		assert_false(debug_info_variable(info, "no/such.package", &type));
		debug_info_close(info);
	}
}

/* Every byte of the sections that is changed may make it lie: it must end, and touch nothing else. */
static void test_damaged_sections_do_no_harm(void **state)
{
	const char *oracle = oracles.count ? oracles.paths[0] : NULL;
	struct elf_image image;
	struct err err;

	(void)state;
	if (!oracle)
		skip();
	assert_int_equal(elf_image_open(oracle, &image, &err), 0);
	srand(1);
	for (int round = 0; round < 30; round++) {
		int fd = memfd_create("test_debug_info", MFD_CLOEXEC);
		struct debug_info *info;
		char path[64];
		Dwarf_Die type;
		size_t count;

		assert_int_equal(write(fd, image.bytes, image.size), image.size);
		for (size_t i = 0; i < image.section_count; i++) {
			const struct elf_section *section = &image.sections[i];

			if (strncmp(section->name, ".debug", 6) != 0 || section->size < 64)
				continue;
			for (int j = 0; j < 20; j++) {
				uint8_t byte = rand();

				assert_int_equal(
					pwrite(fd, &byte, 1,
					       (off_t)(section->offset + rand() % section->size)),
					1);
			}
		}
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		info = debug_info_open(path);
		for (uint64_t pc = image.segments[0].vaddr;
		     info && pc < image.segments[0].vaddr + image.segments[0].memsz; pc += 50021)
			debug_info_values(info, pc, pc + 1, &count);
		if (info)
			debug_info_variable(info, "runtime.mheap_", &type);
		debug_info_close(info);
		close(fd);
	}
	elf_image_close(&image);
}

static void test_no_debug_info_is_none(void **state)
{
	(void)state;
	assert_null(debug_info_open("/no/such/file"));
	assert_null(debug_info_open("/proc/self/comm"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields_lie_where_the_layout_has_them),
		cmocka_unit_test(test_damaged_sections_do_no_harm),
		cmocka_unit_test(test_no_debug_info_is_none),
	};
	int failed;

	oracles_find(&oracles);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	oracles_free(&oracles);
	return failed;
}
