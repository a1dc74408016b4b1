/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef TARGET_LAYOUT_CHOOSE_H
#define TARGET_LAYOUT_CHOOSE_H

#include "target/target.h"

/*
 * The layout that holds in this process: the table's row for its Go version, else what the
 * executable's DWARF says, else the nearest versions' rows. None is taken on trust: each must find
 * moduledata and allgs and pass layout_validate. Sets the layout, its origin, the wait reasons'
 * version, moduledata, the pclntab's text and the addresses of variables.
 * Errors: -ENOTSUP none fits; -EAGAIN no goroutine exists yet; -ESRCH, -EPERM as memory_read.
 */
int layout_choose(struct target *target, struct err *err);

#endif
