// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "target/moduledata.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "target/memory.h"

#define CHUNK (1U << 20)
#define SEGMENT_MAX (4ULL << 30) /* of a sparse file it could be anything */

static bool is_in_code(const struct target *target, uint64_t link_time)
{
	for (size_t i = 0; i < target->image.segment_count; i++) {
		const struct elf_segment *segment = &target->image.segments[i];

		if ((segment->flags & PF_X) && link_time >= segment->vaddr &&
		    link_time - segment->vaddr < segment->memsz)
			return true;
	}
	return false;
}

static uint64_t word(const uint8_t *bytes, uint32_t offset)
{
	uint64_t value;

	memcpy(&value, bytes + offset, sizeof(value));
	return value;
}

/* `header_text` is what the pcHeader says (0 from Go 1.26 on): then both must agree. */
static int accept(struct target *target, uint64_t addr, uint64_t header_text)
{
	const struct layout *layout = &target->layout;
	uint8_t bytes[LAYOUT_STRUCT_MAX];
	uint64_t text, etext, gofunc;
	int status;

	status = memory_read(target->pid, addr, bytes, layout->moduledata_size);
	if (status)
		return status;
	text = word(bytes, layout->moduledata_text) - target->load_bias;
	etext = word(bytes, layout->moduledata_etext) - target->load_bias;
	gofunc = word(bytes, layout->moduledata_gofunc) - target->load_bias;
	if (!is_in_code(target, text) || etext <= text || !is_in_code(target, etext - 1))
		return -ENOENT;
	if (header_text && !target->image.pie && header_text != text)
		return -ENOENT;
	target->moduledata = addr;
	pclntab_set_text(&target->pclntab, text,
			 elf_bytes_from(&target->image, gofunc) ? gofunc : 0);
	return 0;
}

/* Look for the word in [start, start + len) of the process. */
static int search(struct target *target, uint64_t start, uint64_t len, uint64_t wanted,
		  uint64_t header_text, uint64_t *chunk)
{
	for (uint64_t at = 0; at < len; at += CHUNK) {
		size_t size = len - at < CHUNK ? len - at : CHUNK;
		int status = memory_read(target->pid, start + at, chunk, size & ~7ULL);

		if (status == -ESRCH || status == -EPERM)
			return status;
		for (size_t i = 0; !status && i < size / 8; i++)
			if (chunk[i] == wanted && !accept(target, start + at + 8 * i, header_text))
				return 0;
	}
	return -ENOENT;
}

int moduledata_find(struct target *target)
{
	const struct elf_section *section = elf_section_by_name(&target->image, ".go.module");
	uint64_t wanted = target->pclntab.addr + target->load_bias;
	uint64_t header_text = target->pclntab.text_start;
	uint64_t *chunk = malloc(CHUNK);
	int status = -ENOENT;

	if (!chunk)
		return -ENOMEM;
	if (section)
		status = search(target, section->addr + target->load_bias, section->size, wanted,
				header_text, chunk);
	for (size_t i = 0; status == -ENOENT && i < target->image.segment_count; i++) {
		const struct elf_segment *segment = &target->image.segments[i];

		if ((segment->flags & PF_W) && segment->filesz <= SEGMENT_MAX)
			status = search(target, (segment->vaddr + 7) / 8 * 8 + target->load_bias,
					segment->filesz, wanted, header_text, chunk);
	}
	free(chunk);
	return status;
}
