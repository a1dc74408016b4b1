// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oracles.h"
#include "target/buildinfo.h"

static struct oracles oracles;

#define MODULE_TEXT                                                                                \
	"path\texample.org/shop/cmd/server\n"                                                      \
	"mod\texample.org/shop\tv1.2.3\th1:abc=\n"                                                 \
	"dep\texample.org/other\tv0.1.0\n"                                                         \
	"build\t-compiler=gc\n"                                                                    \
	"build\t-trimpath=true\n"                                                                  \
	"build\tvcs.revision=0123456789abcdef0123456789abcdef01234567\n"
#define FRAME "0123456789abcdef"

/* One writable segment at address 0x1000 that holds nothing but the build information. */
struct made {
	struct elf_image image;
	struct elf_segment segment;
	uint8_t bytes[1024];
};

static void make(struct made *made, uint8_t flags, const char *version, const char *module)
{
	uint8_t *at = made->bytes + 64;
	size_t len = module ? strlen(module) + 2 * strlen(FRAME) : 0;

	memset(made, 0, sizeof(*made));
	memcpy(at, "\xff Go buildinf:\x08", 15);
	at[15] = flags;
	at += 32;
	if (flags & 2) {
		*at++ = strlen(version);
		memcpy(at, version, strlen(version));
		at += strlen(version);
		if (len >= 128)
			*at++ = 0x80 | (len & 0x7f);
		*at++ = len >= 128 ? len >> 7 : len;
		if (len)
			sprintf((char *)at, "%s%s%s", FRAME, module, FRAME);
	}
	made->segment = (struct elf_segment){ 0x1000, 0, sizeof(made->bytes), sizeof(made->bytes),
					      PF_R | PF_W };
	made->image = (struct elf_image){ .bytes = made->bytes,
					  .size = sizeof(made->bytes),
					  .segments = &made->segment,
					  .segment_count = 1 };
}

static void parses_versions(void **state)
{
	static const struct {
		const char *text;
		int status, major, minor, patch;
	} cases[] = {
		{ "go1.24.4", 0, 1, 24, 4 },
		{ "go1.24", 0, 1, 24, 0 },
		{ "go1.27rc1", 0, 1, 27, -1 },
		{ "go1.27-abc", 0, 1, 27, -1 },
		{ "devel go1.28-0f3a Tue Nov 24", 0, 1, 28, -1 },
		{ "go1.22.12 X:boringcrypto", 0, 1, 22, 12 },
		{ "go1.19.8-debian", 0, 1, 19, -1 },
		{ "devel +abcdef", -EINVAL, 0, 0, 0 },
		{ "go", -EINVAL, 0, 0, 0 },
		{ "go1", -EINVAL, 0, 0, 0 },
		{ "go1.", -EINVAL, 0, 0, 0 },
		{ "go1.x", -EINVAL, 0, 0, 0 },
		{ "", -EINVAL, 0, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct go_version version = { 0 };

		assert_int_equal(go_version_parse(cases[i].text, &version), cases[i].status);
		if (cases[i].status)
			continue;
		assert_int_equal(version.major, cases[i].major);
		assert_int_equal(version.minor, cases[i].minor);
		assert_int_equal(version.patch, cases[i].patch);
	}
}

static void reads_inline_strings(void **state)
{
	struct buildinfo info;
	struct made made;

	(void)state;
	make(&made, 2, "go1.24.4", MODULE_TEXT);
	assert_int_equal(buildinfo_read(&made.image, &info, NULL), 0);
	assert_string_equal(info.go_version, "go1.24.4");
	assert_int_equal(info.version.minor, 24);
	assert_string_equal(info.path, "example.org/shop/cmd/server");
	assert_string_equal(info.module, "example.org/shop");
	assert_string_equal(info.vcs_revision, "0123456789abcdef0123456789abcdef01234567");
	assert_true(info.trimpath);

	make(&made, 2, "go1.18", NULL);
	assert_int_equal(buildinfo_read(&made.image, &info, NULL), 0);
	assert_string_equal(info.go_version, "go1.18");
	assert_string_equal(info.path, "");
	assert_false(info.trimpath);
}

static void refuses_old_versions(void **state)
{
	uint64_t string[2] = { 0x1000 + 512, 8 }, pointer = 0x1000 + 256;
	struct buildinfo info;
	struct made made;
	struct err err;

	(void)state;
	make(&made, 2, "go1.17.3", NULL);
	assert_int_equal(buildinfo_read(&made.image, &info, &err), -ENOTSUP);
	assert_non_null(strstr(err.why, "go1.17.3"));
	assert_non_null(strstr(err.todo, "Go 1.18"));

	make(&made, 0, NULL, NULL);
	assert_int_equal(buildinfo_read(&made.image, &info, &err), -ENOTSUP);
	assert_non_null(strstr(err.why, "before 1.18"));

	memcpy(made.bytes + 64 + 16, &pointer, sizeof(pointer));
	memcpy(made.bytes + 256, string, sizeof(string));
	memcpy(made.bytes + 512, "go1.16.5", 8);
	assert_int_equal(buildinfo_read(&made.image, &info, &err), -ENOTSUP);
	assert_non_null(strstr(err.why, "go1.16.5"));

	string[1] = UINT64_MAX;
	memcpy(made.bytes + 256, string, sizeof(string));
	assert_int_equal(buildinfo_read(&made.image, &info, &err), -ENOTSUP);
}

static void refuses_what_is_not_go(void **state)
{
	static const char strings[] = "\0libc.so.6\0libgo.so.21\0";
	struct elf_section dynstr = { ".dynstr", 0, 0, sizeof(strings), 0, SHT_STRTAB };
	struct elf_image gccgo = { .bytes = (const uint8_t *)strings,
				   .size = sizeof(strings),
				   .sections = &dynstr,
				   .section_count = 1 };
	struct elf_image image;
	struct buildinfo info;
	struct made made;
	struct err err;

	(void)state;
	assert_int_equal(elf_image_open("/bin/sh", &image, NULL), 0);
	assert_int_equal(buildinfo_read(&image, &info, &err), -ENOENT);
	assert_non_null(strstr(err.why, "not written in Go"));
	elf_image_close(&image);

	assert_int_equal(buildinfo_read(&gccgo, &info, &err), -ENOTSUP);
	assert_non_null(strstr(err.why, "gccgo"));
	free(gccgo.symbols);

	make(&made, 2, "gopher", NULL);
	assert_int_equal(buildinfo_read(&made.image, &info, &err), -ENOTSUP);
	assert_non_null(strstr(err.why, "gopher"));

	make(&made, 2, "go1.24.4", MODULE_TEXT);
	made.segment.filesz = 64 + 32 + 4;
	assert_int_equal(buildinfo_read(&made.image, &info, &err), -ENOEXEC);
	free(made.image.symbols);
}

static void survives_damage(void **state)
{
	uint32_t seed = 3;

	(void)state;
	for (int round = 0; round < 5000; round++) {
		struct buildinfo info;
		struct made made;

		make(&made, 2, "go1.24.4", MODULE_TEXT);
		for (int i = 0; i < 4; i++) {
			seed = seed * 1664525 + 1013904223;
			made.bytes[64 + 15 + (seed >> 8) % 400] = seed >> 24;
		}
		buildinfo_read(&made.image, &info, NULL);
		assert_true(memchr(info.path, 0, sizeof(info.path)) &&
			    memchr(info.module, 0, sizeof(info.module)));
		free(made.image.symbols);
	}
}

static void reads_go_binaries(void **state)
{
	(void)state;
	if (!oracles.count)
		skip();
	for (size_t i = 0; i < oracles.count; i++) {
		struct buildinfo info, found;
		struct elf_image image;
		const char *minor;
		size_t sections;

		assert_int_equal(elf_image_open(oracles.paths[i], &image, NULL), 0);
		assert_int_equal(buildinfo_read(&image, &info, NULL), 0);
		assert_int_equal(info.version.major, 1);
		minor = strstr(oracles.paths[i], "/1.");
		if (minor)
			assert_int_equal(info.version.minor, atoi(minor + 3));
		assert_true(*info.path);
		sections = image.section_count;
		image.section_count = 0;
		assert_int_equal(buildinfo_read(&image, &found, NULL), 0);
		assert_memory_equal(&info, &found, sizeof(info));
		image.section_count = sections;
		elf_image_close(&image);
	}
}

static int find_oracles(void **state)
{
	(void)state;
	oracles_find(&oracles);
	return 0;
}

static int forget_oracles(void **state)
{
	(void)state;
	oracles_free(&oracles);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_versions),      cmocka_unit_test(reads_inline_strings),
		cmocka_unit_test(refuses_old_versions), cmocka_unit_test(refuses_what_is_not_go),
		cmocka_unit_test(survives_damage),      cmocka_unit_test(reads_go_binaries),
	};

	return cmocka_run_group_tests(tests, find_oracles, forget_oracles);
}
