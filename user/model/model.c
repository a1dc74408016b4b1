// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "model/model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collect/estimate.h"
#include "model/build.h"
#include "model/history.h"

int model_init(struct model *model, const struct layout *layout, int reasons_minor,
	       symbols_look_up look_up, symbols_data data, void *ctx, const char *goroot_file)
{
	memset(model, 0, sizeof(*model));
	model->layout = layout;
	model->reasons_minor = reasons_minor;
	model->symbols = symbols_new(look_up, data, ctx, goroot_file);
	model->stacks = model->symbols ? stack_table_new(model->symbols) : NULL;
	model->history = history_new();
	if (model->stacks && model->history)
		return 0;
	model_free(model);
	return -ENOMEM;
}

void model_free(struct model *model)
{
	vec_free(&model->tasks);
	vec_free(&model->groups);
	vec_free(&model->group_tasks);
	vec_free(&model->sites);
	vec_free(&model->locks);
	vec_free(&model->chans);
	vec_free(&model->object_sites);
	vec_free(&model->parties);
	vec_free(&model->spawns);
	vec_free(&model->wakes);
	vec_free(&model->tallies);
	vec_free(&model->panics);
	vec_free(&model->cancels);
	history_free(model->history);
	stack_table_free(model->stacks);
	symbols_free(model->symbols);
	memset(model, 0, sizeof(*model));
}

static void forget_rows(struct model *model)
{
	model->tasks.len = model->groups.len = model->group_tasks.len = 0;
	model->sites.len = model->locks.len = model->chans.len = 0;
	model->object_sites.len = model->spawns.len = model->parties.len = model->wakes.len = 0;
	model->tallies.len = model->panics.len = model->cancels.len = 0;
	model->disagreements = model->system_count = 0;
	memset(model->by_state, 0, sizeof(model->by_state));
}

static double per_second(uint64_t before, uint64_t now, uint64_t ns)
{
	return ns ? (double)(now - before) * 1e9 / (double)ns : 0;
}

static struct model_rates rates_between(const uint64_t *before, const uint64_t *now, uint64_t ns)
{
	return (struct model_rates){
		.spawn = per_second(before[CT_N_SPAWN], now[CT_N_SPAWN], ns),
		.exit = per_second(before[CT_N_EXIT], now[CT_N_EXIT], ns),
		.park = per_second(before[CT_N_PARK], now[CT_N_PARK], ns),
		.ready = per_second(before[CT_N_READY], now[CT_N_READY], ns),
	};
}

static void note_counters(struct model *model, const struct aggregates *aggregates,
			  const struct governor_status *governor)
{
	const uint64_t *now = aggregates->counters, *before = model->counters;
	uint64_t ns = governor->counted_ns > model->counted_ns ?
			      governor->counted_ns - model->counted_ns :
			      0;

	model->interval_counted_ns = ns;
	model->counted_ns = governor->counted_ns;
	model->estimated = !estimate_is_exact(governor);
	model->event_weight = governor->event_weight;
	model->rates = rates_between(before, now, ns);
	memcpy(model->counters, now, sizeof(model->counters));
	model->hit_cost_ns = governor->hit_cost_ns;
	memcpy(model->steady_ns, governor->steady_ns, sizeof(model->steady_ns));
}

void model_take_overall_rates(struct model *model)
{
	static const uint64_t nothing[CT_N_COUNTERS];

	if (model->counted_ns)
		model->rates = rates_between(nothing, model->counters, model->counted_ns);
}

static void note_time(struct model *model, const struct aggregates *aggregates,
		      const struct governor_status *governor, const struct snapshot *snapshot)
{
	uint64_t at_ns = snapshot ? snapshot->at_ns : 0;

	if (aggregates && aggregates->at_ns > at_ns)
		at_ns = aggregates->at_ns;
	if (model->at_ns)
		model->interval_ns = at_ns > model->at_ns ? at_ns - model->at_ns : 0;
	else
		model->interval_ns = governor ? governor->elapsed_ns : 0;
	model->at_ns = at_ns;
}

static int build_all(struct build *build)
{
	static int (*const steps[])(struct build *) = {
		build_sites,  build_tasks,   build_groups,      build_waiting,
		build_locks,  build_chans,   build_lock_states, build_parties,
		build_spawns, build_wakes,   build_tallies,     build_spins,
		build_panics, build_sampled, build_order,       build_lock_names,
	};
	int status = 0;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && !status; i++)
		status = steps[i](build);
	return status;
}

uint64_t build_interval_wait_ns(const struct model *model, const struct wait_stats *stats,
				uint64_t waiting, uint64_t ongoing_ns)
{
	uint64_t most = waiting * model->interval_ns;

	if (model->estimated)
		return stats->delta_ns > most ? stats->delta_ns : most;
	return stats->delta_ns + (ongoing_ns < most ? ongoing_ns : most);
}

int model_update(struct model *model, const struct aggregates *aggregates,
		 const struct governor_status *governor, const struct snapshot *snapshot)
{
	struct build build = {
		.model = model, .aggregates = aggregates, .governor = governor, .snapshot = snapshot
	};
	int status;

	forget_rows(model);
	note_time(model, aggregates, governor, snapshot);
	model->has_events = aggregates;
	model->has_snapshot = snapshot;
	model->snapshot = snapshot;
	if (aggregates)
		note_counters(model, aggregates, governor);
	if (snapshot) {
		model->torn = snapshot->torn;
		model->snapshot_ns = snapshot->took_ns;
	}
	status = build_all(&build);
	free(build.site_stacks);
	free(build.site_rows);
	return status;
}

uint64_t model_lost(const struct model *model)
{
	uint64_t lost = 0;

	for (int i = CT_LOST_TASK; i < CT_N_COUNTERS; i++)
		lost += model->counters[i];
	return lost;
}

const char *model_reason(const struct model *model, unsigned reason)
{
	const char *text = wait_reason_text(model->reasons_minor, reason);

	return text ? text : "";
}

bool model_wait_is_idle(const struct model *model, unsigned reason)
{
	static const char *const busy[] = { "chan", "sync.", "semacquire", "select (no cases)" };
	const char *text = model_reason(model, reason);

	for (size_t i = 0; i < sizeof(busy) / sizeof(busy[0]); i++)
		if (!strncmp(text, busy[i], strlen(busy[i])))
			return false;
	return true;
}

const char *model_state_name(unsigned state)
{
	static const char *const names[] = {
		[G_IDLE] = "idle",           [G_RUNNABLE] = "runnable",   [G_RUNNING] = "running",
		[G_SYSCALL] = "syscall",     [G_WAITING] = "waiting",     [G_DEAD] = "dead",
		[G_COPYSTACK] = "copystack", [G_PREEMPTED] = "preempted", [G_LEAKED] = "leaked",
	};

	if (state < sizeof(names) / sizeof(names[0]) && names[state])
		return names[state];
	return "unknown";
}

const char *model_lock_kind_name(enum lock_kind kind)
{
	switch (kind) {
	case LOCK_MUTEX:
		return "sync.Mutex";
	case LOCK_ONCE:
		return "sync.Once";
	case LOCK_RWMUTEX_MUTEX:
	case LOCK_RWMUTEX_WRITER:
	case LOCK_RWMUTEX_READER:
		return "sync.RWMutex";
	case LOCK_WAITGROUP:
		return "sync.WaitGroup";
	case LOCK_COND:
		return "sync.Cond";
	case LOCK_WEIGHTED:
		return "semaphore.Weighted";
	default:
		return "semaphore";
	}
}

enum lock_kind model_lock_kind(const struct model_task *task)
{
	if (task->wait_kind == WAIT_SELECT)
		return task->waiting_on ? LOCK_WEIGHTED : LOCK_NONE;
	if (task->wait_kind == WAIT_COND)
		return LOCK_COND;
	return task->stack ? task->stack->lock : LOCK_NONE;
}

uint64_t model_lock_address(const struct model *model, enum lock_kind kind, uint64_t semaphore)
{
	const struct layout *layout = model->layout;

	switch (kind) {
	case LOCK_MUTEX:
		return semaphore - layout->mutex_sema;
	case LOCK_ONCE:
		return semaphore - layout->mutex_sema - ONCE_MUTEX;
	case LOCK_RWMUTEX_MUTEX:
		return semaphore - layout->mutex_sema - layout->rwmutex_w;
	case LOCK_RWMUTEX_WRITER:
		return semaphore - layout->rwmutex_writersem;
	case LOCK_RWMUTEX_READER:
		return semaphore - layout->rwmutex_readersem;
	case LOCK_WAITGROUP:
		return semaphore - layout->waitgroup_sema;
	case LOCK_COND:
		return semaphore - layout->cond_notify;
	default:
		return semaphore;
	}
}

struct model_object model_waiting_on(const struct model *model, const struct model_task *task)
{
	enum lock_kind lock = model_lock_kind(task);

	if (task->state != G_WAITING)
		return (struct model_object){ 0 };
	switch (task->wait_kind) {
	case WAIT_CHAN_SEND:
	case WAIT_CHAN_RECV:
		return (struct model_object){ .kind = "chan", .addr = task->waiting_on };
	case WAIT_SELECT:
		return (struct model_object){
			.kind = task->waiting_on ? model_lock_kind_name(lock) : "select",
			.addr = task->waiting_on,
		};
	case WAIT_TIMER:
		return (struct model_object){ .kind = "timer", .addr = task->waiting_on };
	case WAIT_NETWORK:
		return (struct model_object){ .kind = "network", .addr = task->waiting_on };
	case WAIT_COROUTINE:
		return (struct model_object){ .kind = "coroutine", .addr = task->waiting_on };
	case WAIT_SEMA:
	case WAIT_COND:
		return (struct model_object){
			.kind = model_lock_kind_name(lock),
			.addr = task->waiting_on ?
					model_lock_address(model, lock, task->waiting_on) :
					0,
		};
	default:
		return (struct model_object){ 0 };
	}
}

const struct pclntab_frame *model_created_by(struct model *model, uint64_t gopc)
{
	const struct pclntab_frame *frames;

	/* the go statement's call is one byte before */
	if (!gopc || !symbols_frames(model->symbols, gopc - 1, &frames))
		return NULL;
	/* the main goroutine and the runtime's own: Go's dump does not say either */
	return strncmp(frames->function, "runtime.", strlen("runtime.")) ? frames : NULL;
}

const char *model_function(struct model *model, uint64_t entry_pc)
{
	const struct pclntab_frame *frames;
	size_t count = entry_pc ? symbols_frames(model->symbols, entry_pc, &frames) : 0;

	return count ? frames[count - 1].function : NULL;
}
