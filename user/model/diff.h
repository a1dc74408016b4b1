/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Two models against each other, of one process at two times or of two processes: what appeared, went,
 * became more, fewer, slower or faster. Stacks are the same when their functions are: lines and
 * addresses are those of one build. Locks are the same when their variable is, or where they are
 * waited for.
 */
#ifndef MODEL_DIFF_H
#define MODEL_DIFF_H

#include "model/model.h"

enum diff_of {
	DIFF_GOROUTINES, /* that exist, by stack and state */
	DIFF_WAITS,      /* by place and reason */
	DIFF_LOCKS,
	DIFF_KINDS
};

enum diff_change {
	DIFF_SAME,
	DIFF_APPEARED,
	DIFF_GONE,
	DIFF_MORE,
	DIFF_FEWER,
	DIFF_SLOWER, /* the mean wait is longer */
	DIFF_FASTER,
};

struct diff_side {
	bool there;
	uint64_t count; /* goroutines that are there, or wait there, now */
	uint64_t waits,
		timed_ns; /* that the probes saw whole: in windows, none longer than they are */
	uint64_t wait_ns; /* in all; estimates where the model's are */
	double seconds;   /* that these are of */
};

struct diff_row {
	enum diff_of of;
	enum diff_change change;
	const char *reason;        /* wait reason, else state; of locks the kind */
	char name[128];            /* of locks: the variable, or "" */
	const struct stack *stack; /* of the one after, when it is there; NULL: unknown */
	struct diff_side before, after;
};

struct diff {
	VEC(struct diff_row) rows; /* by kind, then what changed most first */
};

/* Both models must stay. *diff is zero-initialised; free it also after an error. 0 or -ENOMEM. */
int diff_make(const struct model *before, const struct model *after, struct diff *diff);
void diff_free(struct diff *diff);

/* Goroutines that waited there at a time, in the mean. */
double diff_waiting(const struct diff_side *side);
/* 0: no wait ended. */
uint64_t diff_mean_ns(const struct diff_side *side);
/* "appeared", "gone", ...; "" for DIFF_SAME. */
const char *diff_change_name(enum diff_change change);

#endif
