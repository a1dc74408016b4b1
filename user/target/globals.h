/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef TARGET_GLOBALS_H
#define TARGET_GLOBALS_H

#include "target/target.h"

/*
 * Run-time addresses of runtime.allglen, runtime.allgptr and runtime.gomaxprocs: from the symbol
 * table, else from the code that reads them. 0; -ENOENT: allgs not found (gomaxprocs may be
 * missing); -ENOMEM.
 */
int globals_find(struct target *target);

#endif
