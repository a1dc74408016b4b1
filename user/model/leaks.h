/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Leaked goroutines and suspects as people speak of them: alike ones together, each with its proof. */
#ifndef MODEL_LEAKS_H
#define MODEL_LEAKS_H

#include "collect/leak_scan.h"
#include "model/model.h"

struct leak_row {
	size_t task;   /* in model->tasks */
	size_t found;  /* in scan->found */
	uint64_t also; /* how many others of the found wait for the same object */
	uint8_t doubt; /* enum leak_doubt */
};

/* Rows with the same stack, creator, wait and doubt. */
struct leak_group {
	struct stack *stack;
	uint64_t gopc;
	size_t first, count; /* in `rows` */
	uint8_t reason, doubt;
};

/* Leaked goroutines that wait for one another, and so would not go on even if others could: each for the next. */
struct leak_cycle {
	size_t first, count; /* in `cycle_tasks` */
};

struct leaks {
	const struct leak_scan *scan;
	VEC(struct leak_row) rows;     /* leaked ones first; group by group */
	VEC(struct leak_group) groups; /* leaked ones first, then the most numerous */
	size_t leaked, suspects;       /* rows */
	size_t leaked_groups;
	VEC(struct leak_cycle) cycles;
	VEC(size_t) cycle_tasks; /* in model->tasks */
};

/*
 * Of a model whose last update was by scan->snapshot; both must stay. *leaks is zero-initialised;
 * free it also after an error. 0 or -ENOMEM.
 */
int leaks_build(struct model *model, const struct leak_scan *scan, struct leaks *leaks);
void leaks_free(struct leaks *leaks);

/*
 * Marks the tasks of another model of the process, or of this one, that wait as the leaked ones of `of` do
 * (model_task.leaked). 0 or -ENOMEM.
 */
int leaks_mark(const struct leaks *leaks, const struct model *of, struct model *model);

/* What it waits for, and why nobody can wake it: a sentence without its subject and full stop. */
void leaks_proof(const struct model *model, const struct leaks *leaks, const struct leak_row *row,
		 char *text, size_t size);
/* Why a suspect is no more than that; "" when it is leaked. */
void leaks_doubt(enum leak_doubt doubt, char *text, size_t size);

#endif
