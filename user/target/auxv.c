// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "target/auxv.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define ENTRIES_MAX 64 /* the kernel writes about 25 */

/* How many entries there are, or -errno; none: the process has no memory any more. */
static ssize_t read_entries(pid_t pid, Elf64_auxv_t *entries)
{
	char path[64];
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/auxv", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	got = read(fd, entries, ENTRIES_MAX * sizeof(*entries));
	if (got < 0)
		got = -errno;
	close(fd);
	return got < 0 ? got : got / (ssize_t)sizeof(*entries);
}

int auxv_read(pid_t pid, uint64_t type, uint64_t *value)
{
	Elf64_auxv_t entries[ENTRIES_MAX];
	ssize_t count = read_entries(pid, entries);

	if (count == -EACCES || count == -EPERM)
		return -EPERM;
	if (count <= 0)
		return -ESRCH;
	for (ssize_t i = 0; i < count && entries[i].a_type != AT_NULL; i++) {
		if (entries[i].a_type != type)
			continue;
		*value = entries[i].a_un.a_val;
		return 0;
	}
	return -ENOENT;
}
