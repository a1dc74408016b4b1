/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef TARGET_LOAD_BIAS_H
#define TARGET_LOAD_BIAS_H

#include "target/target.h"

/*
 * Where the executable lies in the process: sets target->load_bias (0 unless PIE). The kernel tells
 * the entry point's address in the auxiliary vector; unlike the mappings' inodes and paths, that
 * holds on overlay file systems, in containers and after the file was replaced.
 */
int load_bias_find(struct target *target, struct err *err);

#endif
