/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the process uses of the machine, and what it may: /proc and its cgroups, v2 or v1. */
#ifndef TARGET_RESOURCES_H
#define TARGET_RESOURCES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct resources {
	uint64_t at_ns;        /* CLOCK_MONOTONIC */
	uint64_t rss;          /* bytes; 0: unknown */
	uint64_t cpu_ns;       /* used so far */
	uint64_t cpu_delay_ns; /* its threads, those that exist, waited so long for a CPU so far */
	/* the tightest limit of memory among its cgroups, or the machine's memory; 0: unknown */
	uint64_t memory_limit;
	bool memory_limit_is_cgroup;
	uint64_t memory_used; /* of that cgroup or machine, bytes; 0: unknown */
	/* bytes that it may still have: of the machine's and in each of its cgroups the least; 0: unknown */
	uint64_t memory_available;
	double cpu_quota;                          /* CPUs that its cgroups allow; 0: no quota */
	uint64_t throttled, periods, throttled_ns; /* of that cgroup so far */
	unsigned cpus;                             /* of the machine, online */
	uint64_t machine_cpu_ns; /* that all its processes together used so far, and its interrupts */
};

/* What can't be read stays 0. */
void resources_read(pid_t pid, struct resources *resources);

#endif
