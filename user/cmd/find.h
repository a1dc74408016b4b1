/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which process is meant. */
#ifndef CMD_FIND_H
#define CMD_FIND_H

#include "cmd/options.h"

/* The PID of -p, or of the one process whose executable has the name of -n. */
int find_target(const struct options *options, pid_t *pid, struct err *err);

#endif
