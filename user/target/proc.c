// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "target/proc.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

static FILE *open_proc(pid_t pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return fopen(path, "re");
}

/* The thread group of `pid`; 0: unknown. /proc/TID exists for threads too, though unlisted. */
static pid_t thread_group(pid_t pid, char *run_state)
{
	FILE *file = open_proc(pid, "status");
	pid_t tgid = 0;
	char line[256];

	if (!file)
		return 0;
	while (!tgid && fgets(line, sizeof(line), file)) {
		sscanf(line, "State: %c", run_state);
		sscanf(line, "Tgid: %d", &tgid);
	}
	fclose(file);
	return tgid;
}

int proc_check_pid(pid_t pid, struct err *err)
{
	static const char what[] = "finding the process";
	char run_state = '?', todo[64];
	pid_t tgid = thread_group(pid, &run_state);

	if (!tgid)
		return err_set(err, ESRCH, what,
			       "run `conctrace ls` for the Go processes of this host",
			       "there is no process %d", pid);
	if (tgid != pid) {
		snprintf(todo, sizeof(todo), "use the process id: -p %d", tgid);
		return err_set(err, EINVAL, what, todo, "%d is a thread of process %d", pid, tgid);
	}
	if (run_state == 'Z' || run_state == 'X')
		return err_set(err, ESRCH, what,
			       "run `conctrace ls` for the Go processes of this host",
			       "process %d has exited; its parent has not collected it yet", pid);
	return 0;
}

void proc_exe_path(pid_t pid, char *path, unsigned long size)
{
	snprintf(path, size, "/proc/%d/exe", pid);
}

int proc_exe_name(pid_t pid, char *name, unsigned long size)
{
	char path[64];
	ssize_t len;

	proc_exe_path(pid, path, sizeof(path));
	len = readlink(path, name, size - 1);
	if (len < 0) {
		name[0] = '\0';
		return -errno;
	}
	name[len] = '\0';
	return 0;
}

static bool parse_map(const char *line, struct proc_map *map)
{
	char permissions[5] = "";
	int path_at = 0;

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %x:%x %" SCNu64 " %n",
		   &map->start, &map->end, permissions, &map->offset, &map->dev_major,
		   &map->dev_minor, &map->inode, &path_at) < 7)
		return false;
	map->readable = permissions[0] == 'r';
	map->writable = permissions[1] == 'w';
	map->executable = permissions[2] == 'x';
	if (path_at)
		snprintf(map->path, sizeof(map->path), "%.*s", (int)strcspn(line + path_at, "\n"),
			 line + path_at);
	return true;
}

int proc_read_maps(pid_t pid, proc_maps *maps, struct err *err)
{
	FILE *file = open_proc(pid, "maps");
	char *line = NULL;
	size_t room = 0;
	int status = 0;

	if (!file)
		return err_set(err, errno, "reading the memory map",
			       errno == EACCES ? "run it as root, or with CAP_SYS_PTRACE" :
						 "check that the process still runs",
			       "/proc/%d/maps: %s", pid, strerror(errno));
	while (!status && getline(&line, &room, file) > 0) {
		struct proc_map map = { 0 }, *slot;

		if (!parse_map(line, &map))
			continue;
		slot = vec_push(maps);
		if (slot)
			*slot = map;
		else
			status = err_set(err, ENOMEM, "reading the memory map", "free some memory",
					 "out of memory");
	}
	free(line);
	fclose(file);
	return status;
}

/* Field `wanted` of /proc/PID/stat, counted from 1; the name in field 2 may contain anything. */
static int stat_field(pid_t pid, int wanted, uint64_t *value)
{
	FILE *file = open_proc(pid, "stat");
	char text[1024];
	size_t len;
	char *at;

	if (!file)
		return -ESRCH;
	len = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[len] = '\0';
	at = strrchr(text, ')');
	for (int field = 2; at && field < wanted; field++) {
		at = strchr(at, ' ');
		if (at)
			at++;
	}
	if (!at)
		return -ESRCH;
	*value = strtoull(at, NULL, 10);
	return 0;
}

#define STAT_UTIME 14
#define STAT_STIME 15
#define STAT_STARTTIME 22

int proc_start_time(pid_t pid, uint64_t *ticks)
{
	return stat_field(pid, STAT_STARTTIME, ticks);
}

static uint64_t ticks_to_ns(uint64_t ticks)
{
	return ticks * (NSEC_PER_SEC / sysconf(_SC_CLK_TCK));
}

int proc_age_ns(pid_t pid, uint64_t *age_ns)
{
	struct timespec since_boot;
	uint64_t ticks, started, now;
	int status = proc_start_time(pid, &ticks);

	if (status)
		return status;
	if (clock_gettime(CLOCK_BOOTTIME, &since_boot))
		return -errno;
	now = (uint64_t)since_boot.tv_sec * NSEC_PER_SEC + (uint64_t)since_boot.tv_nsec;
	started = ticks_to_ns(ticks);
	*age_ns = now > started ? now - started : 0;
	return 0;
}

int proc_cpu_ns(pid_t pid, uint64_t *cpu_ns)
{
	uint64_t user, system;
	int status = stat_field(pid, STAT_UTIME, &user);

	if (!status)
		status = stat_field(pid, STAT_STIME, &system);
	if (!status)
		*cpu_ns = ticks_to_ns(user + system);
	return status;
}

static int by_pid(const void *a, const void *b)
{
	return *(const pid_t *)a - *(const pid_t *)b;
}

int proc_list(proc_pids *pids, struct err *err)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;

	if (!dir)
		return err_set(err, errno, "listing the processes", "mount /proc", "%s",
			       strerror(errno));
	while ((entry = readdir(dir))) {
		pid_t *pid;

		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		pid = vec_push(pids);
		if (!pid) {
			closedir(dir);
			return err_set(err, ENOMEM, "listing the processes", "free some memory",
				       "out of memory");
		}
		*pid = atoi(entry->d_name);
	}
	closedir(dir);
	qsort(pids->data, pids->len, sizeof(*pids->data), by_pid);
	return 0;
}

int proc_thread_count(pid_t pid, unsigned *count)
{
	char path[64];
	struct stat stat_of;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	if (stat(path, &stat_of))
		return -errno;
	*count = stat_of.st_nlink - 2; /* ".", ".." and a directory a thread */
	return 0;
}
