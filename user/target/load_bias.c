// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "target/load_bias.h"

#include <elf.h>
#include <errno.h>
#include <time.h>

#include "target/auxv.h"

#define WHAT "finding the program in memory"
#define PAGE_MASK 4095ULL
#define ATTEMPTS 100
#define MOMENT_NS (2 * 1000 * 1000L)

/* While it is being executed, a process has its new file already and no auxiliary vector yet. */
static int read_entry_point(pid_t pid, uint64_t *entry)
{
	int status = auxv_read(pid, AT_ENTRY, entry);

	for (int attempt = 0; status == -ENOENT && attempt < ATTEMPTS; attempt++) {
		nanosleep(&(struct timespec){ .tv_nsec = MOMENT_NS }, NULL);
		status = auxv_read(pid, AT_ENTRY, entry);
	}
	return status;
}

int load_bias_find(struct target *target, struct err *err)
{
	const Elf64_Ehdr *header = (const Elf64_Ehdr *)target->image.bytes;
	uint64_t entry;
	int status;

	target->load_bias = 0;
	if (!target->image.pie)
		return 0;
	status = read_entry_point(target->pid, &entry);
	if (status == -EPERM)
		return err_set(err, EPERM, WHAT, "run it as root, or with CAP_SYS_PTRACE",
			       "the kernel does not let us read /proc/%d/auxv", target->pid);
	if (status == -ESRCH)
		return err_set(err, ESRCH, WHAT, "check that the process still runs",
			       "process %d is gone", target->pid);
	if (status || ((entry - header->e_entry) & PAGE_MASK))
		return err_set(err, ENOTSUP, WHAT, "start the program directly, not by a loader",
			       "process %d was not started at the entry point of %s", target->pid,
			       target->exe);
	target->load_bias = entry - header->e_entry;
	return 0;
}
