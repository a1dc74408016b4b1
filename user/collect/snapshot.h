/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Every goroutine that exists, read from the target's memory without stopping it.
 *
 * A goroutine that ran while it was read is torn: its status, goid, sched.pc or stack bounds had
 * changed when looked at again. It is read again a few times, then kept without a stack and counted.
 * Every list in the target is followed only so far, and every object that is named as waited for
 * was seen to point back at the goroutine.
 */
#ifndef COLLECT_SNAPSHOT_H
#define COLLECT_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

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
	WAIT_COROUTINE,
};

enum wait_direction { DIRECTION_UNKNOWN, DIRECTION_RECV, DIRECTION_SEND };

/* One case of a blocked select, or the one channel of a send or receive. */
struct wait_case {
	uint64_t chan;     /* hchan */
	uint64_t sudog;    /* how it stands in the channel's queue */
	uint8_t direction; /* enum wait_direction */
};

struct chan_state {
	uint64_t addr;
	uint64_t len, cap;
	uint32_t closed;
	uint32_t senders, receivers; /* waiting, counted by the goroutines of the snapshot */
	uint16_t elem_size;          /* of an element, bytes; 0: a channel of struct{} */
	bool read_ok;
};

/*
 * Memory around a semaphore that goroutines wait for. The lock it is part of is known by the stacks
 * of those: sync.Mutex, RWMutex and WaitGroup lie within these bounds in every version, and what a
 * semaphore.Weighted begins with.
 */
#define LOCK_WORDS_BEFORE 16
#define LOCK_WORDS_LEN 32
struct lock_words {
	uint64_t addr; /* of the semaphore, or Weighted */
	bool read_ok;
	uint8_t bytes[LOCK_WORDS_LEN]; /* from addr - LOCK_WORDS_BEFORE on */
};

/* The 32-bit word at addr + offset of the semaphore; 0 when it was not read. */
static inline int32_t lock_word(const struct lock_words *words, int offset)
{
	int32_t value = 0;

	if (words->read_ok && offset >= -LOCK_WORDS_BEFORE &&
	    offset + LOCK_WORDS_BEFORE <= LOCK_WORDS_LEN - (int)sizeof(value))
		memcpy(&value, words->bytes + LOCK_WORDS_BEFORE + offset, sizeof(value));
	return value;
}

/* What a goroutine does next with an object that others wait for (collect/ahead.h). */
enum next_what {
	NEXT_UNLOCK,       /* sync.Mutex: it holds it */
	NEXT_WRITE_UNLOCK, /* sync.RWMutex: it holds it */
	NEXT_READ_UNLOCK,
	NEXT_LOCK,
	NEXT_WRITE_LOCK,
	NEXT_READ_LOCK,
	NEXT_DONE, /* sync.WaitGroup; this and what follows may lie ahead, on some path */
	NEXT_SEND,
	NEXT_RECV,
	NEXT_CLOSE,
	NEXT_WAKE,    /* sync.Cond: Signal or Broadcast */
	NEXT_ADD,     /* sync.WaitGroup */
	NEXT_RELEASE, /* semaphore.Weighted: it has some of it */
	NEXT_ACQUIRE,
	/* what is no operation ahead: it waits for a lock that it has locked itself (collect/behind.h) */
	NEXT_HOLDS,
	NEXT_WRITES, /* sync.RWMutex */
	NEXT_READS,
};

struct next_op {
	uint64_t object;    /* the lock, WaitGroup, Cond or hchan */
	uint32_t goroutine; /* in snapshot.goroutines */
	uint32_t frame;     /* which of its pcs it will be done from */
	uint8_t what;       /* enum next_what; next_is_kept */
	bool certain;       /* on every path, as far as they could be followed */
};

/* Locking, adding and acquiring say only that what undoes them does not come first. */
static inline bool next_is_kept(unsigned what)
{
	switch (what) {
	case NEXT_LOCK:
	case NEXT_WRITE_LOCK:
	case NEXT_READ_LOCK:
	case NEXT_ADD:
	case NEXT_ACQUIRE:
		return false;
	default:
		return what <= NEXT_READS;
	}
}

/* A label that runtime/pprof attached to a goroutine: offsets in snapshot.strings. */
struct goroutine_label {
	uint32_t key, value;
};

struct goroutine {
	uint64_t g; /* address of the runtime.g */
	uint64_t goid;
	uint64_t parent_goid; /* 0: unknown (before Go 1.21) */
	uint64_t gopc;        /* pc after the go statement */
	uint64_t startpc;
	uint64_t waitsince_ns; /* filled by the GC only; 0: unknown. CLOCK_MONOTONIC of the target */
	uint64_t since_ns;     /* rests since then at least, by earlier snapshots; 0: unknown */
	uint64_t m_procid;     /* thread id of its M, 0: none */
	/*
	 * hchan, semaphore, a sync.Cond's notifyList, timer, pollDesc, coro; 0: unknown. WAIT_SELECT: the
	 * semaphore.Weighted in whose Acquire it is; 0: in none
	 */
	uint64_t wait_addr;
	uint64_t ready;   /* the case of that select which ends when it is acquired: hchan */
	int64_t wants;    /* how much of it */
	uint64_t wake_ns; /* WAIT_TIMER: when it ends, CLOCK_MONOTONIC; 0: unknown */
	uint64_t labels;  /* address of its labels, 0: none */
	uint32_t first_case, case_count; /* in snapshot.cases: select and channel waits */
	uint32_t index;                  /* place in allgs; a g keeps it */
	uint32_t first_pc, pc_count; /* in snapshot.pcs, innermost first; equal stacks share them */
	uint32_t first_arg, arg_count;     /* in snapshot.args */
	uint32_t first_label, label_count; /* in snapshot.labels, ascending by key */
	uint32_t peer;                     /* in snapshot.strings: WAIT_NETWORK, at the other end */
	int32_t fd;                        /* WAIT_NETWORK; -1: unknown */
	uint16_t wait_kind;                /* enum wait_kind */
	uint8_t status;                    /* enum g_status without the scan bit */
	uint8_t wait_reason; /* of the target's version; valid when G_WAITING or G_LEAKED */
	uint8_t direction;   /* WAIT_NETWORK: enum wait_direction */
	bool scan;           /* being scanned by the GC */
	bool locked;         /* LockOSThread */
	bool system;         /* belongs to the runtime, hidden unless asked for */
	bool recalled; /* it has not run, nor been touched, since the reader's snapshot before */
	bool torn;
	bool cases_cut; /* it may wait for more channels than its cases say */
	bool stack_cut; /* the walk ended before the goroutine's first frame */
};

/* Of which objects that goroutines wait for it is found out what others do with them next. */
enum ahead_of { AHEAD_OF_NONE, AHEAD_OF_LOCKS, AHEAD_OF_ALL };

struct snapshot_options {
	bool stacks; /* walk stacks */
	bool args;   /* and read the arguments of their frames */
	bool system; /* keep the runtime's own goroutines */
	enum ahead_of ahead;
	uint32_t ahead_steps; /* instructions to follow for that; 0: some 5 s of them */
	bool last;            /* nothing is remembered for another snapshot */
	bool peers;           /* look up what is at the other end of sockets, in /proc */
	uint32_t max_depth;   /* frames (pcs) a stack; 0: 128 */
};

/* A million goroutines have some ten million in all. */
#define SNAPSHOT_ARGS_MAX (1U << 26)

struct snapshot {
	uint64_t at_ns; /* CLOCK_MONOTONIC, when the reading began */
	uint64_t took_ns;
	uint64_t torn;                    /* goroutines still torn after the retries */
	uint64_t unreadable;              /* g structs that could not be read */
	uint64_t system;                  /* goroutines of the runtime itself, kept or not */
	uint64_t reused;                  /* goroutines that had not run since the last snapshot */
	VEC(struct goroutine) goroutines; /* alive ones, in the order of allgs */
	VEC(uint64_t) pcs; /* run-time pcs to look up as they are: of the call instruction, not
				 behind it, unless the frame was interrupted by a signal */
	/* What target_args says of each of a goroutine's pcs, innermost frame first: the values, as
	   far as they could be read, and as there is room (SNAPSHOT_ARGS_MAX). */
	VEC(uint64_t) args;
	bool has_args; /* they were asked for */
	VEC(struct wait_case) cases;
	VEC(struct chan_state) chans; /* every channel somebody waits on, ascending by addr */
	VEC(struct lock_words) locks; /* of every semaphore and Weighted, ascending by addr */
	VEC(struct next_op) next_ops; /* ascending by object, then goroutine */
	uint64_t ahead_left_out;      /* goroutines that ran, or could not be looked at for that */
	VEC(struct goroutine_label) labels;
	VEC(char) strings; /* ended by 0 each; at 0 is "" */
};

/*
 * Remembers what the last snapshot found: stacks and wait objects of goroutines that have not run
 * since are not read again. *target must outlive it. NULL: no memory.
 */
struct snapshot_reader *snapshot_reader_new(const struct target *target);
void snapshot_reader_free(struct snapshot_reader *reader);

/*
 * *snapshot is zero-initialised by the caller at first, and may be reused; it is the caller's and
 * good without the reader. The same options each time, or nothing is remembered.
 */
int snapshot_read(struct snapshot_reader *reader, const struct snapshot_options *options,
		  struct snapshot *snapshot, struct err *err);

/* One snapshot without a memory. */
int snapshot_take(const struct target *target, const struct snapshot_options *options,
		  struct snapshot *snapshot, struct err *err);
void snapshot_free(struct snapshot *snapshot);

/* The channel at the address (of the hchan); NULL: nobody waits for it. */
const struct chan_state *snapshot_chan(const struct snapshot *snapshot, uint64_t addr);

#endif
