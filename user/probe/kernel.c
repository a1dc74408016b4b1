// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "probe/kernel.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* enum bpf_attach_type BPF_TRACE_UPROBE_MULTI: the build machine's headers may be older than 6.6. */
#define ATTACH_UPROBE_MULTI ((enum bpf_attach_type)48)

/*
 * A link on the root directory, which is no regular file: a kernel that knows multi-uprobe links
 * gets as far as refusing the path (EBADF); others refuse the attach type (EINVAL) before.
 */
bool kernel_has_uprobe_multi(void)
{
	struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, load, .expected_attach_type = ATTACH_UPROBE_MULTI);
	LIBBPF_OPTS(bpf_link_create_opts, link);
	const unsigned long offset = 0;
	int program, created, why;

	program = bpf_prog_load(BPF_PROG_TYPE_KPROBE, NULL, "GPL", insns, 2, &load);
	if (program < 0)
		return false;
	link.uprobe_multi.path = "/";
	link.uprobe_multi.offsets = &offset;
	link.uprobe_multi.cnt = 1;
	created = bpf_link_create(program, -1, ATTACH_UPROBE_MULTI, &link);
	why = created < 0 ? -created : 0;
	if (created >= 0)
		close(created);
	close(program);
	return why == EBADF;
}

bool kernel_has_uprobe_perf(void)
{
	return !access("/sys/bus/event_source/devices/uprobe/type", R_OK);
}

enum kernel_lockdown kernel_lockdown_mode(void)
{
	char line[128] = "";
	FILE *file = fopen("/sys/kernel/security/lockdown", "re");

	if (!file)
		return errno == ENOENT ? LOCKDOWN_NONE : LOCKDOWN_UNKNOWN;
	if (!fgets(line, sizeof(line), file))
		line[0] = '\0';
	fclose(file);
	if (strstr(line, "[confidentiality]"))
		return LOCKDOWN_CONFIDENTIALITY;
	if (strstr(line, "[integrity]"))
		return LOCKDOWN_INTEGRITY;
	return strstr(line, "[none]") ? LOCKDOWN_NONE : LOCKDOWN_UNKNOWN;
}

bool kernel_has_btf(void)
{
	return !access("/sys/kernel/btf/vmlinux", R_OK);
}
