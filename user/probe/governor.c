// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "probe/governor.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "probe/budget.h"
#include "probe/coverage.h"
#include "probe/hit_cost.h"
#include "probe/progress.h"
#include "probe/steady.h"

/* Until they are measured. */
#define TURN_NS_GUESS 250000

#define LOOK_NS (50 * 1000000ULL)   /* how often a long rest is interrupted */
#define CHECK_NS (500 * 1000000ULL) /* how often a process is looked at that is not traced */
/* Our thread's time to open and close a window, once more for what it does to the target's caches
   and page tables. */
#define TURN_FACTOR 2
#define MEASURE_FIRST 4  /* windows in which the program is measured, */
#define MEASURE_EVERY 64 /* and then one of so many: the mix of hits changes */
#define NICE -20
/* Of the budget, what the probes of one pace without windows may have. */
#define STEADY_SHARE 0.25

struct governor {
	struct probe_session *session;
	pthread_t thread;
	int stop_fd; /* readable: end */
	uint64_t started_ns;
	unsigned short seed[3];

	pthread_mutex_t lock; /* of all below */
	pthread_cond_t begun;
	bool has_begun; /* the first window was opened, or could not be: begin_status, begin_err */
	int begin_status;
	struct err *begin_err;
	bool always_on;
	bool open; /* a window, as far as accounts go */
	struct budget budget;
	struct coverage coverage; /* by time */
	struct coverage events;   /* by the target's work, which is what events are weighted by */
	struct progress progress;
	uint64_t work, work_ns;         /* the scheduler's count, when it was looked at */
	struct steady steady[CT_PACES]; /* [0] is not used */
	uint64_t settled_ns;            /* up to here time and hits are in the accounts */
	uint64_t hits;
	struct hit_cost hit_cost;
	int error;
};

static uint64_t thread_cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

/* CPUs that the target has kept busy since the last call, into the budget. */
static void note_busy_cpus(struct governor *governor, uint64_t *last_cpu_ns, uint64_t *last_ns)
{
	uint64_t now = clock_now_ns(), cpu_ns;
	struct timespec used;
	clockid_t clock;

	if (now - *last_ns < LOOK_NS)
		return;
	if (clock_getcpuclockid(probe_session_pid(governor->session), &clock) ||
	    clock_gettime(clock, &used))
		return;
	cpu_ns = (uint64_t)used.tv_sec * NSEC_PER_SEC + (uint64_t)used.tv_nsec;
	pthread_mutex_lock(&governor->lock);
	if (*last_ns && cpu_ns >= *last_cpu_ns)
		governor->budget.busy_cpus = (double)(cpu_ns - *last_cpu_ns) / (now - *last_ns);
	pthread_mutex_unlock(&governor->lock);
	*last_cpu_ns = cpu_ns;
	*last_ns = now;
}

/* What is on outside of windows has its own accounts, and takes from the same budget. Under the lock. */
static void settle_steady(struct governor *governor)
{
	uint64_t now = clock_now_ns();

	for (int pace = 1; pace < CT_PACES; pace++) {
		struct steady *steady = &governor->steady[pace];
		double hit_ns = governor->budget.hit_ns / budget_sharing_cpus(&governor->budget);
		uint64_t hits;

		if (!steady->has_probes)
			continue;
		hits = probe_session_hits_of(governor->session, pace);
		governor->hits += hits - steady->hits;
		budget_spend(&governor->budget,
			     steady_settle(steady, now, hits, hit_ns,
					   STEADY_SHARE * governor->budget.share));
	}
}

/* Put in place or take away what is on outside of windows, as its cost allows. */
static void attend_steady(struct governor *governor)
{
	pthread_mutex_lock(&governor->lock);
	settle_steady(governor);
	pthread_mutex_unlock(&governor->lock);
	for (int pace = 1; pace < CT_PACES; pace++) {
		struct steady *steady = &governor->steady[pace];
		bool wanted = steady_wanted(steady) || (governor->always_on && steady->has_probes);

		if (wanted == steady->placed)
			continue;
		if (!wanted)
			probe_session_detach_pace(governor->session, pace);
		else if (probe_session_place_pace(governor->session, pace))
			continue;
		pthread_mutex_lock(&governor->lock);
		if (!wanted)
			steady->on_ns = steady_on_ns(steady, clock_now_ns());
		steady->placed = wanted;
		steady->placed_ns = clock_now_ns();
		pthread_mutex_unlock(&governor->lock);
	}
}

static void end_steady(struct governor *governor)
{
	for (int pace = 1; pace < CT_PACES; pace++) {
		struct steady *steady = &governor->steady[pace];

		probe_session_detach_pace(governor->session, pace);
		steady->on_ns = steady_on_ns(steady, clock_now_ns());
		steady->placed = false;
	}
}

/* What the target has worked since the last call. Where it is not known, only time goes by. */
static uint64_t take_work(struct governor *governor)
{
	uint64_t work = governor->work, more;

	probe_session_work(governor->session, &work);
	more = work > governor->work ? work - governor->work : 0;
	governor->work = work;
	return more;
}

/*
 * Up to `now`, into the accounts of events. Of a window that has reached its limit, what came after
 * that is not its own.
 */
static void note_work(struct governor *governor, uint64_t now, const struct budget_hits *hits)
{
	uint64_t work = take_work(governor), own = work, ns = 0;

	if (now > governor->work_ns) {
		ns = now - governor->work_ns;
		governor->work_ns = now;
	}
	if (governor->open && hits->all)
		own = work * ((double)hits->recorded / hits->all);
	progress_note(&governor->progress, governor->open, own, ns);
	if (!governor->open)
		return;
	coverage_add(&governor->events, governor->progress.clock, hits->recorded);
	progress_note(&governor->progress, false, work - own, 0);
}

/* Bring the accounts up to `now`, when the window that is open ends or goes on. Under the lock. */
static void settle(struct governor *governor, uint64_t now)
{
	struct budget_hits hits = probe_session_take_hits(governor->session);
	uint64_t on_ns = 0;

	note_work(governor, now, &hits);
	if (governor->open) {
		on_ns = now > governor->coverage.last_ns ? now - governor->coverage.last_ns : 0;
		coverage_add(&governor->coverage, now, hits.recorded);
	}
	if (now > governor->settled_ns) {
		budget_earn(&governor->budget, now - governor->settled_ns);
		governor->settled_ns = now;
	}
	budget_spend_hits(&governor->budget, on_ns, hits);
	governor->hits += hits.all;
}

static void open_window(struct governor *governor)
{
	struct probe_weights weights;
	struct budget_window plan;
	uint64_t now, length;

	pthread_mutex_lock(&governor->lock);
	settle(governor, clock_now_ns());
	plan = budget_window(&governor->budget);
	length = governor->always_on ? 0 : plan.length_ns;
	now = clock_now_ns();
	weights.time = coverage_open(&governor->coverage, now, length);
	weights.events = coverage_open(&governor->events, governor->progress.clock,
				       progress_expected(&governor->progress, length));
	probe_session_open_window(governor->session, weights,
				  governor->always_on ? 0 : plan.max_hits);
	governor->open = true;
	pthread_mutex_unlock(&governor->lock);
}

/* Wait for the time to pass, the limit on hits when `limited`, or the end. True: end. */
static bool wait_for(struct governor *governor, uint64_t ns, bool limited)
{
	struct pollfd fds[] = {
		{ .fd = governor->stop_fd, .events = POLLIN },
		{ .fd = probe_session_limit_fd(governor->session), .events = POLLIN },
	};
	struct timespec timeout = { ns / NSEC_PER_SEC, ns % NSEC_PER_SEC };

	return ppoll(fds, limited ? 2 : 1, &timeout, NULL) > 0 && fds[0].revents;
}

static bool target_is_gone(struct governor *governor)
{
	if (!kill(probe_session_pid(governor->session), 0) || errno != ESRCH)
		return false;
	pthread_mutex_lock(&governor->lock);
	governor->error = ESRCH;
	pthread_mutex_unlock(&governor->lock);
	return true;
}

/* Whether the window goes on after its time, and for how long; new limits are set then. */
static bool stays_open(struct governor *governor, uint64_t *length)
{
	uint64_t max_hits;
	bool stays;

	if (probe_session_limit_reached(governor->session))
		return false;
	pthread_mutex_lock(&governor->lock);
	settle(governor, clock_now_ns());
	stays = budget_may_stay_open(&governor->budget, &max_hits);
	*length = budget_stay_ns(&governor->budget);
	if (stays)
		probe_session_change_window(
			governor->session,
			(struct probe_weights){ .time = coverage_stay(&governor->coverage),
						.events = coverage_stay(&governor->events) },
			max_hits);
	pthread_mutex_unlock(&governor->lock);
	return stays;
}

/* The window that is open, to its end. True: no more windows. */
static bool attend_window(struct governor *governor)
{
	struct budget_window plan;
	uint64_t length;
	bool end, stayed = false;

	pthread_mutex_lock(&governor->lock);
	plan = budget_window(&governor->budget);
	pthread_mutex_unlock(&governor->lock);
	length = plan.length_ns;
	do {
		end = wait_for(governor, length, true) || target_is_gone(governor);
		if (stayed)
			attend_steady(governor);
		stayed = true;
	} while (!end && stays_open(governor, &length));
	return end;
}

static void close_window(struct governor *governor)
{
	uint64_t now;

	pthread_mutex_lock(&governor->lock);
	now = probe_session_close_window(governor->session);
	settle(governor, now);
	governor->open = false;
	pthread_mutex_unlock(&governor->lock);
}

/* Under the lock. */
static void set_hit_cost(struct governor *governor)
{
	double ns = hit_cost_ns(&governor->hit_cost, probe_session_is_stepped(governor->session));

	if (ns > 0)
		governor->budget.hit_ns = ns;
}

static void measure_trap(struct governor *governor)
{
	struct calibration trap;

	if (probe_session_calibrate(governor->session, &trap))
		return;
	pthread_mutex_lock(&governor->lock);
	governor->hit_cost.trap = trap;
	set_hit_cost(governor);
	pthread_mutex_unlock(&governor->lock);
}

static void note_program(struct governor *governor, struct program_stats *stats)
{
	double ns = program_stats_end(stats, governor->session);

	if (!ns)
		return;
	pthread_mutex_lock(&governor->lock);
	hit_cost_note_program(&governor->hit_cost, ns);
	set_hit_cost(governor);
	pthread_mutex_unlock(&governor->lock);
}

/* Probes go, the turn is paid for. Returns the thread's CPU time for it. */
static uint64_t take_away(struct governor *governor)
{
	uint64_t before = thread_cpu_ns();

	close_window(governor);
	probe_session_detach(governor->session);
	return thread_cpu_ns() - before;
}

static void pay_turn(struct governor *governor, uint64_t cpu_ns)
{
	struct budget *budget = &governor->budget;

	pthread_mutex_lock(&governor->lock);
	settle(governor, clock_now_ns());
	budget->turn_ns += (TURN_FACTOR * (double)cpu_ns - budget->turn_ns) / 4;
	budget_spend_turn(budget);
	pthread_mutex_unlock(&governor->lock);
}

/* True: end. */
static bool rest(struct governor *governor)
{
	uint64_t ns;

	pthread_mutex_lock(&governor->lock);
	settle(governor, clock_now_ns());
	ns = budget_rest_ns(&governor->budget, erand48(governor->seed));
	pthread_mutex_unlock(&governor->lock);
	while (ns > LOOK_NS) {
		if (wait_for(governor, LOOK_NS, false) || target_is_gone(governor))
			return true;
		attend_steady(governor);
		ns -= LOOK_NS;
	}
	return wait_for(governor, ns, false);
}

static bool attach(struct governor *governor)
{
	int status = probe_session_place(governor->session, NULL);

	if (!status)
		return true;
	pthread_mutex_lock(&governor->lock);
	governor->error = -status;
	pthread_mutex_unlock(&governor->lock);
	return false;
}

static void trace_in_windows(struct governor *governor)
{
	uint64_t cpu_ns = 0, before, target_cpu_ns = 0, target_ns = 0;
	struct program_stats stats;
	bool end;

	program_stats_begin(&stats, governor->session);
	for (uint64_t window = 0;; window++) {
		end = attend_window(governor);
		cpu_ns += take_away(governor);
		note_program(governor, &stats);
		pay_turn(governor, cpu_ns);
		if (!window && !end)
			measure_trap(governor);
		if (end || rest(governor))
			return;
		note_busy_cpus(governor, &target_cpu_ns, &target_ns);
		if (window < MEASURE_FIRST || window % MEASURE_EVERY == 0)
			program_stats_begin(&stats, governor->session);
		before = thread_cpu_ns();
		if (!attach(governor))
			return;
		cpu_ns = thread_cpu_ns() - before;
		open_window(governor);
	}
}

static void trace_always(struct governor *governor)
{
	struct program_stats stats;
	bool end = false;

	program_stats_begin(&stats, governor->session);
	measure_trap(governor);
	note_program(governor, &stats);
	while (!end) {
		end = wait_for(governor, CHECK_NS, false) || target_is_gone(governor);
		attend_steady(governor);
	}
	close_window(governor);
	probe_session_detach(governor->session);
}

/*
 * While a window is to end, the target pays for every moment that this thread waits for a CPU. It
 * sleeps nearly always, so real-time priority takes nothing from others. Without the right to it,
 * it does as it can.
 */
static void be_prompt(void)
{
	const struct sched_param lowest = { .sched_priority = sched_get_priority_min(SCHED_RR) };

	if (pthread_setschedparam(pthread_self(), SCHED_RR, &lowest))
		setpriority(PRIO_PROCESS, 0, NICE);
	prctl(PR_SET_TIMERSLACK, 1UL);
}

/* On this thread, for probes are hit from the first one on, and others may have to wait for a CPU. */
static bool begin(struct governor *governor)
{
	int status = probe_session_place(governor->session, governor->begin_err);

	if (!status) {
		governor->started_ns = governor->settled_ns = clock_now_ns();
		coverage_start(&governor->coverage, governor->started_ns);
		coverage_start(&governor->events, governor->progress.clock);
		for (int pace = 1; pace < CT_PACES; pace++)
			governor->steady[pace] = (struct steady){
				.pace = pace,
				.has_probes = probe_session_has(governor->session, pace),
				.settled_ns = governor->started_ns,
			};
		attend_steady(governor);
		open_window(governor);
	}
	pthread_mutex_lock(&governor->lock);
	governor->begin_status = status;
	governor->has_begun = true;
	pthread_cond_signal(&governor->begun);
	pthread_mutex_unlock(&governor->lock);
	return !status;
}

static void *run(void *ctx)
{
	struct governor *governor = ctx;

	be_prompt();
	if (!begin(governor))
		return NULL;
	if (governor->always_on)
		trace_always(governor);
	else
		trace_in_windows(governor);
	end_steady(governor);
	return NULL;
}

static void release(struct governor *governor)
{
	if (governor->stop_fd >= 0)
		close(governor->stop_fd);
	pthread_cond_destroy(&governor->begun);
	pthread_mutex_destroy(&governor->lock);
	free(governor);
}

static int start_error(struct err *err, int status)
{
	return err_set(err, -status, "starting the overhead governor", "free some resources", "%s",
		       strerror(-status));
}

int governor_start(struct probe_session *session, double max_overhead_pct, struct governor **out,
		   struct err *err)
{
	struct governor *governor = calloc(1, sizeof(*governor));
	int status;

	if (!governor)
		return start_error(err, -ENOMEM);
	governor->session = session;
	governor->always_on = max_overhead_pct < 0;
	pthread_mutex_init(&governor->lock, NULL);
	pthread_cond_init(&governor->begun, NULL);
	governor->started_ns = governor->settled_ns = clock_now_ns();
	memcpy(governor->seed, &governor->started_ns, sizeof(governor->seed));
	governor->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (governor->stop_fd < 0) {
		status = start_error(err, -errno);
		release(governor);
		return status;
	}
	budget_init(&governor->budget, max_overhead_pct / 100, HIT_COST_GUESS_NS, TURN_NS_GUESS);
	take_work(governor);
	governor->work_ns = governor->started_ns;
	governor->begin_err = err;
	status = -pthread_create(&governor->thread, NULL, run, governor);
	if (status) {
		release(governor);
		return start_error(err, status);
	}
	pthread_mutex_lock(&governor->lock);
	while (!governor->has_begun)
		pthread_cond_wait(&governor->begun, &governor->lock);
	status = governor->begin_status;
	pthread_mutex_unlock(&governor->lock);
	if (status) {
		pthread_join(governor->thread, NULL);
		release(governor);
		return status;
	}
	*out = governor;
	return 0;
}

static double slowdown(const struct governor *governor)
{
	const struct coverage *coverage = &governor->coverage;
	double share = progress_share(&governor->progress);
	double took = coverage->counted_hits * governor->budget.hit_ns / HIT_COST_CACHES_LOST;
	double time = coverage->counted_ns * budget_sharing_cpus(&governor->budget);

	if (!governor->always_on && progress_is_known(&governor->progress))
		return 1 - share;
	return time > took ? took / time : time > 0;
}

void governor_status(struct governor *governor, struct governor_status *status)
{
	const struct coverage *coverage = &governor->coverage, *events = &governor->events;

	memset(status, 0, sizeof(*status));
	pthread_mutex_lock(&governor->lock);
	settle(governor, probe_session_window_now(governor->session));
	status->on_ns = coverage->on_ns;
	status->counted_ns = coverage->counted_ns;
	status->event_weight = events->counted_ns ? events->squared_ns / events->counted_ns : 1;
	status->hits_error = coverage_error(events);
	memcpy(status->whole_ns, coverage->whole_ns, sizeof(status->whole_ns));
	status->windows = coverage->windows;
	status->slowdown = slowdown(governor);
	status->is_paced = !governor->always_on && progress_is_known(&governor->progress);
	status->newest_goid = probe_session_newest_goid(governor->session);
	status->elapsed_ns = clock_now_ns() - governor->started_ns;
	status->hits = governor->hits;
	status->hit_cost_ns = governor->budget.hit_ns;
	if (status->elapsed_ns)
		status->overhead_pct = 100 * governor->budget.spent_ns / status->elapsed_ns;
	settle_steady(governor);
	for (int pace = 1; pace < CT_PACES; pace++)
		status->steady_ns[pace] = steady_on_ns(&governor->steady[pace], clock_now_ns());
	status->always_on = governor->always_on;
	status->error = governor->error;
	pthread_mutex_unlock(&governor->lock);
}

void governor_stop(struct governor *governor)
{
	if (!governor)
		return;
	eventfd_write(governor->stop_fd, 1);
	pthread_join(governor->thread, NULL);
	release(governor);
}
