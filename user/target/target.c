// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "target/target.h"

#include <elf.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "target/auxv.h"
#include "target/layout_choose.h"
#include "target/load_bias.h"
#include "target/proc.h"

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
		status = pclntab_open(&target->image, target->build.version.minor, &target->pclntab,
				      err);
	if (!status)
		status = load_bias_find(target, err);
	if (!status)
		status = layout_choose(target, err);
	if (status) {
		target_close(target);
		return status;
	}
	auxv_read(pid, AT_RANDOM, &target->exec_stamp);
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

/* By inode: the file may have been replaced on disk since. */
static bool runs_the_same_file(const struct target *target)
{
	struct stat now;

	return !stat(target->exe_path, &now) && now.st_ino == target->exe_inode &&
	       now.st_dev == target->exe_device;
}

/* A program that executes itself anew runs the same file, but has another stack. */
static bool has_not_executed(const struct target *target)
{
	uint64_t stamp;

	return !target->exec_stamp ||
	       (!auxv_read(target->pid, AT_RANDOM, &stamp) && stamp == target->exec_stamp);
}

bool target_alive(const struct target *target)
{
	uint64_t ticks;

	return !has_exited(target) && !proc_start_time(target->pid, &ticks) &&
	       ticks == target->start_ticks && runs_the_same_file(target) &&
	       has_not_executed(target);
}

size_t target_frames(const struct target *target, uint64_t pc, struct pclntab_frame *frames,
		     size_t max)
{
	size_t count = pclntab_frames(&target->pclntab, pc - target->load_bias, frames, max);

	for (size_t i = 0; i < count; i++)
		frames[i].entry += target->load_bias;
	return count;
}

size_t target_args(const struct target *target, uint64_t pc, struct pclntab_arg *args, size_t max)
{
	return pclntab_args(&target->pclntab, pc - target->load_bias, args, max);
}
