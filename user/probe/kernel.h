/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the running kernel can do. */
#ifndef PROBE_KERNEL_H
#define PROBE_KERNEL_H

#include <stdbool.h>

/* One link for many uprobes (Linux 6.6 on). Needs the privilege to load programs. */
bool kernel_has_uprobe_multi(void);

/* uprobes as perf events, what is used without the former. */
bool kernel_has_uprobe_perf(void);

enum kernel_lockdown {
	LOCKDOWN_NONE,
	LOCKDOWN_INTEGRITY,
	LOCKDOWN_CONFIDENTIALITY,
	LOCKDOWN_UNKNOWN
};
/* Confidentiality mode forbids bpf_probe_read: no probes then. */
enum kernel_lockdown kernel_lockdown_mode(void);

bool kernel_has_btf(void);

#endif
