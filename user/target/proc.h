/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What /proc knows of a process. Works across mount and PID namespaces: only /proc/PID is used. */
#ifndef TARGET_PROC_H
#define TARGET_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/vec.h"

struct proc_map {
	uint64_t start, end, offset; /* offset: in the file */
	uint64_t inode;
	uint32_t dev_major, dev_minor;
	bool readable, writable, executable;
	char path[256]; /* as printed, cut; "" for anonymous memory */
};

typedef VEC(struct proc_map) proc_maps;

/* Fails with a clear error when there is no such process or PID is a thread's id. */
int proc_check_pid(pid_t pid, struct err *err);

/* Where the executable is: always "/proc/PID/exe" as a path to open. */
void proc_exe_path(pid_t pid, char *path, unsigned long size);
/* What the link says, for people (may end in " (deleted)"). */
int proc_exe_name(pid_t pid, char *name, unsigned long size);

int proc_read_maps(pid_t pid, proc_maps *maps, struct err *err); /* caller: vec_free */

/* Start time in clock ticks since boot: with the PID it names one process for ever. */
int proc_start_time(pid_t pid, uint64_t *ticks);
/* Age of the process in ns, and CPU time it used so far in ns; 0 or -errno. */
int proc_age_ns(pid_t pid, uint64_t *age_ns);
int proc_cpu_ns(pid_t pid, uint64_t *cpu_ns);
/* How many threads it has; 0 or -errno. */
int proc_thread_count(pid_t pid, unsigned *count);

/* Every process id in /proc, ascending. */
typedef VEC(pid_t) proc_pids;
int proc_list(proc_pids *pids, struct err *err);

#endif
