// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "target/target.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "target/globals.h"
#include "target/layout_dwarf.h"
#include "target/layout_validate.h"
#include "target/load_bias.h"
#include "target/moduledata.h"
#include "target/proc.h"

#define WHAT_LAYOUT "understanding the Go runtime"

static void note_exe(struct target *target)
{
	struct stat exe;

	proc_exe_name(target->pid, target->exe, sizeof(target->exe));
	proc_exe_path(target->pid, target->exe_path, sizeof(target->exe_path));
	if (stat(target->exe_path, &exe))
		return;
	target->exe_inode = exe.st_ino;
	target->exe_device = exe.st_dev;
}

static int open_pidfd(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

/* runtime/cgo is linked in: its assembly function crosscall2 is in the function table. */
static bool links_cgo(struct target *target)
{
	struct pclntab_func func;

	return !pclntab_func_by_name(&target->pclntab, "crosscall2", &func);
}

static int memory_error(const struct target *target, int status, struct err *err)
{
	if (status == -EPERM)
		return err_set(err, EPERM, "reading the process's memory",
			       "run it as root, or with CAP_SYS_PTRACE", "the kernel does not allow it");
	if (status == -ESRCH)
		return err_set(err, ESRCH, "reading the process's memory", "start again with its new id",
			       "process %d is gone", target->pid);
	return 0;
}

/* With this layout everything is found and holds together: 0, or why not. */
static int try_layout(struct target *target, const struct layout *layout, int reasons_minor,
		      enum layout_origin origin)
{
	uint64_t header_text = target->pclntab.text_start;
	int status;

	target->layout = *layout;
	target->layout_origin = origin;
	target->reasons_minor = reasons_minor;
	status = moduledata_find(target);
	if (!status)
		status = globals_find(target);
	if (!status)
		status = layout_validate(target);
	if (status)
		pclntab_set_text(&target->pclntab, header_text, 0);
	return status;
}

static int distance(const struct layout *layout, int minor)
{
	return abs(layout->minor - minor);
}

/* The table's versions by nearness; `tried` marks those that were tried. */
static int try_nearest(struct target *target)
{
	size_t count;
	const struct layout *table = layout_table(&count);
	bool *tried = calloc(count, sizeof(*tried));
	int minor = target->build.version.minor, status = -EINVAL;

	if (!tried)
		return -ENOMEM;
	for (size_t round = 0; round < count; round++) {
		size_t best = count;

		for (size_t i = 0; i < count; i++)
			if (!tried[i] &&
			    (best == count || distance(&table[i], minor) < distance(&table[best], minor)))
				best = i;
		tried[best] = true;
		status = try_layout(target, &table[best], table[best].minor, LAYOUT_FROM_NEAREST);
		if (!status || status == -ESRCH || status == -EPERM)
			break;
	}
	free(tried);
	return status;
}

static int nearest_reasons(int minor)
{
	size_t count;
	const struct layout *table = layout_table(&count);
	int best = table[0].minor;

	for (size_t i = 1; i < count; i++)
		if (distance(&table[i], minor) < abs(best - minor))
			best = table[i].minor;
	return best;
}

static int find_layout(struct target *target, struct err *err)
{
	int minor = target->build.version.minor, status = -EINVAL;
	const struct layout *exact = layout_for_minor(minor);
	struct layout from_dwarf;

	if (exact)
		status = try_layout(target, exact, minor, LAYOUT_FROM_TABLE);
	if (status == -EAGAIN)
		return err_set(err, EAGAIN, WHAT_LAYOUT, "try again in a moment",
			       "the program has no goroutines yet");
	if (status && status != -ESRCH && status != -EPERM && target->image.has_dwarf &&
	    !layout_from_dwarf(target->exe_path, &from_dwarf)) {
		from_dwarf.minor = minor;
		status = try_layout(target, &from_dwarf, nearest_reasons(minor), LAYOUT_FROM_DWARF);
	}
	if (status && status != -ESRCH && status != -EPERM)
		status = try_nearest(target);
	if (!status)
		return 0;
	if (memory_error(target, status, err))
		return status;
	return err_set(err, ENOTSUP, WHAT_LAYOUT, "build the program with its DWARF, or use a newer conctrace",
		       "no known layout of Go 1.%d or its neighbours fits this process", minor);
}

int target_open(pid_t pid, struct target *target, struct err *err)
{
	int status;

	memset(target, 0, sizeof(*target));
	target->pid = pid;
	target->pidfd = -1;
	status = proc_check_pid(pid, err);
	if (status)
		return status;
	target->pidfd = open_pidfd(pid);
	proc_start_time(pid, &target->start_ticks);
	note_exe(target);
	status = elf_image_open(target->exe_path, &target->image, err);
	if (!status)
		status = buildinfo_read(&target->image, &target->build, err);
	if (!status)
		status = pclntab_open(&target->image, target->build.version.minor, &target->pclntab, err);
	if (!status)
		status = load_bias_find(target, err);
	if (!status)
		status = find_layout(target, err);
	if (status) {
		target_close(target);
		return status;
	}
	target->stripped = !target->image.has_symtab;
	target->cgo = links_cgo(target);
	return 0;
}

void target_close(struct target *target)
{
	pclntab_close(&target->pclntab);
	elf_image_close(&target->image);
	if (target->pidfd >= 0)
		close(target->pidfd);
	target->pidfd = -1;
}

static bool has_exited(const struct target *target)
{
	struct pollfd poll_exit = { .fd = target->pidfd, .events = POLLIN };

	return target->pidfd >= 0 && poll(&poll_exit, 1, 0) == 1;
}

/* The inode tells an exec apart from a file that was replaced on disk. */
static bool runs_the_same_file(const struct target *target)
{
	struct stat now;

	return !stat(target->exe_path, &now) && now.st_ino == target->exe_inode &&
	       now.st_dev == target->exe_device;
}

bool target_alive(const struct target *target)
{
	uint64_t ticks;

	return !has_exited(target) && !proc_start_time(target->pid, &ticks) &&
	       ticks == target->start_ticks && runs_the_same_file(target);
}

size_t target_frames(const struct target *target, uint64_t pc, struct pclntab_frame *frames, size_t max)
{
	return pclntab_frames(&target->pclntab, pc - target->load_bias, frames, max);
}
