/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What bpf/ and user/ agree on: map keys and values, and nothing else.
 *
 * All times are nanoseconds of CLOCK_MONOTONIC (bpf_ktime_get_ns). Addresses are those of the
 * target. Counters only grow; user space takes differences. Values are written in place by
 * several CPUs: counters with atomic adds, the rest by the one event that owns the goroutine.
 *
 * Probes may be on in windows only. A window has a number, its generation, and a weight: for how
 * many times its own length it stands. What is counted is added with the weight, so that totals are
 * those of all the time, exact where the weight is 1 and estimates else (collect/estimate.h). Of a
 * program that tracing slows down, a window sees fewer events than there would be untraced, but as
 * much time: so the time of waits has a weight of its own. A
 * wait is timed only when it begins and ends in the same window.
 */
#ifndef CONCTRACE_ABI_H
#define CONCTRACE_ABI_H

#ifdef __BPF__
#include <linux/types.h>
typedef __u8 ct_u8;
typedef __u16 ct_u16;
typedef __u32 ct_u32;
typedef __u64 ct_u64;
#else
#include <stdint.h>
typedef uint8_t ct_u8;
typedef uint16_t ct_u16;
typedef uint32_t ct_u32;
typedef uint64_t ct_u64;
#endif

#define CT_STACK_DEPTH 12 /* return addresses kept for a site, innermost first; 0 ends it */
#define CT_WAKER_DEPTH 8  /* the same for the waker of a long wait */
#define CT_HIST_SLOTS 40  /* slot i counts waits with floor(log2(ns)) == i; the last is open */
#define CT_NO_SITE 0      /* site 0 is never handed out */

/* What the probes know of a goroutine. `running` and `runnable` look alike to them. */
enum ct_task_state {
	CT_TASK_UNKNOWN = 0,
	CT_TASK_ACTIVE = 1,  /* runnable, running or in a syscall */
	CT_TASK_WAITING = 2, /* parked */
	CT_TASK_DEAD = 3,    /* its g waits to be used again; user space does not see these */
};

/* What a parked goroutine waits on; decided in the kernel by the wait reason and the park site. */
enum ct_object_kind {
	CT_OBJ_NONE = 0,
	CT_OBJ_CHAN = 1,   /* object is the hchan's address */
	CT_OBJ_SELECT = 2, /* the channel is known only when one of its cases fires */
	CT_OBJ_SEMA = 3,   /* object is the semaphore's address (the sema word inside a lock) */
	CT_OBJ_COND = 4,   /* in ct_config only: SEMA, with the Cond's notifyList for an object */
};

enum ct_chan_op { CT_OP_NONE = 0, CT_OP_SEND = 1, CT_OP_RECV = 2, CT_OP_SELECT = 3 };

/* tasks: key is the address of the runtime.g (ct_u64). g structs are reused: a spawn resets it. */
struct ct_task {
	ct_u64 goid;
	ct_u64 parent_goid;  /* 0: spawned before the attach */
	ct_u64 gopc;         /* pc of the go statement; 0: spawned before the attach */
	ct_u64 spawned_ns;   /* 0: not seen */
	ct_u64 since_ns;     /* when `state` began */
	ct_u64 object;       /* see `object_kind`; 0 when none */
	ct_u64 pending_sema; /* semaphore whose wait queue the goroutine has entered */
	ct_u64 waker_goid; /* who ended the last wait, if that was long; 0: timer, network, runtime */
	ct_u64 waits;      /* ended waits */
	ct_u64 wait_ns_total; /* of ended waits */
	ct_u64 wait_ns_max;
	ct_u64 stack_hash; /* what `site` was found by, with `reason`: most park where they did before */
	ct_u32 site;       /* index into `sites`: where it parked last; CT_NO_SITE: unknown */
	ct_u32 generation; /* the window in which `state` was seen to begin; older: it may be over */
	ct_u32 pad;
	ct_u8 state;       /* enum ct_task_state */
	ct_u8 reason;      /* runtime.waitReason of the target's Go version */
	ct_u8 object_kind; /* enum ct_object_kind */
	ct_u8 op;          /* enum ct_chan_op */
};

/* Not wait reasons: sites that are no place of waiting. */
#define CT_WAKER_REASON 0x100   /* where a waker stood */
#define CT_RELEASE_REASON 0x200 /* where a contended lock was let go of */
#define CT_TALLY_REASON 0x400   /* where something happened: `tallies` and `panics` */

/* site_index: where and why goroutines park, to an index into `sites`. */
struct ct_site_key {
	ct_u64 stack_hash;
	ct_u32 reason;
	ct_u32 pad;
};

/*
 * CPUs that count in the same row wait for each other. So sites and objects have a row for each of a few
 * stripes, and a CPU counts in the one that is its number's remainder. What the rows of a site or object
 * count is added up by user space.
 */
#define CT_STRIPES_MAX 4 /* a power of 2 */

/*
 * sites (array): waits by stack and wait reason. The row of a stripe is at index + stripe * max_sites; only
 * stripe 0 has more than counts.
 */
struct ct_site {
	ct_u64 parks;   /* waits begun */
	ct_u64 waits;   /* waits ended and timed */
	ct_u64 aborted; /* parks that the runtime took back at once (the event was already there) */
	ct_u64 wait_ns_total;
	ct_u64 wait_ns_max;
	ct_u64 hist[CT_HIST_SLOTS];
	ct_u64 pcs[CT_STACK_DEPTH];
	ct_u32 reason;
	ct_u32 ready; /* written last: the fields above are whole */
};

/* objects: waits by lock or channel and site. */
struct ct_object_key {
	ct_u64 addr;  /* hchan or semaphore */
	ct_u32 site;  /* index into `sites` */
	ct_u8 kind;   /* enum ct_object_kind: CT_OBJ_CHAN or CT_OBJ_SEMA */
	ct_u8 op;     /* enum ct_chan_op; CT_OP_SELECT: a select's case fired */
	ct_u8 stripe; /* in `objects` */
	ct_u8 pad;
};

struct ct_object {
	ct_u64 waits;
	ct_u64 wait_ns_total;
	ct_u64 wait_ns_max;
	ct_u64 last_ns; /* end of the latest wait */
	ct_u64 last_waker_goid;
	ct_u64 last_woken_goid; /* of a lock: who was handed it, or may try again */
	ct_u64 hist[CT_HIST_SLOTS];
};

/* chan_ops: operations begun on a channel; kept only when the operation probes are on. */
struct ct_chan_ops {
	ct_u64 sends; /* ch <- v outside a select with default */
	ct_u64 recvs;
	ct_u64 polls_send; /* the case of a select with default: it may have found the channel busy */
	ct_u64 polls_recv;
	ct_u64 closes;
};

/* Attach cookie of a probe: what to do there, and flags. */
enum ct_handler {
	CT_ON_SPAWN = 1,
	CT_ON_EXIT,
	CT_ON_PARK,
	CT_ON_PARK_ABORTED,
	CT_ON_READY,
	CT_ON_READY_SCHEDULER,
	CT_ON_LOCK_WAIT,
	CT_ON_LOCK_RELEASE,
	CT_ON_CHAN_SEND,
	CT_ON_CHAN_RECV,
	CT_ON_CHAN_CLOSE,
	CT_ON_PANIC,
	CT_ON_RECOVERY,
	CT_ON_FATAL_PANIC,
	CT_ON_FATAL_ERROR,
	CT_ON_POLL_RECV,
	CT_ON_POLL_SEND,
	CT_ON_POLL_SELECT,
	CT_ON_RECV,
	CT_ON_GC_START,
	CT_ON_GC_END,
	CT_ON_WORLD_STOP,
	CT_ON_WORLD_START,
	CT_ON_ASSIST_BEGIN,
	CT_ON_ASSIST_END,
	CT_ON_CANCEL,
	CT_ON_POOL_GET,
	CT_ON_POOL_SLOW,
	CT_ON_POOL_NEW,
	CT_ON_POOL_PIN,
	CT_ON_POOL_PUT,
	CT_ON_MAP_MISS,
	CT_ON_MAP_DIRTY,
	CT_ON_MAP_WRITE,
	CT_ON_VALUE_STORE,
	CT_ON_SLEEP,
	CT_ON_TIMER_START,
	CT_ON_TIMER_START_OLD,
	CT_ON_TIMER_STOP,
	CT_ON_SPIN,
	CT_ON_WAITGROUP_ADD,
	CT_ON_WAITGROUP_WAIT,
};
#define CT_COOKIE_HANDLER 0xff
#define CT_COOKIE_STACK_CHECK 0x100 /* on the stack check's jump: taken, the function restarts */
#define CT_COOKIE_PACE_SHIFT 9      /* two bits: enum ct_pace */

/*
 * When a probe is on. What is hit much is on in windows. What happens seldom, and would be missed
 * between windows, is on all the time, unless it turns out to happen often: its totals are of the time
 * that it was on, without weights. Two kinds, lest the lively one take the other with it.
 */
enum ct_pace { CT_PACE_WINDOWS = 0, CT_PACE_LIVELY = 1, CT_PACE_RARE = 2, CT_PACES };

/*
 * The window, written by user space. Hits are counted in batches of a CPU, for what all CPUs share
 * is slow to count in; so a limit is kept to within CT_HIT_BATCH hits a CPU.
 */
#define CT_HIT_BATCH 128
struct ct_window {
	ct_u32 open;        /* 0: hits are counted and nothing else */
	ct_u32 generation;  /* of this window or, when closed, of the last one */
	ct_u64 weight;      /* what is added for one event */
	ct_u64 time_weight; /* what is added for one ns of a wait */
	ct_u64 max_batches; /* reaching it closes the window and wakes user space; 0: no limit */
	ct_u64 limit_ns;    /* when that happened; 0: it did not */
	ct_u64 batches;     /* hits of this window / CT_HIT_BATCH */
	ct_u64 newest_goid; /* highest id of a goroutine that was seen to be spawned, ever */
	ct_u64 created;     /* entries of hash maps, ever; raised after the entry is there */
};

/* What the programs must know of the target's Go version; offsets in bytes. */
#define CT_REASONS 64
struct ct_config {
	ct_u64 handlers; /* bits of enum ct_handler that some probe has; what others do is not loaded */
	ct_u32 g_goid, g_m, g_gopc, g_startpc, g_param, g_sched_bp, g_sched_pc;
	ct_u32 g_parentgoid; /* CT_NO_FIELD before Go 1.21 */
	ct_u32 m_curg;
	ct_u32 sudog_c;
	ct_u32 hchan_lock, hchan_qcount, hchan_dataqsiz, hchan_closed, hchan_sendq, hchan_recvq;
	ct_u32 timer_period; /* before Go 1.23 */
	ct_u32 timer_in_handle; /* runtime.timer within what time.stopTimer is given, from Go 1.23 on; else 0 */
	ct_u32 waitgroup_state; /* 64 bits, the counter in the upper half */
	ct_u32 max_sites;
	ct_u32 stripes;  /* a power of 2 */
	ct_u32 timeline; /* each event goes into `timeline` as well */
	ct_u64 waker_stack_min_ns;
	ct_u64 only_goid; /* parks and wake-ups of this goroutine alone; 0: of all */
	ct_u64 turns;     /* keep `turns` */
	ct_u64 charge;    /* enum ct_charge: keep `queues`, and charge what waited to who wakes */
	ct_u8 reason_kind[CT_REASONS]; /* wait reason -> enum ct_object_kind */
	ct_u8 reason_op[CT_REASONS];   /* wait reason -> enum ct_chan_op */
};
#define CT_NO_FIELD 0xffffffffU

/* Who wakes one of a semaphore's queue made wait, since somebody was woken there last: */
enum ct_charge {
	CT_CHARGE_NONE = 0,
	CT_CHARGE_FIRST, /* the first in the queue; so Go up to 1.21 */
	CT_CHARGE_ALL,   /* all that are in it */
};

/* releases: who let go of a contended lock; key is the semaphore's address and the site. */
struct ct_release {
	ct_u64 count;
	ct_u64 last_ns;
	ct_u64 last_goid;
};

/*
 * turns: how long those who waited at a semaphore have what it guards, when the configuration asks for it;
 * key is its address. A turn is from the wake-up of one, while others still wait, to its own next release: as
 * long as somebody waits, no release goes unseen but those that leave it to one who spins. One that has to
 * wait again has no turn. The time until it runs is part of it.
 */
struct ct_turn {
	ct_u64 count; /* turns that ended */
	ct_u64 handoffs; /* releases that gave it to the first in the queue: sync.Mutex when starving */
	ct_u64 ns_total, ns_max;
	ct_u64 hist[CT_HIST_SLOTS];
	/* of use to the program only */
	ct_u64 g, since_ns; /* whose turn it is, since when; g 0: nobody's */
	ct_u32 waiting;     /* seen to park in this window */
	ct_u32 generation;  /* of the window */
};

/* spawns: key is the pc after the go statement (ct_u64, g.gopc). */
struct ct_spawn {
	ct_u64 spawned;
	ct_u64 exited;
	ct_u64 start_pc; /* first instruction of the goroutine's function, of the latest spawn */
};

/*
 * timeline (ring buffer): what happened, one by one, when the configuration asks for it. In the order
 * of the events of each goroutine; those of different ones may be out of order by some microseconds.
 * A wait is there when it has ended, once.
 */
enum ct_event_type {
	CT_EVENT_WAIT = 1,
	CT_EVENT_SPAWN,
	CT_EVENT_EXIT,
	CT_EVENT_RELEASE,    /* of a contended lock */
	CT_EVENT_GC,         /* a cycle of the garbage collector has ended */
	CT_EVENT_WORLD_STOP, /* the world goes on */
	CT_EVENT_ASSIST,     /* a goroutine has marked for the collector */
};

struct ct_event {
	ct_u64 ns;      /* of what takes time: its end */
	ct_u64 wait_ns; /* how long it took; RELEASE: 1 when the lock was handed to a waiter */
	ct_u64 goid; /* who waited, was spawned, exited, let go, began the cycle, marked; 0: unknown */
	ct_u64 other;  /* who ended the wait, or spawned it; 0: timer, network, runtime, unknown */
	ct_u64 object; /* hchan or semaphore; SPAWN and EXIT: gopc; 0: none */
	ct_u32 site;   /* index into `sites`; WAIT, RELEASE and ASSIST only */
	ct_u8 type;    /* enum ct_event_type */
	ct_u8 kind;    /* enum ct_object_kind of `object` */
	ct_u8 op;      /* enum ct_chan_op */
	ct_u8 pad;
};

/* wakers: who woke whom, for waits longer than the threshold. */
struct ct_wake_key {
	ct_u32 site; /* where the woken goroutine waited */
	ct_u32 waker; /* index into `sites`: where the waker was; CT_NO_SITE: timer, network, runtime */
};

struct ct_wake {
	ct_u64 count;
	ct_u64 wait_ns_total;
	ct_u64 charged_ns; /* of semaphores: by ct_config.charge */
	ct_u64 last_waker_goid;
	ct_u64 last_woken_goid;
};

/* What happens at a place, other than waiting. What `hits`, `sum`, `base` and `value` are: below. */
enum ct_tally_kind {
	CT_TALLY_NONE,
	CT_TALLY_POLL_RECV,   /* select with default; hits: it found something. sum,
			      max, hist: see CT_SPIN_GAP_NS */
	CT_TALLY_POLL_SEND,   /* the same */
	CT_TALLY_POLL_SELECT, /* the same, of several cases */
	CT_TALLY_RECV_CLOSED, /* a receive, alone or in a select, from a closed and empty channel `value`;
			      sum: as for polls */
	CT_TALLY_GC_CYCLE,  /* where the goroutine was that began it */
	CT_TALLY_GC_ACTIVE, /* no site; sum, max, hist: ns from the begin of a cycle to its end */
	CT_TALLY_WORLD_STOP, /* no site; sum, max, hist: ns that the world was stopped, or about to be */
	CT_TALLY_ASSIST, /* sum, max, hist: ns that a goroutine marked for the GC, to pay for its memory */
	CT_TALLY_CANCEL,    /* context cancelled; value: its cancelCtx, of the latest */
	CT_TALLY_POOL_GET,  /* sync.Pool.Get; value: the Pool */
	CT_TALLY_POOL_SLOW, /* nothing of its own: it looks into other Ps' pools. value: the Pool */
	CT_TALLY_POOL_NEW,  /* nothing there at all: New is called */
	CT_TALLY_POOL_PUT,  /* sync.Pool.Put; value: the Pool */
	CT_TALLY_POOL_PIN,  /* all pools' lock taken, to make one's own anew. value: the Pool */
	CT_TALLY_MAP_MISS,  /* sync.Map: not in its read part, so under the lock. value: the Map */
	CT_TALLY_MAP_DIRTY, /* sync.Map: its read part copied, all of it, for a new key. value: the Map */
	CT_TALLY_MAP_WRITE,   /* value: the Map or HashTrieMap */
	CT_TALLY_VALUE_STORE, /* atomic.Value written; value: its address */
	CT_TALLY_SLEEP, /* time.Sleep; hits: periods, the time between two calls of a goroutine; sum,
			      max, hist: their ns; base: ns asked for in them; value: ns of the latest */
	CT_TALLY_TICKER, /* periodic timer started; hits: stopped again. value: its period, ns */
	CT_TALLY_SPIN,   /* sync.Mutex.Lock spun for a round (30 PAUSE) rather than wait */
	/* WaitGroup.Add, from zero, by a goroutine that the one which waits had started before it found nothing
	   to wait for; value: the WaitGroup */
	CT_TALLY_LATE_ADD,
	CT_TALLY_PASSED_WAIT, /* and where it did, once for each late Add */
	CT_TALLY_KINDS
};

/*
 * Time that a goroutine is busy at a place: from one event to the next there, where that is less. A
 * place with several such goroutines has more of it than is seen.
 */
#define CT_SPIN_GAP_NS 200000

/* tallies: by place and kind. */
struct ct_tally_key {
	ct_u32 site; /* index into `sites` */
	ct_u32 kind; /* enum ct_tally_kind */
};

struct ct_tally {
	ct_u64 count, hits, sum, base, max, value;
	ct_u64 first_ns, last_ns;
	ct_u64 last_goid;
	ct_u64 hist[CT_HIST_SLOTS];
};

/* cancels: contexts that were cancelled lately; key is the address of the cancelCtx (ct_u64). */
struct ct_cancel {
	ct_u64 at_ns;
	ct_u64 goid;
	ct_u32 site;
	ct_u32 pad;
};

#define CT_TEXT_MAX 160
#define CT_PANIC_WORDS 4

/* panics: by place and type of the value; 0 is a fatal error of the runtime. */
struct ct_panic_key {
	ct_u64 type; /* runtime._type of the value; CT_FATAL_ERROR */
	ct_u32 site;
	ct_u32 pad;
};
#define CT_FATAL_ERROR 1 /* no address of a type: throw or fatal, which cannot be recovered from */

struct ct_panic {
	ct_u64 count, recovered, fatal;
	ct_u64 first_ns, last_ns;
	ct_u64 last_goid;
	/* of the latest: what the interface's data word points to, and, when that begins like a string
	   (pointer and length), its text. The type says whether it is one. */
	ct_u64 words[CT_PANIC_WORDS];
	ct_u32 text_len; /* whole length; the text may be cut off */
	ct_u32 words_ok;
	char text[CT_TEXT_MAX];
};

/*
 * queues: who waits at a semaphore, added up; key is its address. Park and wake-up at one semaphore
 * are under its lock in the runtime, but for the very end of the wake-up.
 */
struct ct_queue {
	ct_u64 since_ns;   /* up to here `ns` is */
	ct_u64 ns;         /* waited by all since the last wake-up */
	ct_u32 waiting;    /* seen to park in this window */
	ct_u32 generation; /* of the window */
};

/*
 * counters (per CPU): what happened, with the weight of the window, and as they are: what it cost
 * and what could not be kept.
 */
enum ct_counter {
	CT_N_HITS,   /* every probe hit, in a window or not: each costs the target a trap */
	CT_N_CLOSED, /* those of them while no window was open: before attach and detach end */
	CT_N_LIVELY, /* hits of probes that know no windows, not in CT_N_HITS */
	CT_N_RARE,
	CT_N_SPAWN, /* weighted, as all up to CT_N_ABORTED */
	CT_N_EXIT,
	CT_N_PARK,
	CT_N_READY,
	CT_N_ABORTED,   /* parks taken back by the runtime */
	CT_N_UNMATCHED, /* wake-ups of goroutines that were not seen to park in this window */
	CT_N_CENSORED,  /* waits that began in an earlier window: not timed */
	CT_LOST_TASK,   /* tasks map full */
	CT_LOST_SITE,   /* sites full */
	CT_LOST_OBJECT, /* objects, releases or chan_ops full */
	CT_LOST_SPAWN,
	CT_LOST_WAKE,
	CT_LOST_TALLY, /* tallies, panics or cancels full */
	CT_LOST_READ,  /* the target's memory could not be read */
	CT_LOST_ORDER, /* a park while parked in the same window: a wake-up was not seen */
	CT_LOST_EVENT, /* the ring buffer of the timeline full */
	CT_N_COUNTERS
};

struct ct_counters {
	ct_u64 n[CT_N_COUNTERS];
};

#endif
