/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One line on a terminal that says how long it still takes. */
#ifndef CMD_PROGRESS_H
#define CMD_PROGRESS_H

#include "cmd/options.h"

/* Whether there is a terminal for it, and the user wants it. */
bool progress_wanted(const struct options *options);
/* doing: "tracing" */
void progress_show(const char *doing, uint64_t left_ns);
/* struct leak_scan_options.progress */
void progress_show_phase(void *ctx, const char *phase, unsigned percent);
void progress_end(void);

#endif
