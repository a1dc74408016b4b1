// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "target/load_bias.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "target/proc.h"

#define PAGE_MASK 4095ULL

/* The mapping of the executable's code; by inode, since paths differ between mount namespaces. */
static const struct proc_map *code_mapping(const struct target *target, const proc_maps *maps)
{
	struct stat stat_exe;

	if (stat(target->exe_path, &stat_exe))
		return NULL;
	for (size_t i = 0; i < maps->len; i++)
		if (maps->data[i].executable && maps->data[i].inode == stat_exe.st_ino)
			return &maps->data[i];
	return NULL;
}

int load_bias_find(struct target *target, struct err *err)
{
	const struct proc_map *map;
	proc_maps maps = { 0 };
	int status;

	target->load_bias = 0;
	if (!target->image.pie)
		return 0;
	status = proc_read_maps(target->pid, &maps, err);
	if (status)
		goto out;
	status = -ENOENT;
	map = code_mapping(target, &maps);
	for (size_t i = 0; map && i < target->image.segment_count; i++) {
		const struct elf_segment *segment = &target->image.segments[i];

		if (!(segment->flags & PF_X) || (segment->offset & ~PAGE_MASK) != map->offset)
			continue;
		target->load_bias = map->start - (segment->vaddr & ~PAGE_MASK);
		status = 0;
		break;
	}
	if (status)
		status = err_set(err, ENOENT, "finding the program in memory",
				 "try again once it has started", "its code is not mapped");
out:
	vec_free(&maps);
	return status;
}
