/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What this process may do, by its effective capabilities. */
#ifndef PROBE_PRIVILEGE_H
#define PROBE_PRIVILEGE_H

#include <stdbool.h>

struct privilege {
	bool load_programs; /* CAP_BPF, or CAP_SYS_ADMIN */
	bool attach_probes; /* CAP_PERFMON, or CAP_SYS_ADMIN */
	bool read_memory;   /* CAP_SYS_PTRACE: of processes of other users, too */
};

/* All false when the kernel does not say. */
struct privilege privilege_read(void);

#endif
