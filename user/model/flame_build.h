/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The parts of flame_make: each fills the table of what is to be shown. */
#ifndef MODEL_FLAME_BUILD_H
#define MODEL_FLAME_BUILD_H

#include "model/flame_table.h"

struct flame_build {
	struct model *model;
	const struct flame_samples *samples; /* NULL: none */
	const struct flame_options *options;
	struct flame *flame;
	struct flame_table out;
	struct flame_labels *labels;     /* texts, each once */
	struct flame_creators *creators; /* go statements by stack */
	struct flame_callers *callers;   /* how stacks go on */
};

/* What is to be shown under the key, its stack completed. NULL: no memory. */
struct flame_entry *flame_put(struct flame_build *build, const struct flame_key *key);

/* 0 or -ENOMEM. */
int flame_waits(struct flame_build *build);
int flame_tasks(struct flame_build *build);
int flame_spawns(struct flame_build *build);
int flame_leaks(struct flame_build *build);
int flame_mutex(struct flame_build *build);

/*
 * Where the goroutines with a stack were created, as far as it is known: by those that are alive or
 * were sampled, and by where they started.
 */
int flame_creators_make(struct flame_build *build);
void flame_creators_free(struct flame_creators *creators);
/* 0: unknown, or *several. */
uint64_t flame_creator(const struct flame_build *build, const struct stack *stack, bool *several);

/*
 * How stacks that the probes cut off go on, as far as one way only is known: from the stacks that
 * begin with the same pcs or, failing those, from where the same three calls are in others.
 */
int flame_callers_make(struct flame_build *build);
void flame_callers_free(struct flame_callers *callers);
/* The stack itself when nothing better is known; NULL: no memory. */
const struct stack *flame_complete(struct flame_build *build, const struct stack *stack);

void flame_labels_free(struct flame_labels *labels);

#endif
