// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "target/elf_image.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "target/elf_symbols.h"

#define WHAT "reading the executable"
#define TODO_REBUILD "check that the file is whole"
#define SEGMENTS_MAX 256
#define NOTES_MAX 64
#define NT_GO_BUILD_ID 4 /* cmd/link/internal/ld/elf.go, ELF_NOTE_GOBUILDID_TAG */

/* [offset, offset + len) of the file, or NULL. */
static const uint8_t *bytes_at(const struct elf_image *image, uint64_t offset, uint64_t len)
{
	if (offset > image->size || len > image->size - offset)
		return NULL;
	return image->bytes + offset;
}

static int map_file(const char *path, struct elf_image *image, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat stat;
	void *bytes;

	if (fd < 0) {
		int why = errno;

		return err_set(err, why, WHAT,
			       why == ENOENT || why == ESRCH ?
				       "check the process id; a kernel thread has no executable" :
				       "run it as root, or with CAP_SYS_PTRACE",
			       "cannot open %s: %s", path, strerror(why));
	}
	if (fstat(fd, &stat) || stat.st_size < (off_t)sizeof(Elf64_Ehdr)) {
		close(fd);
		return err_set(err, ENOEXEC, WHAT, "name a Go program", "%s is no ELF file", path);
	}
	bytes = mmap(NULL, stat.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (bytes == MAP_FAILED)
		return err_set(err, errno, WHAT, "free some memory", "cannot map %s: %s", path,
			       strerror(errno));
	image->bytes = bytes;
	image->size = stat.st_size;
	return 0;
}

static int check_header(struct elf_image *image, const char *path, struct err *err)
{
	const Elf64_Ehdr *header = (const Elf64_Ehdr *)image->bytes;

	if (memcmp(header->e_ident, ELFMAG, SELFMAG))
		return err_set(err, ENOEXEC, WHAT, "name a Go program", "%s is no ELF file", path);
	if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB)
		return err_set(err, ENOTSUP, WHAT, "trace a 64-bit process",
			       "%s is not for a 64-bit little-endian machine", path);
	if (header->e_machine != EM_X86_64 && header->e_machine != EM_AARCH64)
		return err_set(err, ENOTSUP, WHAT, "trace an amd64 or arm64 process",
			       "%s is for ELF machine %u", path, header->e_machine);
	image->machine = header->e_machine;
	image->pie = header->e_type == ET_DYN;
	return 0;
}

static int read_segments(struct elf_image *image, const char *path, struct err *err)
{
	const Elf64_Ehdr *header = (const Elf64_Ehdr *)image->bytes;
	const Elf64_Phdr *phdrs;

	phdrs = (const Elf64_Phdr *)bytes_at(image, header->e_phoff,
					     (uint64_t)header->e_phnum * sizeof(*phdrs));
	if (!phdrs || header->e_phentsize != sizeof(*phdrs) || !header->e_phnum ||
	    header->e_phnum > SEGMENTS_MAX || header->e_phoff % 8)
		return err_set(err, ENOEXEC, WHAT, TODO_REBUILD,
			       "%s has no usable program headers: truncated or damaged", path);
	image->segments = calloc(header->e_phnum, sizeof(*image->segments));
	if (!image->segments)
		return err_set(err, ENOMEM, WHAT, "free some memory", "out of memory");
	for (unsigned i = 0; i < header->e_phnum; i++) {
		const Elf64_Phdr *phdr = &phdrs[i];

		if (phdr->p_type == PT_INTERP)
			image->dynamic = true;
		if (phdr->p_type != PT_LOAD)
			continue;
		if (!bytes_at(image, phdr->p_offset, phdr->p_filesz) ||
		    phdr->p_memsz < phdr->p_filesz || phdr->p_vaddr + phdr->p_memsz < phdr->p_vaddr)
			return err_set(err, ENOEXEC, WHAT, TODO_REBUILD,
				       "a segment lies outside %s: truncated or damaged", path);
		image->segments[image->segment_count++] =
			(struct elf_segment){ phdr->p_vaddr, phdr->p_offset, phdr->p_filesz,
					      phdr->p_memsz, phdr->p_flags };
	}
	return 0;
}

static const char *string_at(const uint8_t *table, uint64_t size, uint64_t offset)
{
	if (!table || offset >= size || !memchr(table + offset, 0, size - offset))
		return "";
	return (const char *)table + offset;
}

/* Sections are a convenience: none, or damaged ones, are not an error. */
static int read_sections(struct elf_image *image)
{
	const Elf64_Ehdr *header = (const Elf64_Ehdr *)image->bytes;
	const uint8_t *names = NULL;
	const Elf64_Shdr *shdrs;
	uint64_t names_size = 0;

	shdrs = (const Elf64_Shdr *)bytes_at(image, header->e_shoff,
					     (uint64_t)header->e_shnum * sizeof(*shdrs));
	if (!shdrs || !header->e_shnum || header->e_shentsize != sizeof(*shdrs) ||
	    header->e_shoff % 8)
		return 0;
	image->sections = calloc(header->e_shnum, sizeof(*image->sections));
	if (!image->sections)
		return -ENOMEM;
	if (header->e_shstrndx < header->e_shnum) {
		names_size = shdrs[header->e_shstrndx].sh_size;
		names = bytes_at(image, shdrs[header->e_shstrndx].sh_offset, names_size);
	}
	for (unsigned i = 0; i < header->e_shnum; i++) {
		const Elf64_Shdr *shdr = &shdrs[i];

		if (shdr->sh_type != SHT_NOBITS && !bytes_at(image, shdr->sh_offset, shdr->sh_size))
			continue;
		image->sections[image->section_count++] =
			(struct elf_section){ string_at(names, names_size, shdr->sh_name),
					      shdr->sh_addr,
					      shdr->sh_offset,
					      shdr->sh_size,
					      shdr->sh_flags,
					      shdr->sh_type };
	}
	return 0;
}

static void take_note(struct elf_image *image, const Elf64_Nhdr *note, const char *name,
		      const uint8_t *text)
{
	size_t len = note->n_descsz;

	if (note->n_type == NT_GNU_BUILD_ID && !strcmp(name, "GNU") &&
	    len * 2 < sizeof(image->build_id)) {
		for (size_t i = 0; i < len; i++) {
			image->build_id[2 * i] = "0123456789abcdef"[text[i] >> 4];
			image->build_id[2 * i + 1] = "0123456789abcdef"[text[i] & 15];
		}
	} else if (note->n_type == NT_GO_BUILD_ID && !strcmp(name, "Go") &&
		   len < sizeof(image->go_build_id)) {
		memcpy(image->go_build_id, text, len);
	}
}

static void read_notes_at(struct elf_image *image, const uint8_t *at, uint64_t left)
{
	for (int i = 0; i < NOTES_MAX && left >= sizeof(Elf64_Nhdr); i++) {
		uint64_t name_len, len;
		const char *name;
		Elf64_Nhdr note;

		memcpy(&note, at, sizeof(note));
		name = (const char *)at + sizeof(note);
		name_len = (note.n_namesz + 3ULL) & ~3ULL;
		len = sizeof(note) + name_len + ((note.n_descsz + 3ULL) & ~3ULL);
		if (len > left)
			break;
		if (note.n_namesz && !name[note.n_namesz - 1])
			take_note(image, &note, name, at + sizeof(note) + name_len);
		at += len;
		left -= len;
	}
}

/* By segments, which cannot be stripped as sections can. */
static void read_notes(struct elf_image *image)
{
	const Elf64_Ehdr *header = (const Elf64_Ehdr *)image->bytes;
	const Elf64_Phdr *phdrs = (const Elf64_Phdr *)(image->bytes + header->e_phoff);

	for (unsigned i = 0; i < header->e_phnum; i++) {
		const uint8_t *notes = bytes_at(image, phdrs[i].p_offset, phdrs[i].p_filesz);

		if (phdrs[i].p_type == PT_NOTE && notes)
			read_notes_at(image, notes, phdrs[i].p_filesz);
	}
	/* Go's linker has no segment for the GNU build id that it makes from 1.24 on */
	for (size_t i = 0; i < image->section_count; i++) {
		const struct elf_section *section = &image->sections[i];
		const uint8_t *notes = bytes_at(image, section->offset, section->size);

		if (section->type == SHT_NOTE && notes)
			read_notes_at(image, notes, section->size);
	}
}

int elf_image_open(const char *path, struct elf_image *image, struct err *err)
{
	int status;

	memset(image, 0, sizeof(*image));
	status = map_file(path, image, err);
	if (!status)
		status = check_header(image, path, err);
	if (!status)
		status = read_segments(image, path, err);
	if (!status && read_sections(image))
		status = err_set(err, ENOMEM, WHAT, "free some memory", "out of memory");
	if (status) {
		elf_image_close(image);
		return status;
	}
	read_notes(image);
	image->has_symtab = elf_section_by_name(image, ".symtab") != NULL;
	image->has_dwarf = elf_section_by_name(image, ".debug_info") ||
			   elf_section_by_name(image, ".zdebug_info");
	return 0;
}

void elf_image_close(struct elf_image *image)
{
	elf_symbols_free(image->symbols);
	free(image->sections);
	free(image->segments);
	if (image->bytes)
		munmap((void *)image->bytes, image->size);
	memset(image, 0, sizeof(*image));
}

const struct elf_section *elf_section_by_name(const struct elf_image *image, const char *name)
{
	for (size_t i = 0; i < image->section_count; i++)
		if (!strcmp(image->sections[i].name, name))
			return &image->sections[i];
	return NULL;
}

static const struct elf_segment *segment_at(const struct elf_image *image, uint64_t addr)
{
	for (size_t i = 0; i < image->segment_count; i++) {
		const struct elf_segment *segment = &image->segments[i];

		if (addr >= segment->vaddr && addr - segment->vaddr < segment->filesz)
			return segment;
	}
	return NULL;
}

size_t elf_bytes_from(const struct elf_image *image, uint64_t addr)
{
	const struct elf_segment *segment = segment_at(image, addr);

	return segment ? segment->filesz - (addr - segment->vaddr) : 0;
}

const uint8_t *elf_at(const struct elf_image *image, uint64_t addr, size_t len)
{
	const struct elf_segment *segment = segment_at(image, addr);

	if (!segment || len > segment->filesz - (addr - segment->vaddr))
		return NULL;
	return image->bytes + segment->offset + (addr - segment->vaddr);
}

int64_t elf_file_offset(const struct elf_image *image, uint64_t addr)
{
	const struct elf_segment *segment = segment_at(image, addr);

	return segment ? (int64_t)(segment->offset + (addr - segment->vaddr)) : -1;
}
