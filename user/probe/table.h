/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The probe table: which places in the Go runtime tell what, by role. One row is one place with
 * its alternatives by Go version; the plan looks up what this binary has.
 */
#ifndef PROBE_TABLE_H
#define PROBE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conctrace_abi.h"

enum probe_role {
	ROLE_SPAWN,
	ROLE_EXIT,
	ROLE_PARK,
	ROLE_READY,
	ROLE_LOCK_WAIT,
	ROLE_LOCK_RELEASE,
	ROLE_CHAN_SEND,
	ROLE_CHAN_RECV,
	ROLE_CHAN_CLOSE,
	ROLE_PANIC,
	ROLE_POLL,   /* operations that do not wait: selects with a default, receives when closed */
	ROLE_GC,     /* cycles and stops of the world */
	ROLE_ASSIST, /* marking that goroutines must do for the GC */
	ROLE_CANCEL, /* of contexts */
	ROLE_POOL,
	ROLE_MAP,   /* sync.Map */
	ROLE_VALUE, /* atomic.Value */
	ROLE_TIMER, /* sleeps and tickers */
	ROLE_SPIN,  /* of sync.Mutex.Lock, before it waits */
	ROLE_WAITGROUP,
	ROLE_COUNT
};

#define ROLE_BIT(role) (1U << (role))
/* What the live tables need: every wait with its object, spawn and exit. */
#define ROLES_TABLES                                                                               \
	(ROLE_BIT(ROLE_SPAWN) | ROLE_BIT(ROLE_EXIT) | ROLE_BIT(ROLE_PARK) | ROLE_BIT(ROLE_READY) | \
	 ROLE_BIT(ROLE_LOCK_WAIT))
#define ROLES_LOCKS                                                                                \
	(ROLE_BIT(ROLE_PARK) | ROLE_BIT(ROLE_READY) | ROLE_BIT(ROLE_LOCK_WAIT) |                   \
	 ROLE_BIT(ROLE_LOCK_RELEASE))
/* What a recording has of the probes: the live tables, and who lets go of locks. */
#define ROLES_RECORD (ROLES_TABLES | ROLES_LOCKS)
/* And how they are held and spun for, which costs more. */
#define ROLES_LOCKS_ALL (ROLES_LOCKS | ROLE_BIT(ROLE_SPIN))
/* What no program has unless it uses the package; the others are in the runtime. */
#define ROLES_OPTIONAL                                                                             \
	(ROLE_BIT(ROLE_CANCEL) | ROLE_BIT(ROLE_POOL) | ROLE_BIT(ROLE_MAP) | ROLE_BIT(ROLE_VALUE) | \
	 ROLE_BIT(ROLE_TIMER) | ROLE_BIT(ROLE_SPIN) | ROLE_BIT(ROLE_WAITGROUP))
#define ROLES_CHANS                                                                                \
	(ROLE_BIT(ROLE_PARK) | ROLE_BIT(ROLE_READY) | ROLE_BIT(ROLE_CHAN_SEND) |                   \
	 ROLE_BIT(ROLE_CHAN_RECV) | ROLE_BIT(ROLE_CHAN_CLOSE))

const char *probe_role_name(enum probe_role role);

enum probe_place {
	PLACE_ENTRY, /* at the function's start: first emulated instruction with arguments intact */
	PLACE_CALL, /* on the direct calls of `callee` inside the function, arguments in registers */
	PLACE_CALL_IND, /* on the jump that leads to the function's only call of a function value */
};

#define PROBE_NAMES 8

struct probe_point {
	enum probe_role role;
	enum ct_handler handler;        /* what the BPF program does there */
	const char *names[PROBE_NAMES]; /* alternatives, newest first; NULL ends */
	enum probe_place place;
	enum ct_pace pace;
	bool all_names;           /* each of the names that there are, not the first */
	const char *callee;       /* PLACE_CALL */
	int min_minor, max_minor; /* Go 1.x versions it applies to; 0: open */
	int when_reg;             /* PLACE_CALL: not the calls with this register (number as in
					   decode.h) set to another constant; -1: all. The program
					   must check the register itself too */
	uint64_t when_value;
	const char *args_amd64; /* "rax=gp rbx=lock rcx=reason r14=g" */
	const char *args_arm64;
	uint32_t arg_regs;   /* amd64: registers that must still hold arguments, bit mask */
	const char *without; /* what is lost without it */
};

extern const struct probe_point probe_table[];
extern const size_t probe_table_len;

#endif
