/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is too much. Defaults by kind of service; a config file ("key = value" lines, # begins a
 * comment) and options of the command line come over them.
 */
#ifndef DETECT_LIMITS_H
#define DETECT_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum service { SERVICE_UNKNOWN, SERVICE_WEB, SERVICE_CONSUMER, SERVICE_BATCH };

/* X(field, "key", default, "unit", "what it says"); a new limit is a line here. */
#define LIMITS(X)                                                                                  \
	X(growth_per_minute, "leak.growth.per_minute", 30, "goroutines/min",                       \
	  "growth of a group that none leaves")                                                    \
	X(growth_least, "leak.growth.least", 10, "goroutines", "such a group is at least so big")  \
	X(qps, "qps", 0, "requests/s", "for the limit of goroutines: qps x latency x 2")           \
	X(latency, "latency", 0, "s", "mean latency of a request")                                 \
	X(consumers, "consumers", 0, "", "for the limit of goroutines: consumers x 3")             \
	X(peak, "peak", 0, "goroutines", "for the limit of goroutines: peak + 20 %")               \
	X(http_stuck, "http.stuck.age", 5, "s", "an outgoing request that takes longer is stuck")  \
	X(http_stuck_count, "http.stuck.count", 10, "requests", "so many of them are an incident") \
	X(blocked, "blocked.age", 5, "s",                                                          \
	  "a wait on a lock or channel that should not take longer")                               \
	X(blocked_count, "chan.blocked_chain.count", 3, "goroutines",                              \
	  "so many behind one receiver are an incident")                                           \
	X(sem_queue, "sem.saturated.queue", 4, "goroutines", "callers that queue for a slot")      \
	X(lock_waiting, "lock.hot.waiting", 1, "goroutines",                                       \
	  "mean number that waits for one lock")                                                   \
	X(lock_share, "lock.hot.share", 50, "%", "of all lock waiting that is for one lock")       \
	X(lock_rate, "lock.hot.per_second", 500, "waits/s", "so many for a Mutex")                 \
	X(spawn_growth, "spawn.unbounded.per_second", 100, "goroutines/s",                         \
	  "more begun than ended at one go statement")                                             \
	X(spawn_least, "spawn.unbounded.least", 500, "goroutines",                                 \
	  "such a group is at least so big")                                                       \
	X(gc_cycles, "gc.pressure.cycles", 10, "cycles/s", "garbage collections a second")         \
	X(gc_active, "gc.pressure.active", 50, "%", "of the time, that a collection is under way") \
	X(gc_assist, "gc.pressure.assist", 5, "%",                                                 \
	  "of the process's CPU time, that goroutines must mark")                                  \
	X(gc_pause, "gc.pressure.pause", 0.01, "s", "99 % of the stops of the world are shorter")  \
	X(ctx_grace, "ctx.ignored.grace", 1, "s", "to end in, when the context was cancelled")     \
	X(pool_gets, "pool.miss.gets", 30000, "gets/s", "a pool that is used less is not judged")  \
	X(pool_misses, "pool.miss.share", 50, "%", "of the Gets of a pool, that call New")         \
	X(map_misses, "map.miss.misses", 10000, "misses/s", "of a sync.Map's read part")           \
	X(map_writes, "map.miss.writes", 50000, "writes/s", "to a sync.Map")                       \
	X(value_stores, "atomic.value.stores", 10000, "stores/s", "to an atomic.Value")            \
	X(ticker_drift, "ticker.drift.share", 50, "%",                                             \
	  "that a loop's period is longer than its Sleep")                                         \
	X(sched_p99, "sched.latency.p99", 0.02, "s",                                               \
	  "99 % of the waits of goroutines that could run are shorter")                            \
	X(spin_polls, "select.spin.per_second", 10000, "polls/s", "so many polls are a busy loop") \
	X(spin_cpu, "select.spin.cpu", 20, "%", "of a CPU, that a loop of polls takes at least")

struct limits {
	enum service service;
	double max_goroutines; /* 0: by the kind of service */
#define X(field, key, value, unit, text) double field;
	LIMITS(X)
#undef X
};

void limits_init(struct limits *limits);
/* "web", "consumer", "batch"; false: no such kind. */
bool limits_set_service(struct limits *limits, const char *name);
const char *service_name(enum service service);

/*
 * Take over what a config file's text says. `path` is for the error, which names the line. 0 or
 * -EINVAL.
 */
int limits_parse(struct limits *limits, const char *text, size_t len, const char *path,
		 struct err *err);

/* How many goroutines are too many, and in words where that comes from. */
double limits_goroutines(const struct limits *limits, char *source, size_t size);

#endif
