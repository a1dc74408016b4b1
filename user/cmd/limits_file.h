/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The limits of the detectors: defaults, then the config file, then the command line. */
#ifndef CMD_LIMITS_FILE_H
#define CMD_LIMITS_FILE_H

#include "cmd/options.h"
#include "detect/limits.h"

int limits_load(const struct options *options, struct limits *limits, struct err *err);

#endif
