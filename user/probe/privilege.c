// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "probe/privilege.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* linux/capability.h; CAP_PERFMON and CAP_BPF are younger than some of its copies */
#define SYS_PTRACE 19
#define SYS_ADMIN 21
#define PERFMON 38
#define BPF 39

static uint64_t effective(void)
{
	FILE *file = fopen("/proc/self/status", "re");
	unsigned long long capabilities = 0;
	char line[256];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "CapEff: %llx", &capabilities) == 1)
			break;
	if (file)
		fclose(file);
	return capabilities;
}

struct privilege privilege_read(void)
{
	uint64_t capabilities = effective();
	bool admin = capabilities >> SYS_ADMIN & 1;

	return (struct privilege){
		.load_programs = admin || capabilities >> BPF & 1,
		.attach_probes = admin || capabilities >> PERFMON & 1,
		.read_memory = capabilities >> SYS_PTRACE & 1,
	};
}
