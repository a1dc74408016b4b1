/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* diagnose --every: incidents are told once when they begin and once when they end. */
#ifndef CMD_WATCH_H
#define CMD_WATCH_H

#include "cmd/observe.h"

/* Until the user or the process ends it. 0, or -errno; *found: something was told. */
int watch(struct observation *observation, const struct options *options,
	  const struct limits *limits, bool *found, struct err *err);

#endif
