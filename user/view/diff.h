/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef VIEW_DIFF_H
#define VIEW_DIFF_H

#include "model/diff.h"
#include "view/view.h"

/* What changed; all with style.verbose. The views' `out` and style are those of `after`. 0 or -ENOMEM. */
int view_diff(const struct view *before, const struct view *after, const struct diff *diff);

#endif
