/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Functions of the target, lifted once each, and what calling them means for locks, channels and
 * WaitGroups. Addresses are run-time.
 */
#ifndef COLLECT_CODE_H
#define COLLECT_CODE_H

#include <stdbool.h>
#include <stdint.h>

#include "target/lift.h"
#include "target/target.h"

/* What calling a function does to the object in its first argument, unless told otherwise. */
enum code_effect {
	CODE_PLAIN,
	CODE_OPAQUE,    /* the runtime's own: not looked into */
	CODE_NO_RETURN, /* exits, and waits for ever */
	CODE_UNWINDS,   /* the same; what was deferred runs, of all frames below */
	CODE_LOCK,      /* sync.Mutex; Lock, TryLock and their slow halves */
	CODE_UNLOCK,
	CODE_WRITE_LOCK, /* sync.RWMutex */
	CODE_WRITE_UNLOCK,
	CODE_READ_LOCK,
	CODE_READ_UNLOCK,
	CODE_GROUP_DONE,
	CODE_GROUP_ADD, /* second argument: how many */
	CODE_GROUP_WAIT,
	CODE_COND_WAKE, /* Signal, Broadcast */
	CODE_LIST_WAKE, /* the same, of a Cond's notifyList */
	CODE_ACQUIRE,   /* semaphore.Weighted; Acquire, TryAcquire */
	CODE_RELEASE,
	CODE_SEND,
	CODE_RECV,
	CODE_RECV_SECOND, /* the channel is the second argument: a select with one case and a default */
	CODE_CLOSE,
	CODE_SELECT,       /* selectgo(cases, order, pcs, sends, receives, block) */
	CODE_DEFER_RETURN, /* runs the deferred calls of the calling frame */
};

enum code_quiet { CODE_QUIET_UNKNOWN, CODE_IS_QUIET, CODE_IS_NOT_QUIET };

struct code_function {
	uint64_t entry;
	uint8_t effect;    /* enum code_effect */
	bool in_sync;      /* of sync or internal/sync */
	bool tries;        /* TryLock: it may return without the lock */
	bool grows_stack;  /* runtime.morestack: the calling function begins again */
	bool is_barrier;   /* runtime.gcWriteBarrier: it keeps the registers but r11 */
	bool hands_over;   /* it has code run that is not told, or may tell others something */
	bool is_slow_half; /* of Lock or RLock: called where these are inlined, and nowhere else */
	uint8_t quiet;     /* enum code_quiet */
	uint32_t look;     /* the last in which it was met */
	int32_t args;      /* bytes of its arguments on the caller's stack; negative: unknown */
	int8_t busy_depth; /* looked so deep for operations, -1: not yet */
	bool is_busy;      /* has operations of interest that deep */
	bool lifted;
	lift_insns insns; /* empty: opaque, or it could not be decoded */
};

struct code;

struct code *code_new(const struct target *target); /* NULL: no memory */
void code_free(struct code *code);

/* The function that pc is in; NULL: none, or no memory. Good as long as `code`. */
struct code_function *code_at(struct code *code, uint64_t pc);
/* The same with its instructions there. */
struct code_function *code_lifted(struct code *code, uint64_t pc);
/*
 * The function, or one that it calls directly so many calls deep, does something with a lock, channel or
 * group, or calls what cannot be told. False: it need not be followed.
 */
bool code_is_busy(struct code *code, struct code_function *function, int depth);
/*
 * Nothing that it calls, however deep, can unlock anything or tell another goroutine to: no channels, go
 * statements, atomic writes but those of locking, unlocking; all that is called is known.
 */
bool code_is_quiet(struct code *code, struct code_function *function);
/* An instruction that other threads may be told something by. */
bool code_is_atomic(const struct lift_insn *insn);
/*
 * An instruction of the function that is the atomic one of an inlined Lock or RLock, whose slow half it leads
 * to. By the Go memory model these publish nothing that came before them.
 */
bool code_tells_nothing(struct code *code, const struct code_function *function,
			const struct lift_insn *insn);

#endif
