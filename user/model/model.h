/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tasks, sites, locks and channels of one target at one moment, made from the probes' totals and a
 * snapshot; either may be missing. A view never asks which of the two a row came from.
 */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/vec.h"
#include "collect/aggregates.h"
#include "collect/snapshot.h"
#include "model/stack.h"
#include "probe/governor.h"
#include "target/layout.h"

/* Waits of a row; totals since the attach. The delta_ fields are those since the last update. */
struct wait_stats {
	uint64_t waits; /* ended */
	uint64_t wait_ns_total, wait_ns_max;
	uint64_t hist[CT_HIST_SLOTS];
	uint64_t delta_waits, delta_ns;
	uint64_t sampled_ns; /* estimated total by who waited at the snapshots; 0: none needed */
	bool is_lower_bound; /* longer waits are missing, for the windows were too short for them */
};

/* The better of the two estimates; exact when the probes were always on. */
static inline uint64_t wait_stats_total_ns(const struct wait_stats *stats)
{
	return stats->sampled_ns > stats->wait_ns_total ? stats->sampled_ns : stats->wait_ns_total;
}

struct model_task {
	uint64_t g, goid, parent_goid, gopc, startpc;
	uint64_t waiting_on; /* hchan, or semaphore (goroutine.wait_addr); 0: unknown or nothing */
	uint64_t since_ns;   /* CLOCK_MONOTONIC when the state began; 0: unknown */
	uint64_t spawned_ns; /* CLOCK_MONOTONIC; 0: not seen */
	uint8_t state;       /* enum g_status */
	uint8_t reason;      /* runtime.waitReason, when waiting */
	uint8_t wait_kind;   /* enum wait_kind */
	bool since_is_bound; /* it has been so for at least that long */
	bool system, locked, scan, torn;
	bool leaked;                       /* nothing alive can end its wait: proven (leaks_mark) */
	struct stack *stack;               /* NULL: not known */
	const struct goroutine *goroutine; /* of model->snapshot; NULL: known by events only */
	uint32_t site;                     /* of the probes, CT_NO_SITE: not seen parking */
};

/* Goroutines that are alike. */
struct model_group {
	struct stack *stack;
	uint8_t state, reason, wait_kind;
	bool system;
	uint64_t gopc;
	uint64_t count;
	uint64_t oldest_since_ns; /* 0: unknown for all */
	bool oldest_is_bound;     /* it may be older */
	size_t first_task;        /* in `group_tasks`, `count` of them */
};

struct model_site {
	struct stack *stack;
	uint32_t reason;
	uint64_t parks, aborted, delta_parks;
	struct wait_stats stats;
	uint64_t waiting_now, ongoing_ns; /* of those waiting: how long so far, added up */
	uint64_t oldest_ns;               /* of those waiting; 0: unknown */
	bool oldest_is_bound;             /* it may be older: nobody saw it begin */
	bool system;
};

/* Waits for one lock or channel at one site. */
struct model_object_site {
	struct stack *stack;
	struct wait_stats stats;
	uint64_t waiting_now;
	uint8_t op; /* enum ct_chan_op */
};

/* What a goroutine has to do with a lock, channel, WaitGroup or Cond that others wait for. */
enum party_role {
	PARTY_HOLDS,  /* sync.Mutex */
	PARTY_WRITES, /* sync.RWMutex, held to write */
	PARTY_READS,
	PARTY_WRITES_NEXT, /* a writer that waits for readers, and has new ones wait behind itself */
	PARTY_CALLS_DONE, /* from here on: it will on some path ahead, unless it is stuck before that */
	PARTY_SENDS,
	PARTY_RECEIVES,
	PARTY_CLOSES,
	PARTY_WAKES,
	PARTY_HOLDS_PART, /* semaphore.Weighted: it will release some of it */
};

enum party_evidence {
	EVIDENCE_ACQUIRED, /* seen acquiring, under tracing, and found in memory */
	EVIDENCE_MEMORY,   /* unlocking is the next thing that its code does with it */
	EVIDENCE_WAITS,    /* what it waits for says so */
	EVIDENCE_LOCKED,   /* it locked it in a call that it is still in, and waits for it again */
};

struct model_party {
	size_t task;      /* in model->tasks */
	uint8_t role;     /* enum party_role */
	uint8_t evidence; /* enum party_evidence */
	bool certain;     /* false: it may */
	bool since_is_bound;
	uint64_t since_ns; /* holders: it has held it since then, or longer; 0: unknown */
	const struct pclntab_frame *frame; /* where it will do so; NULL: unknown */
};

/* How long those who waited for a lock had it while others still waited (struct ct_turn); at most. */
struct model_turns {
	uint64_t count, ns_total, ns_max;
	uint64_t hist[CT_HIST_SLOTS];
	uint64_t handoffs;
};

/* A lock's own words at the snapshot. */
struct model_lock_state {
	bool known;
	bool locked;          /* a writer's, of an RWMutex */
	bool starving, woken; /* sync.Mutex, or that of an RWMutex's writers */
	bool writer_pending;  /* RWMutex: a writer waits for the readers that are left */
	int64_t readers;      /* RWMutex: reading now */
	int64_t waiters;      /* Mutex, WaitGroup: as it counts them itself */
	int64_t counter;      /* WaitGroup */
	int64_t size, taken;  /* semaphore.Weighted */
};

struct model_lock {
	uint64_t addr;       /* of the lock itself, not of its semaphore */
	enum lock_kind kind; /* the RWMutex kinds are one row: LOCK_RWMUTEX_WRITER */
	char symbol[128];    /* what it is called; "": that is not known */
	enum symbol_source symbol_source;
	uint64_t waiters;
	uint64_t ongoing_ns;
	struct wait_stats stats;
	uint64_t releases; /* contended ones; 0 when the probes were off */
	uint64_t last_release_goid, last_release_ns;
	uint64_t last_woken_goid, last_woken_ns; /* who was handed it, or woken to try again */
	struct model_turns turns;                /* sync.Mutex */
	bool spins_known; /* spinning was counted, and no other lock is waited for at its places */
	uint64_t spins;   /* rounds (CT_TALLY_SPIN) */
	double spin_cpus; /* CPUs that they keep busy, by what a round takes on this machine */
	size_t first_site, site_count; /* in `object_sites` */
	struct model_lock_state state;
	size_t first_party, party_count; /* in `parties`: holders, who calls Done */
};

struct model_chan {
	uint64_t addr;
	char symbol[128];
	bool state_known;
	uint64_t len, cap, elem_size;
	bool closed;
	uint64_t senders_waiting, receivers_waiting;
	bool ops_known;
	struct ct_chan_ops ops;
	uint64_t ongoing_ns;
	struct wait_stats send, recv, select, all;
	size_t first_site, site_count;
	size_t first_party, party_count; /* in `parties`: who may send, receive or close */
};

struct model_spawn {
	uint64_t gopc; /* pc behind the go statement */
	uint64_t start_pc;
	uint64_t spawned, exited;
	bool system; /* the runtime's own */
};

/* Who ended waits, of those that the probes kept the waker of; totals since the attach. */
struct model_wake {
	struct stack *woken, *waker; /* waker NULL: a timer, the network, the runtime */
	uint32_t reason;             /* of the wait */
	uint64_t count, wait_ns_total;
	uint64_t charged_ns; /* of locks: see enum ct_charge; 0 unless asked for */
};

/*
 * What happened at a place, other than waiting (enum ct_tally_kind says what the sums are). One row a
 * kind and application's frame; totals stand for `over_ns`.
 */
struct model_tally {
	enum ct_tally_kind kind;
	struct stack *stack; /* of the most frequent one; NULL: in no place */
	uint64_t count, hits, sum, base, max;
	uint64_t value, goid; /* of the latest */
	uint64_t first_ns, last_ns;
	uint64_t hist[CT_HIST_SLOTS];
	uint64_t over_ns;
	double per_second;
	bool estimated;
	uint64_t stack_count; /* of `stack` alone */
};

/* A panic's place and the type of its value, or a fatal error of the runtime. */
struct model_panic {
	struct stack *stack;
	char type[96];              /* "" for a fatal error, and when it is not known */
	char text[CT_TEXT_MAX + 1]; /* of the latest, printable; "": the value tells none */
	bool is_fatal_error;
	uint64_t count, recovered, fatal;
	uint64_t goid, first_ns, last_ns; /* goid: of the latest */
	double per_second;
};

/* A context cancelled lately. */
struct model_cancel {
	uint64_t context; /* its cancelCtx */
	uint64_t at_ns, goid;
	struct stack *stack;
};

/* The type at a run-time address: its name and kind (reflect.Kind). */
struct model_type {
	char name[96];
	unsigned kind;
	bool text_first; /* the value begins with a string */
};
typedef bool (*model_type_look_up)(void *ctx, uint64_t addr, struct model_type *type);

/*
 * What a lock is called, by who waits for it (NULL: nobody is known to); kind is one of a row. From then on
 * the look-up of data objects has it. False: no name.
 */
typedef bool (*model_name_lock)(void *ctx, uint64_t addr, enum lock_kind kind,
				const struct goroutine *waiter);

struct model_rates { /* a second, since the last update */
	double spawn, exit, park, ready;
};

struct model {
	struct symbols *symbols;
	struct stack_table *stacks;
	const struct layout *layout;
	int reasons_minor;

	uint64_t at_ns;       /* CLOCK_MONOTONIC of the last update */
	uint64_t interval_ns; /* wall time since the update before; since the attach at the first */
	uint64_t counted_ns;  /* the time that the probes' totals stand for, in all */
	uint64_t interval_counted_ns;
	bool estimated;      /* the probes were on in windows: their totals are estimates */
	double event_weight; /* for how many events each one that was seen stands, on average */
	bool has_events, has_snapshot;
	const struct snapshot *snapshot; /* the caller's, of the last update; NULL: none */
	uint64_t counters[CT_N_COUNTERS];
	struct model_rates rates;
	uint64_t torn, snapshot_ns, disagreements;
	uint64_t by_state[16]; /* user goroutines by enum g_status */
	uint64_t system_count;

	VEC(struct model_task) tasks;
	VEC(struct model_group) groups; /* most numerous first */
	VEC(size_t) group_tasks;
	VEC(struct model_site) sites; /* what hurts most first */
	VEC(struct model_lock) locks;
	VEC(struct model_chan) chans;
	VEC(struct model_object_site) object_sites;
	VEC(struct model_party) parties; /* of each lock and channel together */
	VEC(struct model_spawn) spawns;  /* most spawned first */
	VEC(struct model_wake) wakes;
	VEC(struct model_tally) tallies;   /* by kind, then most frequent first */
	VEC(struct model_panic) panics;    /* fatal ones, then most frequent first */
	VEC(struct model_cancel) cancels;  /* latest first */
	double hit_cost_ns;                /* what a probe costs the goroutine that hits it */
	bool turns_counted, spins_counted; /* set by the owner: the probes for that are on */
	double spin_round_ns;              /* set by the owner with spins_counted */
	uint64_t steady_ns[CT_PACES];      /* time that the probes outside of windows were on */
	model_type_look_up
		look_up_type; /* set by the owner of the model; NULL: types have no names */
	void *type_ctx;
	model_name_lock name_lock; /* the same; NULL: by the data objects alone */
	void *name_ctx;

	struct model_history *history; /* what the last update saw */
};

int model_init(struct model *model, const struct layout *layout, int reasons_minor,
	       symbols_look_up look_up, symbols_data data, void *ctx, const char *goroot_file);
void model_free(struct model *model);

/*
 * aggregates and governor go together, and come from the same moment; they or the snapshot may be
 * NULL. All rows are made anew; stacks stay. The rows refer to the snapshot, which must stay as it is
 * until the next update. 0 or -ENOMEM.
 */
int model_update(struct model *model, const struct aggregates *aggregates,
		 const struct governor_status *governor, const struct snapshot *snapshot);
/* Rates since the attach: the last interval is a moment only, and a report is about all of the time. */
void model_take_overall_rates(struct model *model);

/* Everything that the kernel could not keep; CT_N_UNMATCHED is none of it. */
uint64_t model_lost(const struct model *model);

/* "chan receive", "sync.Mutex.Lock"; "" when unknown. */
const char *model_reason(const struct model *model, unsigned reason);
/* "waiting", "running", "runnable", "syscall", "preempted", ... */
const char *model_state_name(unsigned state);
/* "sync.Mutex", "sync.Once", "sync.RWMutex", "sync.WaitGroup", "sync.Cond", "semaphore.Weighted", "semaphore". */
const char *model_lock_kind_name(enum lock_kind kind);
/* Which lock operation it waits in; LOCK_NONE: in none. */
enum lock_kind model_lock_kind(const struct model_task *task);
/* Of the semaphore.Weighted that it waits for; state.known is false when it waits for none. */
struct model_lock_state model_weighted_state(const struct model *model,
					     const struct model_task *task);
/* The lock that a semaphore belongs to, by the lock operation that waits for it. */
uint64_t model_lock_address(const struct model *model, enum lock_kind kind, uint64_t semaphore);

/* What a task waits for: kind is "chan", "select", "timer", "network", "coroutine", a lock's or NULL. */
struct model_object {
	const char *kind;
	uint64_t addr; /* 0: unknown */
};
struct model_object model_waiting_on(const struct model *model, const struct model_task *task);

/* The one to be named as a lock's holder, the first of them; NULL: none is known for certain. */
const struct model_party *model_holder(const struct model *model, const struct model_lock *lock);
bool model_party_holds(const struct model_party *party);
/* "holds", "reads", "calls Done", "sends", ... */
const char *model_role_name(unsigned role);
/* "found in memory", "seen acquiring", ... */
const char *model_evidence_name(unsigned evidence);
/* Of all rows of one kind. */
struct model_tally model_tally_total(const struct model *model, enum ct_tally_kind kind);
/* The value that `share` of those in a histogram of log2 slots do not exceed, ns: a slot's upper end. */
uint64_t model_hist_quantile(const uint64_t hist[CT_HIST_SLOTS], double share);

/* Somebody let go of a lock, or called the last Done, for whom the woken one waited. */
bool model_wake_is_of_lock(const struct model_wake *wake);

/* Why a site is worth attention: a lock or channel holds its goroutines up, they do not idle. */
bool model_wait_is_idle(const struct model *model, unsigned reason);
/* Where the pc behind a go statement is; NULL: unknown, or in the runtime. */
const struct pclntab_frame *model_created_by(struct model *model, uint64_t gopc);
/* The function a goroutine started in. */
const char *model_function(struct model *model, uint64_t entry_pc);

#endif
