/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Pieces that several views have. */
#ifndef VIEW_PARTS_H
#define VIEW_PARTS_H

#include "model/format.h"
#include "view/table.h"
#include "view/view.h"

/* Process, Go version, goroutines by state; then rates and how it was captured. */
void view_header(const struct view *view);
void view_title(const struct view *view, const char *title, const char *remark);

int view_locks_table(const struct view *view, size_t most);
int view_chans_table(const struct view *view, size_t most);

/* "~" before estimates: the probes were not on all the time. */
const char *view_estimate_mark(const struct view *view);
#endif
