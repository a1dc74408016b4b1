/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the kernel told a program about itself when it was executed. */
#ifndef TARGET_AUXV_H
#define TARGET_AUXV_H

#include <stdint.h>
#include <sys/types.h>

/*
 * The value of one entry (AT_ENTRY, AT_RANDOM, ...). 0; -ENOENT: no such entry; -ESRCH: no such
 * process, or it has exited; -EPERM: not ours to read.
 */
int auxv_read(pid_t pid, uint64_t type, uint64_t *value);

#endif
