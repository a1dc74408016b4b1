/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The file that Go's race detector wrote (--race-log). */
#ifndef CMD_RACE_LOG_FILE_H
#define CMD_RACE_LOG_FILE_H

#include "base/err.h"
#include "detect/race_log.h"

/* *races is zero-initialised by the caller, who frees it with race_log_free. */
int race_log_load(const char *path, struct race_log *races, struct err *err);

#endif
