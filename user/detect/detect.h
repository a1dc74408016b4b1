/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Detectors: each knows one kind of incident (../INCIDENTS ids), says what it needs, and looks for it
 * in the model and in what was noted of the snapshots before. Pure: no I/O.
 *
 * A new detector is a file that defines `const struct detector detector_x`, and its line in
 * detectors.c, at its place: what explains others comes before what it explains.
 */
#ifndef DETECT_DETECT_H
#define DETECT_DETECT_H

#include "collect/contexts.h"
#include "collect/run_queue.h"
#include "detect/finding.h"
#include "detect/limits.h"
#include "detect/race_log.h"
#include "detect/series.h"
#include "model/graph.h"
#include "model/leaks.h"
#include "model/model.h"
#include "target/resources.h"

struct detect_input {
	struct model *model;             /* of the last moment; totals of the whole observation */
	const struct waits_graph *graph; /* of the model */
	const struct series *series;     /* the snapshots, reduced; the last point is the model's */
	const struct limits *limits;
	const struct resources *before, *now; /* of the process, at the first and last snapshot */
	const held_contexts *contexts;        /* at the last snapshot; NULL: unknown */
	const struct run_queue *run_queue;    /* of the observation; NULL: unknown */
	uint64_t observed_ns;                 /* from the first snapshot to the last */
	uint32_t roles;                       /* probes that were on (ROLE_BIT); 0: none */
	pid_t pid;
	const char *recording;        /* the file that all this is from; NULL: of a live process */
	uint64_t wall_ahead_ns;       /* CLOCK_REALTIME less CLOCK_MONOTONIC there, modulo 2^64 */
	unsigned gomaxprocs;          /* 0: unknown */
	bool gone;                    /* the process ended meanwhile */
	const struct race_log *races; /* of --race-log; NULL: none */
	/* what nothing alive can wake, and the model that it is about; NULL: not looked for, and why */
	const struct leaks *leaks;
	struct model *leaks_model;
	const char *no_leaks;
};

struct detector {
	const char *id;        /* of its incidents; of several, the family: "panic" */
	const char *looks_for; /* "goroutines that pile up at one place" */
	uint32_t roles;        /* probes without which it cannot judge (ROLE_BIT) */
	uint32_t wants;        /* probes that make it see more */
	unsigned snapshots;    /* fewer, or a shorter time, and it is not asked */
	uint64_t least_ns;
	/* Adds to findings. 0 or -errno. */
	int (*check)(const struct detect_input *input, struct findings *findings);
};

/* All of them, causes before effects. */
const struct detector *const *detect_detectors(size_t *count);
/* What they need of probes, together. */
uint32_t detect_roles(void);

/*
 * Ask every detector; *findings is zero-initialised by the caller, who frees it. Says of each
 * whether it could judge. 0 or -errno.
 */
int detect_run(const struct detect_input *input, struct findings *findings);

/* ---- what detectors have in common ---- */

/* "chan receive at main.worker pool.go:12"; "running"; of one goroutine or of a group. */
const char *detect_activity(char *text, size_t size, const struct model *model, unsigned state,
			    unsigned reason, const struct stack *stack);
#define ACTIVITY(model, task)                                                                      \
	detect_activity((char[700]){ 0 }, 700, model, (task)->state, (task)->reason, (task)->stack)
/* The frames from the innermost of the application on: "main.f x.go:1 < main.g x.go:9". */
const char *detect_stack_line(char *text, size_t size, const struct stack *stack);
/* The goroutine's place and age into the finding, when it has none or the age is greater. */
void detect_take_place(struct finding *finding, const struct model_task *task);
/* How long the task has been waiting, ns; 0: unknown. */
uint64_t detect_waited_ns(const struct detect_input *input, const struct model_task *task);
/* Some frame of the stack has this function, "net/http.(*persistConn).roundTrip". */
bool detect_stack_has(const struct stack *stack, const char *function);
bool detect_same_place(const struct pclntab_frame *a, const struct pclntab_frame *b);
/* What the detector at work has found at this place already; NULL: nothing. */
struct finding *detect_found_at(struct findings *findings, const struct pclntab_frame *site);
/* The ids of the group's goroutines; its age, when that is older than what is known. */
void detect_take_group(const struct detect_input *input, struct findings *findings,
		       struct finding *finding, const struct model_group *group);
/* Share of the time that its threads wanted a CPU and had none: others on the machine had them. */
double detect_cpu_shortage(const struct detect_input *input);
/* Index of the first of the contexts that the goroutine holds, if it holds any. */
size_t detect_contexts_of(const struct detect_input *input, uint64_t goid);
/* CLOCK_REALTIME of a time of CLOCK_MONOTONIC. */
static inline uint64_t detect_wall_ns(const struct detect_input *input, uint64_t monotonic_ns)
{
	return monotonic_ns + input->wall_ahead_ns;
}
/*
 * The command that shows more, by a view and its options, "tasks --top 5": of the process, or of the
 * recording. Of a process, locks and channels are traced for as long as a diagnosis takes.
 */
void detect_look(const struct detect_input *input, struct finding *finding, const char *view, ...)
	__attribute__((format(printf, 3, 4)));
/* The i-th goroutine of a group. */
const struct model_task *detect_task(const struct model *model, const struct model_group *group,
				     uint64_t i);
/* How many waited at any moment, on average over the observation. */
double detect_mean_waiters(const struct detect_input *input, const struct wait_stats *stats);
/*
 * Says when memory runs out at the pace of the observation, and puts it into the timeline. Seconds from
 * now; INFINITY: not in sight, and nothing is said when it did not grow.
 */
double detect_forecast_memory(const struct detect_input *input, struct findings *findings,
			      struct finding *finding);
/* The kind of lock, address and variable into the finding. */
void detect_object(struct finding *finding, const char *kind, uint64_t addr, const char *symbol);
/* "goroutines 12, 13, 14 and 97 more" of an ascending list. */
const char *detect_goids(char *text, size_t size, const uint64_t *goids, size_t count);

#endif
