/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a hit costs the thread it happens in: the trap, measured on a function of our own, + the time in
 * the BPF program, as the kernel's statistics have it for this target, + a quarter for caches lost.
 */
#ifndef PROBE_HIT_COST_H
#define PROBE_HIT_COST_H

#include <stdbool.h>
#include <stdint.h>

#include "probe/session.h"

#define HIT_COST_CACHES_LOST 1.25
#define HIT_COST_GUESS_NS 2500 /* until it is known */

/* Zero-initialised. */
struct hit_cost {
	struct calibration trap; /* zeros: not yet measured */
	double program_ns;       /* mean time of the BPF program; 0: not yet measured */
};

/* The kernel's statistics of our program; they cost a little, so they are on now and then only. */
struct program_stats {
	int fd; /* keeps them on; < 0: they are off */
	uint64_t runs, ns;
};

/* Without the right to them they stay off, which is no error. */
void program_stats_begin(struct program_stats *stats, const struct probe_session *session);
/* Off again. The mean time of the program since the beginning, ns; 0: not known. */
double program_stats_end(struct program_stats *stats, const struct probe_session *session);

/* program_stats_end measured so much. */
void hit_cost_note_program(struct hit_cost *cost, double ns);
/* In ns, of an emulated or a single-stepped instruction; 0: not known yet. High while parts are missing. */
double hit_cost_ns(const struct hit_cost *cost, bool stepped);

#endif
