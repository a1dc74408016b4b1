/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What Go's race detector reported (a log of a program built with -race). Pure; bounded by the text. */
#ifndef DETECT_RACE_LOG_H
#define DETECT_RACE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/vec.h"
#include "target/pclntab.h"

struct race_frame {
	char function[256], file[256];
	int line; /* 0: no place was given */
};

/* One of the two accesses. */
struct race_access {
	bool write, atomic;
	uint64_t goid;                  /* the main goroutine is 1 */
	bool finished;                  /* as of the report */
	VEC(struct race_frame) stack;   /* innermost first */
	VEC(struct race_frame) created; /* where the goroutine was made */
	/* the first frame outside the standard library; its strings are the stack's */
	struct pclntab_frame site;
};

struct race {
	uint64_t addr;
	struct race_access accesses[2]; /* the later one first, as in the report */
	uint64_t times;                 /* reports of the same two places */
};

struct race_log {
	VEC(struct race) races; /* those of the same two places once */
	uint64_t reports;
	uint64_t unreadable; /* reports that could not be understood */
};

/* *log is zero-initialised by the caller, who frees it. 0 or -ENOMEM. */
int race_log_parse(const char *text, size_t len, struct race_log *log);
void race_log_free(struct race_log *log);

#endif
