/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One BPF program on many instructions of one process, put there and taken away again and again.
 * Where the kernel has multi-uprobe links (6.6 on) it is one link, else a perf event each.
 */
#ifndef PROBE_LINKS_H
#define PROBE_LINKS_H

#include <bpf/libbpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/vec.h"

struct links {
	struct bpf_program *program; /* loaded; not owned */
	pid_t pid;
	const char *path; /* of the file the instructions are in; not owned */
	bool multi;
	size_t count;
	unsigned long *offsets; /* in the file */
	__u64 *cookies;
	VEC(struct bpf_link *) held;
};

/* Room for `count` instructions, whose offsets and cookies the caller fills in. 0 or -ENOMEM. */
int links_prepare(struct links *links, size_t count);
/* All or none. 0; -errno (-ESRCH, -ENOENT: the process is gone). */
int links_attach(struct links *links);
/*
 * When it returns the program runs nowhere any more. With one link hits stop at once; perf events go
 * one after the other in the order of `offsets`, which should have the most frequent ones first.
 */
void links_detach(struct links *links);
void links_free(struct links *links);

#endif
