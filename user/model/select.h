/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which goroutines or groups to show, in which order; the same for people and machines. */
#ifndef MODEL_SELECT_H
#define MODEL_SELECT_H

#include "model/model.h"

enum task_order { TASKS_BY_COUNT, TASKS_BY_AGE, TASKS_BY_GOID };

struct task_selection {
	/* a part of a function's name, file, state, wait reason or label (key=value); NULL: all */
	const char *filter;
	enum task_order order;
	size_t most; /* groups or goroutines; 0: all */
	bool each;   /* goroutines, else groups */
};

/* Indices into model->tasks or model->groups; zero-initialised by the caller, who frees it. */
struct selected_rows {
	size_t *data;
	size_t len, cap;
	size_t left_out; /* by `most` */
};

/* 0 or -ENOMEM. system: the runtime's own goroutines, too. */
int model_select(const struct model *model, const struct task_selection *selection, bool system,
		 struct selected_rows *rows);

#endif
