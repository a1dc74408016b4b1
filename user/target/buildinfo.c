// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "target/buildinfo.h"

#include <ctype.h>
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * The header is 32 bytes, 16-aligned: magic, pointer size, flags. With flag 2 (Go 1.18 on) two
 * strings follow, each with its length as a varint: version and module data (debug/buildinfo).
 * Without it, a pointer to the version's string header follows.
 */
static const char magic[] = "\xff Go buildinf:";
#define MAGIC_LEN 14
#define HEADER_LEN 32
#define FLAG_BIG_ENDIAN 1
#define FLAG_INLINE_STRINGS 2
#define MODULE_DATA_FRAME 16 /* bytes of sentinel before and behind the text */
#define OLDEST_MINOR 18

#define WHAT "reading Go's build information"

int go_version_parse(const char *text, struct go_version *version)
{
	const char *at = strstr(text, "go");
	char *end;

	if (!at || !isdigit((unsigned char)at[2]))
		return -EINVAL;
	version->major = strtol(at + 2, &end, 10);
	if (*end != '.' || !isdigit((unsigned char)end[1]))
		return -EINVAL;
	version->minor = strtol(end + 1, &end, 10);
	version->patch = 0;
	if (*end == '.' && isdigit((unsigned char)end[1]))
		version->patch = strtol(end + 1, &end, 10);
	if (*end && *end != ' ')
		version->patch = -1;
	return 0;
}

static bool is_header(const uint8_t *bytes)
{
	return !memcmp(bytes, magic, MAGIC_LEN) && (bytes[14] == 4 || bytes[14] == 8) &&
	       bytes[15] <= (FLAG_BIG_ENDIAN | FLAG_INLINE_STRINGS);
}

static const uint8_t *find_in_segments(const struct elf_image *image, bool writable, size_t *left)
{
	for (size_t i = 0; i < image->segment_count; i++) {
		const struct elf_segment *segment = &image->segments[i];
		const uint8_t *bytes = image->bytes + segment->offset;

		if (!!(segment->flags & PF_W) != writable)
			continue;
		for (uint64_t at = (16 - segment->vaddr % 16) % 16;
		     at + HEADER_LEN <= segment->filesz; at += 16)
			if (is_header(bytes + at)) {
				*left = segment->filesz - at;
				return bytes + at;
			}
	}
	return NULL;
}

/* The linker puts it into writable data; elsewhere may lie copies, as in the go command itself. */
static const uint8_t *find_header(const struct elf_image *image, size_t *left)
{
	const struct elf_section *section = elf_section_by_name(image, ".go.buildinfo");
	const uint8_t *found;

	if (section && section->type != SHT_NOBITS && section->size >= HEADER_LEN &&
	    is_header(image->bytes + section->offset)) {
		*left = section->size;
		return image->bytes + section->offset;
	}
	found = find_in_segments(image, true, left);
	return found ? found : find_in_segments(image, false, left);
}

/* A string with its length before it; advances *at, or gives NULL when it does not fit. */
static const char *take_string(const uint8_t **at, const uint8_t *end, size_t *len)
{
	uint64_t value = 0;
	int shift = 0;
	const char *text;

	for (; *at < end && shift < 63; shift += 7) {
		uint8_t byte = *(*at)++;

		value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			break;
	}
	if (*at >= end || value > (uint64_t)(end - *at))
		return NULL;
	text = (const char *)*at;
	*len = value;
	*at += value;
	return text;
}

static bool take_value(const char *line, size_t len, const char *key, char *to, size_t size)
{
	size_t key_len = strlen(key), value_len;

	if (len < key_len || memcmp(line, key, key_len))
		return false;
	value_len = len - key_len < size - 1 ? len - key_len : size - 1;
	memcpy(to, line + key_len, value_len);
	to[value_len] = '\0';
	return true;
}

static void parse_module_data(const char *text, size_t len, struct buildinfo *info)
{
	const char *end;

	if (len < 2 * MODULE_DATA_FRAME)
		return;
	end = text + len - MODULE_DATA_FRAME;
	for (text += MODULE_DATA_FRAME; text < end;) {
		const char *newline = memchr(text, '\n', end - text);
		size_t line = (newline ? newline : end) - text;
		char value[64];

		if (take_value(text, line, "path\t", info->path, sizeof(info->path)) ||
		    take_value(text, line, "build\tvcs.revision=", info->vcs_revision,
			       sizeof(info->vcs_revision))) {
		} else if (take_value(text, line, "mod\t", info->module, sizeof(info->module))) {
			info->module[strcspn(info->module, "\t")] = '\0';
		} else if (take_value(text, line, "build\t-trimpath=", value, sizeof(value))) {
			info->trimpath = !strcmp(value, "true");
		}
		text += line + 1;
	}
}

static bool names_library(const struct elf_image *image, const char *library)
{
	const struct elf_section *strings = elf_section_by_name(image, ".dynstr");

	return strings && strings->type != SHT_NOBITS &&
	       memmem(image->bytes + strings->offset, strings->size, library, strlen(library));
}

/* Other compilers of Go, told by what only they leave in a file. */
static const char *other_compiler(struct elf_image *image)
{
	uint64_t addr;

	if (names_library(image, "libgo.so.") || elf_section_by_name(image, ".go_export") ||
	    !elf_symbol_by_name(image, "__go_init_main", &addr, NULL) ||
	    !elf_symbol_by_name(image, "__go_go", &addr, NULL) ||
	    !elf_symbol_by_name(image, "runtime_mstart", &addr, NULL))
		return "gccgo";
	if (!elf_symbol_by_name(image, "tinygo_startTask", &addr, NULL) ||
	    !elf_symbol_by_name(image, "tinygo_task_exit", &addr, NULL) ||
	    !elf_symbol_by_name(image, "tinygo_scanCurrentStack", &addr, NULL))
		return "TinyGo";
	return NULL;
}

static int too_old(const char *version, struct err *err)
{
	return err_set(err, ENOTSUP, WHAT, "build the program with Go 1.18 or newer",
		       "it was built with %s", version);
}

static int not_go(const struct elf_image *image, struct err *err)
{
	const char *compiler = other_compiler((struct elf_image *)image);

	if (compiler)
		return err_set(err, ENOTSUP, WHAT, "build it with the standard Go toolchain",
			       "the program was built by %s, whose runtime is another one",
			       compiler);
	if (elf_section_by_name(image, ".gopclntab") ||
	    elf_section_by_name(image, ".note.go.buildid"))
		return too_old("a Go version before 1.13, or its build information was removed",
			       err);
	return err_set(err, ENOENT, WHAT, "name a Go process; `conctrace ls` lists them",
		       "the program is not written in Go");
}

/* The version where a pointer leads to it; "" where that is filled in at run time only (PIE). */
static void pointed_version(const struct elf_image *image, const uint8_t *header, char *to,
			    size_t size)
{
	uint64_t pointer, string[2] = { 0 };
	const uint8_t *at, *text = NULL;

	memcpy(&pointer, header + 16, sizeof(pointer));
	at = elf_at(image, pointer, sizeof(string));
	if (at)
		memcpy(string, at, sizeof(string));
	if (string[1] < size)
		text = elf_at(image, string[0], string[1]);
	snprintf(to, size, "%.*s", text ? (int)string[1] : 0, text ? (const char *)text : "");
}

int buildinfo_read(const struct elf_image *image, struct buildinfo *info, struct err *err)
{
	const char *version, *module_data;
	const uint8_t *at, *end;
	size_t left = 0, len;

	memset(info, 0, sizeof(*info));
	at = find_header(image, &left);
	if (!at)
		return not_go(image, err);
	end = at + left;
	if (!(at[15] & FLAG_INLINE_STRINGS)) {
		pointed_version(image, at, info->go_version, sizeof(info->go_version));
		return too_old(*info->go_version ? info->go_version : "a Go version before 1.18",
			       err);
	}
	at += HEADER_LEN;
	version = take_string(&at, end, &len);
	if (!version || !len)
		return err_set(err, ENOEXEC, WHAT, "check that the file is whole", "it is cut off");
	snprintf(info->go_version, sizeof(info->go_version), "%.*s", (int)(len < 63 ? len : 63),
		 version);
	if (go_version_parse(info->go_version, &info->version))
		return err_set(err, ENOTSUP, WHAT, "build it with a released Go toolchain",
			       "no version in \"%s\"", info->go_version);
	if (info->version.major == 1 && info->version.minor < OLDEST_MINOR)
		return too_old(info->go_version, err);
	module_data = take_string(&at, end, &len);
	if (module_data)
		parse_module_data(module_data, len, info);
	return 0;
}
