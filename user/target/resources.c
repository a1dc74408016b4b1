// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "target/resources.h"

#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "target/proc.h"

static bool read_file(const char *path, char *text, size_t size)
{
	FILE *file = fopen(path, "re");
	size_t len;

	if (!file)
		return false;
	len = fread(text, 1, size - 1, file);
	fclose(file);
	text[len] = '\0';
	return len > 0;
}

/* The number behind "key" at a line's start; 0: not there. */
static uint64_t value_of(const char *text, const char *key)
{
	size_t len = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, key, len) &&
		    (isspace((unsigned char)line[len]) || line[len] == ':'))
			return strtoull(line + len + 1, NULL, 10);
	}
	return 0;
}

static void read_rss(pid_t pid, struct resources *resources)
{
	unsigned long long pages;
	char path[64], text[256];

	snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
	if (read_file(path, text, sizeof(text)) && sscanf(text, "%*s %llu", &pages) == 1)
		resources->rss = pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* /proc/PID/task/TID/schedstat: time on a CPU, time waited for one, ns. */
static void read_delay(pid_t pid, struct resources *resources)
{
	unsigned long long delay;
	char path[64 + NAME_MAX], text[128];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%d/task/%s/schedstat", (int)pid, entry->d_name);
		if (entry->d_name[0] != '.' && read_file(path, text, sizeof(text)) &&
		    sscanf(text, "%*u %llu", &delay) == 1)
			resources->cpu_delay_ns += delay;
	}
	if (dir)
		closedir(dir);
}

/* The first line of /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal, in ticks. */
static void read_machine_cpu(struct resources *resources)
{
	unsigned long long t[8] = { 0 };
	long tick = sysconf(_SC_CLK_TCK);
	char text[4096];

	if (tick <= 0 || !read_file("/proc/stat", text, sizeof(text)) ||
	    sscanf(text, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &t[0], &t[1], &t[2], &t[3],
		   &t[4], &t[5], &t[6], &t[7]) != 8)
		return;
	resources->machine_cpu_ns =
		(t[0] + t[1] + t[2] + t[5] + t[6] + t[7]) * (NSEC_PER_SEC / (uint64_t)tick);
}

static void read_machine(struct resources *resources)
{
	char text[4096];
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	resources->cpus = cpus > 0 ? (unsigned)cpus : 0;
	read_machine_cpu(resources);
	if (!read_file("/proc/meminfo", text, sizeof(text)))
		return;
	resources->memory_limit = value_of(text, "MemTotal") * 1024;
	resources->memory_available = value_of(text, "MemAvailable") * 1024;
	resources->memory_used = resources->memory_limit - resources->memory_available;
}

/* The path of a controller's cgroup ("" is that of v2) as /proc/PID/cgroup has it. */
static bool cgroup_path(const char *cgroups, const char *controller, char *path, size_t size)
{
	for (const char *line = cgroups; line && *line; line = strchr(line, '\n')) {
		const char *names, *end;
		size_t len = strlen(controller);

		line += *line == '\n';
		names = strchr(line, ':');
		end = names ? strchr(names + 1, ':') : NULL;
		if (!end)
			return false;
		for (names++; names <= end; names += strcspn(names, ",:") + 1)
			if (strcspn(names, ",:") == len && !strncmp(names, controller, len)) {
				snprintf(path, size, "%.*s", (int)strcspn(end + 1, "\n"), end + 1);
				return true;
			}
	}
	return false;
}

/* Calls back for the cgroup's directory and each above it, up to the mount's root. */
static void walk_up(const char *mount, const char *group,
		    void (*look)(const char *directory, struct resources *resources),
		    struct resources *resources)
{
	char path[PATH_MAX];
	size_t mount_len = strlen(mount);

	if (snprintf(path, sizeof(path), "%s%s", mount, group) >= (int)sizeof(path))
		return;
	while (strlen(path) > mount_len) {
		char *slash = strrchr(path, '/');

		look(path, resources);
		*slash = '\0';
	}
	look(mount, resources);
}

static bool read_in(const char *directory, const char *name, char *text, size_t size)
{
	char path[PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return read_file(path, text, size);
}

/* Of a cgroup of v2 or v1: what its files are called. */
struct memory_files {
	const char *limit, *used, *inactive;
};

/* File pages that nobody has looked at for long are given back when memory is short. */
static uint64_t memory_left(const char *directory, const struct memory_files *files, uint64_t limit,
			    uint64_t used)
{
	char text[8192];

	if (read_in(directory, "memory.stat", text, sizeof(text))) {
		uint64_t inactive = value_of(text, files->inactive);

		used -= inactive < used ? inactive : used;
	}
	return used < limit ? limit - used : 0;
}

static void take_memory(const char *directory, const struct memory_files *files,
			struct resources *resources)
{
	char text[64];
	uint64_t limit, used, left;

	if (!read_in(directory, files->limit, text, sizeof(text)) ||
	    !isdigit((unsigned char)text[0]))
		return;
	limit = strtoull(text, NULL, 10);
	used = read_in(directory, files->used, text, sizeof(text)) ? strtoull(text, NULL, 10) : 0;
	left = memory_left(directory, files, limit, used);
	if (limit && left < resources->memory_available)
		resources->memory_available = left;
	if (!limit || (resources->memory_limit && limit >= resources->memory_limit))
		return;
	resources->memory_limit = limit;
	resources->memory_limit_is_cgroup = true;
	resources->memory_used = used;
}

static void take_quota(const char *directory, double quota_us, double period_us,
		       struct resources *resources)
{
	char text[1024];
	double cpus = period_us > 0 ? quota_us / period_us : 0;

	if (cpus <= 0 || (resources->cpu_quota > 0 && cpus >= resources->cpu_quota))
		return;
	resources->cpu_quota = cpus;
	if (!read_in(directory, "cpu.stat", text, sizeof(text)))
		return;
	resources->periods = value_of(text, "nr_periods");
	resources->throttled = value_of(text, "nr_throttled");
	resources->throttled_ns = value_of(text, "throttled_usec") * 1000;
	if (!resources->throttled_ns)
		resources->throttled_ns = value_of(text, "throttled_time");
}

static void look_v2(const char *directory, struct resources *resources)
{
	static const struct memory_files files = { "memory.max", "memory.current",
						   "inactive_file" };
	double quota, period;
	char text[64];

	take_memory(directory, &files, resources);
	if (read_in(directory, "cpu.max", text, sizeof(text)) &&
	    sscanf(text, "%lf %lf", &quota, &period) == 2)
		take_quota(directory, quota, period, resources);
}

static void look_v1_memory(const char *directory, struct resources *resources)
{
	static const struct memory_files files = { "memory.limit_in_bytes", "memory.usage_in_bytes",
						   "total_inactive_file" };

	take_memory(directory, &files, resources);
}

static void look_v1_cpu(const char *directory, struct resources *resources)
{
	char quota[64], period[64];

	if (read_in(directory, "cpu.cfs_quota_us", quota, sizeof(quota)) &&
	    read_in(directory, "cpu.cfs_period_us", period, sizeof(period)))
		take_quota(directory, strtod(quota, NULL), strtod(period, NULL), resources);
}

/* By the names of the usual mounts: a cgroup file system elsewhere is not looked for. */
static void read_cgroups(pid_t pid, struct resources *resources)
{
	char path[64], cgroups[8192], group[PATH_MAX];

	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	if (!read_file(path, cgroups, sizeof(cgroups)))
		return;
	if (cgroup_path(cgroups, "", group, sizeof(group))) {
		walk_up("/sys/fs/cgroup", group, look_v2, resources);
		walk_up("/sys/fs/cgroup/unified", group, look_v2, resources);
	}
	if (cgroup_path(cgroups, "memory", group, sizeof(group)))
		walk_up("/sys/fs/cgroup/memory", group, look_v1_memory, resources);
	if (cgroup_path(cgroups, "cpu", group, sizeof(group))) {
		walk_up("/sys/fs/cgroup/cpu", group, look_v1_cpu, resources);
		walk_up("/sys/fs/cgroup/cpu,cpuacct", group, look_v1_cpu, resources);
	}
}

void resources_read(pid_t pid, struct resources *resources)
{
	memset(resources, 0, sizeof(*resources));
	resources->at_ns = clock_now_ns();
	read_rss(pid, resources);
	proc_cpu_ns(pid, &resources->cpu_ns);
	read_delay(pid, resources);
	read_machine(resources);
	read_cgroups(pid, resources);
}
