/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The plan for one binary: for each point of the probe table the address to put the breakpoint at,
 * or why it is left out. Pure: it reads the target's file, and changes nothing.
 */
#ifndef PROBE_PLAN_H
#define PROBE_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/vec.h"
#include "probe/table.h"
#include "target/target.h"

enum plan_verdict {
	PLAN_EMULATED,    /* one trap a hit */
	PLAN_STEPPED,     /* single-stepped: two traps a hit */
	PLAN_ABSENT,      /* the binary has no such function: not linked in, or inlined */
	PLAN_UNDECODABLE, /* left out: the decoder was not certain */
};

struct plan_site {
	const struct probe_point *point;
	enum plan_verdict verdict;
	const char *function; /* as found in the binary; the point's first name when absent */
	uint64_t address;     /* run-time address of the probed instruction; 0 when left out */
	uint32_t offset;      /* of the instruction from the function's entry, bytes */
	uint64_t file_offset; /* what the kernel is given */
	uint64_t cookie;      /* enum ct_handler and CT_COOKIE_* */
	char instruction[64];
	char reason[160]; /* why it is left out or stepped; "" otherwise */
};

struct plan {
	VEC(struct plan_site) sites;
};

/* Sites for every point whose role is in `roles` (bits of enum probe_role). */
int plan_make(struct target *target, uint32_t roles, struct plan *plan, struct err *err);
void plan_free(struct plan *plan);

/* Roles that the plan cannot serve although they were asked for. */
uint32_t plan_missing_roles(const struct plan *plan, uint32_t roles);

#endif
