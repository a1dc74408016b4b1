/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a detector says: one incident, in words for people and in fields for machines. */
#ifndef DETECT_FINDING_H
#define DETECT_FINDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/vec.h"
#include "model/stack.h"

enum severity { SEVERITY_INFO, SEVERITY_WARNING, SEVERITY_CRITICAL };
enum certainty {
	CERTAINTY_POSSIBLE, /* one explanation among others */
	CERTAINTY_LIKELY,   /* the usual explanation of what was seen */
	CERTAINTY_CERTAIN,  /* what was seen cannot be otherwise */
};

const char *severity_name(enum severity severity);
const char *certainty_name(enum certainty certainty);

#define FINDING_TEXT 400
#define NO_FINDING SIZE_MAX

struct finding_line {
	char text[FINDING_TEXT];
};

/* A moment of the timeline. */
struct finding_event {
	uint64_t at_ns;   /* CLOCK_MONOTONIC; after the end of the observation: a forecast */
	bool at_is_bound; /* it was then or before */
	char text[160];
};

struct finding {
	const char *id; /* of the incident, static: "leak.growth" */
	enum severity severity;
	enum certainty certainty;
	char title[200];
	char why_certain[200]; /* what the certainty rests on; "" */
	VEC(struct finding_line) evidence;
	VEC(uint64_t) goids;    /* the goroutines that are the incident, ascending */
	VEC(uint64_t) affected; /* those that wait because of it, ascending, none of goids */
	/* where in the application; NULL: in no place. Strings are the model's */
	const struct pclntab_frame *site;
	const struct stack *stack; /* of one of its goroutines; NULL: unknown */
	bool of_process;         /* it is about all of it: its place may change from look to look */
	const char *object_kind; /* "sync.Mutex", "chan"; NULL: it is about none */
	uint64_t object_addr;
	char object_name[128]; /* of the variable; "" */
	uint64_t since_ns;     /* CLOCK_MONOTONIC; 0: unknown */
	bool since_is_bound;   /* it may have begun earlier */
	double weight;         /* more is worse, among findings of one severity */
	char advice[FINDING_TEXT];
	char next[256]; /* a command line that shows more; "" */
	VEC(struct finding_event) events;
	size_t effect_of; /* index of the finding that explains this one; NO_FINDING */
	uint32_t rank;    /* of the detector: causes come before effects */
	double metric;    /* the number that the detector judged by, and its limit; 0: none */
	double limit;
	const char *metric_unit; /* "goroutines/min" */
};

struct not_judged {
	const char *id; /* of the detector */
	char reason[200];
};

/* In the order of the detectors; findings_finish sorts. */
struct findings {
	VEC(struct finding) rows;
	VEC(struct not_judged) not_judged;
	struct finding spare; /* what is written to when memory is short */
	const char *running;  /* the detector at work */
	uint32_t rank;
	bool no_memory; /* something is missing; the run fails with -ENOMEM */
};

/*
 * A new finding of the detector at work; never NULL, so that detectors need no checks: when memory is
 * short it is a spare one, and the run fails. Good until the next one is begun.
 */
struct finding *finding_begin(struct findings *findings, enum severity severity,
			      enum certainty certainty);
void finding_title(struct finding *finding, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void finding_say(struct findings *findings, struct finding *finding, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void finding_why(struct finding *finding, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void finding_advise(struct finding *finding, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void finding_next(struct finding *finding, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void finding_event(struct findings *findings, struct finding *finding, uint64_t at_ns, bool bound,
		   const char *format, ...) __attribute__((format(printf, 5, 6)));
void finding_add_goid(struct findings *findings, struct finding *finding, uint64_t goid);
void finding_add_affected(struct findings *findings, struct finding *finding, uint64_t goid);

/* The detector at work cannot tell, and why: "seen for 2 s only: growth can't be judged". */
void findings_not_judged(struct findings *findings, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * When all detectors have run: goids ascending and each once, findings that others explain marked,
 * worst first. 0 or -ENOMEM.
 */
int findings_finish(struct findings *findings);
void findings_free(struct findings *findings);

/* The same incident at two times: id, site and object. `size` of 256 is enough for most. */
void finding_key(const struct finding *finding, char *key, size_t size);
/* Worst of those that no other explains; -1: none. */
int findings_worst(const struct findings *findings);

#endif
