/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What people read: plain text of the model, on any stream. */
#ifndef VIEW_VIEW_H
#define VIEW_VIEW_H

#include <stdbool.h>
#include <stdio.h>

#include "model/capture.h"
#include "model/leaks.h"
#include "model/model.h"
#include "model/select.h"
#include "target/facts.h"

struct view_style {
	int width; /* columns of the screen */
	int rows;  /* lines a table may have; 0: no limit */
	bool color;
	bool system; /* the runtime's own goroutines, too */
	bool verbose;
};

struct view {
	FILE *out;
	struct view_style style;
	const struct target_facts *target;
	const struct capture *capture;
	struct model *model;
};

/* All: 0 or -ENOMEM. Errors of the stream stay in it (ferror). */
int view_top(const struct view *view);
int view_locks(const struct view *view);
int view_chans(const struct view *view);

int view_leaks(const struct view *view, const struct leaks *leaks);

int view_tasks(const struct view *view, const struct task_selection *selection);

#endif
