/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Every goroutine that exists, read from the target's memory without stopping it.
 *
 * A goroutine that ran while it was read is torn: its status, goid, sched.pc or stack bounds had
 * changed when looked at again. It is read again a few times, then kept without a stack and counted.
 */
#ifndef COLLECT_SNAPSHOT_H
#define COLLECT_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/vec.h"
#include "target/target.h"

/* runtime.g status (runtime2.go): numbers are the same from Go 1.18 to 1.27. */
enum g_status {
	G_IDLE = 0,
	G_RUNNABLE = 1,
	G_RUNNING = 2,
	G_SYSCALL = 3,
	G_WAITING = 4,
	G_DEAD = 6,
	G_COPYSTACK = 8,
	G_PREEMPTED = 9,
	G_LEAKED = 10,    /* from 1.26 */
	G_DEADEXTRA = 11, /* from 1.26 */
	G_SCAN_BIT = 0x1000,
};

enum wait_kind {
	WAIT_NONE,
	WAIT_CHAN_SEND,
	WAIT_CHAN_RECV,
	WAIT_SELECT,
	WAIT_SEMA, /* semaphore below a lock; which one says the stack */
	WAIT_COND,
	WAIT_TIMER,
	WAIT_NETWORK,
	WAIT_OTHER,
};

/* One case of a blocked select, or the one channel of a send or receive. */
struct wait_case {
	uint64_t chan; /* hchan */
};

struct chan_state {
	uint64_t addr;
	uint64_t len, cap;
	uint32_t closed;
	uint32_t senders, receivers; /* waiting, counted along the queues (bounded) */
	bool read_ok;
};

struct goroutine {
	uint64_t g; /* address of the runtime.g */
	uint64_t goid;
	uint64_t parent_goid; /* 0: unknown (before Go 1.21) */
	uint64_t gopc;        /* pc after the go statement */
	uint64_t startpc;
	uint64_t waitsince_ns; /* filled by the GC only; 0: unknown. CLOCK_MONOTONIC of the target */
	uint64_t m_procid;     /* thread id of its M, 0: none */
	uint64_t wait_addr;    /* hchan, semaphore, pollDesc; 0: unknown */
	uint32_t first_case, case_count; /* in snapshot.cases: select and channel waits */
	uint32_t first_pc, pc_count;     /* in snapshot.pcs, innermost first */
	uint16_t wait_kind;              /* enum wait_kind */
	uint8_t status;                  /* enum g_status without the scan bit */
	uint8_t wait_reason; /* of the target's version; valid when status is G_WAITING */
	bool scan;           /* being scanned by the GC */
	bool locked;         /* LockOSThread */
	bool system;         /* belongs to the runtime, hidden unless asked for */
	bool torn;
	bool stack_cut; /* the walk ended before the goroutine's first frame */
};

struct snapshot_options {
	bool stacks;        /* walk stacks */
	bool system;        /* keep the runtime's own goroutines */
	uint32_t max_depth; /* frames (pcs) a stack; 0: 128 */
};

struct snapshot {
	uint64_t at_ns; /* CLOCK_MONOTONIC, when the reading began */
	uint64_t took_ns;
	uint64_t torn;                    /* goroutines still torn after the retries */
	uint64_t unreadable;              /* g structs that could not be read */
	uint64_t system;                  /* goroutines of the runtime itself, kept or not */
	VEC(struct goroutine) goroutines; /* alive ones, in the order of allgs */
	VEC(uint64_t) pcs; /* run-time pcs to look up as they are: of the call instruction, not
				 behind it, unless the frame was interrupted by a signal */
	VEC(struct wait_case) cases;
	VEC(struct chan_state) chans; /* every channel somebody waits on, ascending by addr */
};

/* *snapshot is zero-initialised by the caller at first, and may be reused. */
int snapshot_take(const struct target *target, const struct snapshot_options *options,
		  struct snapshot *snapshot, struct err *err);
void snapshot_free(struct snapshot *snapshot);

#endif
