/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef TARGET_LOAD_BIAS_H
#define TARGET_LOAD_BIAS_H

#include "target/target.h"

/* Where the executable lies in the process: sets target->load_bias (0 unless PIE). */
int load_bias_find(struct target *target, struct err *err);

#endif
