/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef TARGET_MODULEDATA_H
#define TARGET_MODULEDATA_H

#include "target/target.h"

/*
 * Find runtime.firstmoduledata in the process by its first word, the address of the pclntab, with
 * target->layout, which must be usable; sets target->moduledata and the pclntab's text and go:func.* addresses.
 * 0; -ENOENT: not there or not plausible with this layout; else as memory_read.
 */
int moduledata_find(struct target *target);

#endif
