/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A model as weighted stacks, for every format that draws or tabulates such. Pure: a live model and
 * one from a recording are the same to it.
 *
 * Where time waited comes from:
 *
 *   every event traced    the waits that ended, as the probes timed them, and those that go on; waits
 *                         that began before the attach, which no probe saw, by the samples
 *   traced in windows     by the samples, if they met a site often enough; by the windows if not, or
 *                         if those left out less than they saw and no wait was too long for them
 *   no probes             by the samples
 *
 * Without samples, what the model itself has: its estimates, and how long the tasks wait so far.
 */
#ifndef MODEL_FLAME_H
#define MODEL_FLAME_H

#include <stdbool.h>
#include <stdint.h>

#include "model/leaks.h"

enum flame_of {
	FLAME_WAIT,  /* time waited, by where */
	FLAME_LOCK,  /* for locks; the lock is the leaf */
	FLAME_CHAN,  /* for channels; the channel is the leaf */
	FLAME_SPAWN, /* goroutines created, by go statement */
	FLAME_TASKS, /* goroutines that exist */
	FLAME_BLOCK, /* as Go's own block profile: ended waits for channels and locks, by who waited */
	FLAME_MUTEX, /* as Go's own mutex profile: the same for locks, by who let others wait */
	FLAME_LEAKS, /* goroutines proven leaked; as Go's goroutineleak profile */
	FLAME_OF_COUNT
};

struct flame_options {
	enum flame_of of;
	const char *reason;        /* a part of the wait reason's text; NULL: all */
	uint64_t object;           /* address of a lock or channel; 0: all */
	uint64_t goid;             /* 0: all */
	bool created_by;           /* the go statement that made the goroutine is the root */
	bool labels;               /* FLAME_TASKS: keep goroutines with other pprof labels apart */
	bool system;               /* the runtime's own, too */
	const struct leaks *leaks; /* FLAME_LEAKS: of the model */
	bool only_goid; /* what the probes counted is of `goid` alone; else only samples are used for it */
};

/* Goroutines seen waiting by snapshots taken between two updates of a model, at random times. */
struct flame_samples;

/* From begin_ns on (CLOCK_MONOTONIC): when the probes were attached, or the first snapshot. */
struct flame_samples *flame_samples_new(const struct flame_options *options, uint64_t begin_ns);
void flame_samples_free(struct flame_samples *samples);
/* 0 or -ENOMEM. The stacks go into the model's table. */
int flame_samples_add(struct flame_samples *samples, struct model *model,
		      const struct snapshot *snapshot);
uint64_t flame_samples_count(const struct flame_samples *samples);

#define FLAME_CUT_TEXT "(deeper frames unknown)"
#define FLAME_NO_STACK_TEXT "(no stack)"

/* A box. */
struct flame_frame {
	const struct pclntab_frame *frame; /* NULL: it is none of the program's */
	const char *text;                  /* then what it says; owned by the flame */
};

struct flame_stack {
	size_t first_frame, frame_count; /* in flame.frames, outermost first */
	const struct stack *stack;       /* that they are of; NULL: none */
	size_t hidden;       /* so many of its innermost frames are left out, as Go does */
	uint64_t gopc;       /* of those created there; 0: several or unknown */
	const char *creator; /* the root's text when there is no gopc for it; NULL: no such root */
	const char *object;  /* the leaf: "sync.Mutex main.mu"; NULL: none; owned by the flame */
	uint64_t addr;       /* of the object */
	const char *reason;  /* wait reason, or state */
	uint64_t count;      /* waits that ended, goroutines */
	uint64_t ns;         /* waited */
	uint64_t sampled_ns; /* the part of it that comes from samples */
	bool cut;            /* it goes on, but nobody knows how */
	const struct goroutine
		*goroutine; /* FLAME_TASKS, FLAME_LEAKS: one of them, of the snapshot; NULL: none */
};

struct flame {
	enum flame_of of;
	bool is_time;                          /* the value of a stack is its ns, else its count */
	bool is_estimate;                      /* of windows or samples */
	uint64_t value, count, ns, sampled_ns; /* sums */
	uint64_t cut_value;
	uint64_t samples;               /* taken */
	uint64_t duration_ns;           /* that it stands for */
	VEC(struct flame_stack) stacks; /* greatest value first */
	VEC(struct flame_frame) frames;
	VEC(char *) texts;
};

static inline uint64_t flame_value(const struct flame *flame, const struct flame_stack *stack)
{
	return flame->is_time ? stack->ns : stack->count;
}

/* *flame is zero-initialised; samples may be NULL. Good as long as the model is not updated. */
int flame_make(struct model *model, const struct flame_samples *samples,
	       const struct flame_options *options, struct flame *flame);
void flame_free(struct flame *flame);

/* It counts goroutines; else it is of time. */
static inline bool flame_counts(enum flame_of of)
{
	return of == FLAME_SPAWN || of == FLAME_TASKS || of == FLAME_LEAKS;
}

/* "wait", "lock", ... */
const char *flame_of_name(enum flame_of of);

#endif
