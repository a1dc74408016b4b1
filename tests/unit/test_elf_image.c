// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "oracles.h"
#include "target/buildinfo.h"
#include "target/elf_image.h"
#include "target/pclntab.h"

static struct oracles oracles;
int some_data[3] = { 1, 2, 3 };

/* A file in memory: `path` opens it. */
static int memory_file(const void *bytes, size_t len, char *path, size_t size)
{
	int fd = memfd_create("test_elf_image", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	snprintf(path, size, "/proc/self/fd/%d", fd);
	return fd;
}

static int open_bytes(const void *bytes, size_t len, struct elf_image *image, struct err *err)
{
	char path[64];
	int fd = memory_file(bytes, len, path, sizeof(path));
	int status = elf_image_open(path, image, err);

	close(fd);
	return status;
}

static uint8_t *read_file(const char *path, size_t *len)
{
	FILE *file = fopen(path, "re");
	uint8_t *bytes;

	assert_non_null(file);
	fseek(file, 0, SEEK_END);
	*len = ftell(file);
	rewind(file);
	bytes = malloc(*len);
	assert_non_null(bytes);
	assert_int_equal(fread(bytes, 1, *len, file), *len);
	fclose(file);
	return bytes;
}

static void reads_itself(void **state)
{
	const struct elf_section *text;
	struct elf_image image;
	uint64_t addr, size, start;
	const uint8_t *bytes;
	struct err err;

	(void)state;
	assert_int_equal(elf_image_open("/proc/self/exe", &image, &err), 0);
	assert_true(image.dynamic && image.has_symtab);
	assert_int_equal(image.machine == EM_X86_64 || image.machine == EM_AARCH64, 1);
	assert_true(image.segment_count > 0 && image.section_count > 10);

	text = elf_section_by_name(&image, ".text");
	assert_non_null(text);
	assert_null(elf_section_by_name(&image, ".no.such.section"));
	bytes = elf_at(&image, text->addr, text->size);
	assert_ptr_equal(bytes, image.bytes + text->offset);
	assert_int_equal(elf_file_offset(&image, text->addr), text->offset);
	assert_true(elf_bytes_from(&image, text->addr) >= text->size);
	assert_null(elf_at(&image, text->addr, image.size));
	assert_null(elf_at(&image, UINT64_MAX, 1));
	assert_null(elf_at(&image, UINT64_MAX - 7, 16));
	assert_int_equal(elf_bytes_from(&image, UINT64_MAX), 0);
	assert_int_equal(elf_file_offset(&image, UINT64_MAX), -1);

	assert_int_equal(elf_symbol_by_name(&image, "some_data", &addr, &size), 0);
	assert_int_equal(size, sizeof(some_data));
	assert_memory_equal(elf_at(&image, addr, size), some_data, sizeof(some_data));
	assert_string_equal(elf_data_symbol_at(&image, addr + 5, &start), "some_data");
	assert_int_equal(start, addr);
	assert_null(elf_data_symbol_at(&image, 0, &start));
	assert_null(elf_data_symbol_at(&image, UINT64_MAX, &start));
	assert_int_equal(elf_symbol_by_name(&image, "no such symbol", &addr, &size), -ENOENT);
	elf_image_close(&image);
	elf_image_close(&image);
}

static void names_what_is_wrong(void **state)
{
	static const char script[] =
		"#!/bin/sh\necho this is longer than a header of an ELF file\n";
	Elf64_Ehdr header = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS32, ELFDATA2LSB, 1 },
			      .e_type = ET_EXEC,
			      .e_machine = EM_X86_64 };
	struct elf_image image;
	struct err err;

	(void)state;
	assert_int_equal(elf_image_open("/no/such/file", &image, &err), -ENOENT);
	assert_non_null(strstr(err.why, "/no/such/file"));
	assert_int_equal(open_bytes("", 0, &image, &err), -ENOEXEC);
	assert_int_equal(open_bytes(script, sizeof(script), &image, &err), -ENOEXEC);
	assert_non_null(strstr(err.why, "is no ELF file"));
	assert_int_equal(open_bytes(&header, sizeof(header), &image, &err), -ENOTSUP);
	assert_non_null(strstr(err.why, "64-bit"));
	header.e_ident[EI_CLASS] = ELFCLASS64;
	header.e_ident[EI_DATA] = ELFDATA2MSB;
	assert_int_equal(open_bytes(&header, sizeof(header), &image, &err), -ENOTSUP);
	header.e_ident[EI_DATA] = ELFDATA2LSB;
	header.e_machine = EM_S390;
	assert_int_equal(open_bytes(&header, sizeof(header), &image, &err), -ENOTSUP);
	assert_non_null(strstr(err.why, "machine"));
	header.e_machine = EM_X86_64;
	assert_int_equal(open_bytes(&header, sizeof(header), &image, &err), -ENOEXEC);
	assert_non_null(strstr(err.why, "truncated"));
	assert_true(*err.todo);
}

static void knows_go_binaries(void **state)
{
	(void)state;
	if (!oracles.count)
		skip();
	for (size_t i = 0; i < oracles.count; i++) {
		struct elf_image image;

		assert_int_equal(elf_image_open(oracles.paths[i], &image, NULL), 0);
		assert_int_equal(image.pie, strstr(oracles.paths[i], "pie") != NULL);
		assert_true(image.has_symtab && image.has_dwarf);
		assert_true(strlen(image.go_build_id) > 60 && strchr(image.go_build_id, '/'));
		assert_true(!*image.build_id || strlen(image.build_id) == 40);
		elf_image_close(&image);
	}
}

static void use(struct elf_image *image)
{
	uint64_t addr, size;
	struct buildinfo info;
	struct pclntab tab;

	elf_symbol_by_name(image, "runtime.none", &addr, &size);
	elf_data_symbol_at(image, 0x500000, &addr);
	elf_section_by_name(image, ".none");
	for (size_t i = 0; i < image->segment_count; i++) {
		const struct elf_segment *segment = &image->segments[i];
		uint64_t last = segment->vaddr + segment->filesz - 1;
		const uint8_t *byte = segment->filesz ? elf_at(image, last, 1) : NULL;

		if (byte)
			assert_in_range(byte - image->bytes, 0, image->size - 1);
	}
	if (!buildinfo_read(image, &info, NULL) &&
	    !pclntab_open(image, info.version.minor, &tab, NULL))
		pclntab_close(&tab);
}

/* Cut at many places: an error or something smaller, never a crash. */
static void survives_truncation(void **state)
{
	const char *path = oracles.count ? oracles.paths[0] : "/proc/self/exe";
	struct elf_image image;
	uint8_t *bytes;
	size_t len;

	(void)state;
	bytes = read_file(path, &len);
	for (size_t cut = 0; cut < len; cut += cut < 4096 ? 64 : len / 29) {
		struct err err = { 0 };

		if (open_bytes(bytes, cut, &image, &err)) {
			assert_true(*err.what && *err.why && *err.todo);
			continue;
		}
		use(&image);
		elf_image_close(&image);
	}
	free(bytes);
}

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/* Damage where it hurts: ELF header, program headers, section headers, symbols. */
static void survives_damage(void **state)
{
	Elf64_Ehdr header;
	uint32_t seed = 7;
	uint8_t *bytes;
	char path[64];
	size_t len;
	int fd;

	(void)state;
	bytes = read_file("/proc/self/exe", &len);
	memcpy(&header, bytes, sizeof(header));
	fd = memory_file(bytes, len, path, sizeof(path));
	for (int round = 0; round < 3000; round++) {
		const struct {
			size_t at, len;
		} places[] = {
			{ 16, sizeof(header) - 16 },
			{ header.e_phoff, header.e_phnum * sizeof(Elf64_Phdr) },
			{ header.e_shoff, header.e_shnum * sizeof(Elf64_Shdr) },
			{ 0, len },
		};
		size_t changed[6];
		struct elf_image image;

		for (int i = 0; i < 6; i++) {
			size_t place = round % 4;
			uint8_t byte = round % 3 ? next_random(&seed) : 0xff;

			changed[i] = places[place].at + next_random(&seed) % places[place].len;
			assert_int_equal(pwrite(fd, &byte, 1, changed[i]), 1);
		}
		if (!elf_image_open(path, &image, NULL)) {
			use(&image);
			elf_image_close(&image);
		}
		for (int i = 0; i < 6; i++)
			assert_int_equal(pwrite(fd, &bytes[changed[i]], 1, changed[i]), 1);
	}
	close(fd);
	free(bytes);
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
		cmocka_unit_test(reads_itself),      cmocka_unit_test(names_what_is_wrong),
		cmocka_unit_test(knows_go_binaries), cmocka_unit_test(survives_truncation),
		cmocka_unit_test(survives_damage),
	};

	return cmocka_run_group_tests(tests, find_oracles, forget_oracles);
}
