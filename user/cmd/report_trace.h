/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A recording's timeline as a trace for a viewer: FORMAT_PERFETTO or FORMAT_CHROME. */
#ifndef CMD_REPORT_TRACE_H
#define CMD_REPORT_TRACE_H

#include "cmd/options.h"

int report_trace(const struct options *options, struct err *err);

#endif
