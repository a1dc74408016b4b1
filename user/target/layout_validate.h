/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef TARGET_LAYOUT_VALIDATE_H
#define TARGET_LAYOUT_VALIDATE_H

#include "target/target.h"

/*
 * Whether target->layout fits the process: a sample of goroutines must have positive and distinct
 * ids, a known status, a stack pointer inside the stack, code addresses that are code, an M that
 * points back, and wait records that belong to them. 0; -EINVAL: it does not fit; -EAGAIN: no
 * goroutine yet; else as memory_read.
 */
int layout_validate(const struct target *target);

#endif
