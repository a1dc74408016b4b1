/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef TARGET_GLOBALS_H
#define TARGET_GLOBALS_H

#include "target/target.h"

/*
 * Run-time addresses of runtime.allglen, allgptr, semtable, mheap_, allfin, gcCleanups and gomaxprocs: from the symbol table,
 * else from the code that uses them. 0; -ENOENT: allgs not found (the others may be missing).
 */
int globals_find(struct target *target);

#endif
