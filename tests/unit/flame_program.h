/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A model of a small invented program for the tests of flames: one function every 0x100 bytes, some
 * with names that are hard on file formats. Events and snapshots are made by hand.
 */
#ifndef UNIT_FLAME_PROGRAM_H
#define UNIT_FLAME_PROGRAM_H

#include "model/flame.h"

enum pc {
	PC_GOPARK = 0x100,
	PC_SEMACQUIRE = 0x200,
	PC_SEMA_MUTEX = 0x300,
	PC_MUTEX_LOCK = 0x400,
	PC_CHANRECV = 0x500,
	PC_CHANRECV1 = 0x600,
	PC_GOEXIT = 0x700,
	PC_UPDATE = 0x800,
	PC_WORK = 0x900, /* with main.inlined inlined into it */
	PC_MAIN = 0xa00,
	PC_RECURSE = 0xb00,
	PC_ODD = 0xc00, /* "main.struct { a int; b <T> }.é\"&" */
	PC_SEMRELEASE = 0xd00,
	PC_MUTEX_UNLOCK = 0xe00,
	PC_BYTES = 0xf00, /* not UTF-8, and a newline */
	PC_GENERIC = 0x1000,
};

#define FLAME_MINOR 24
#define FLAME_SECOND 1000000000ULL

struct program {
	struct model model;
	struct aggregates aggregates;
	struct governor_status governor;
	struct snapshot snapshot;
};

/* Ten seconds of tracing all events, until at 20 s. */
struct program *program_new(void);
void program_free(struct program *program);
/* The probes were on a tenth of the time. */
void program_in_windows(struct program *program);

void program_site(struct program *program, uint32_t index, const char *reason, uint64_t waits,
		  uint64_t each_ns, const enum pc *pcs);
void program_waits(struct program *program, uint64_t addr, uint32_t site, uint64_t waits,
		   uint64_t each_ns);
/* A goroutine in the snapshot; its stack ends with 0. */
struct goroutine *program_goroutine(struct program *program, uint64_t goid, const char *reason,
				    uint64_t addr, const enum pc *pcs);
void program_spawn(struct program *program, uint64_t gopc, uint64_t start_pc, uint64_t spawned);
void program_update(struct program *program, bool events, bool snapshot);
unsigned program_reason(const char *text);

/* `count` samples of the snapshot as it is, evenly over `ns` from begin_ns on. */
struct flame_samples *program_samples(struct program *program, const struct flame_options *options,
				      uint64_t begin_ns, uint64_t ns, unsigned count);

#endif
