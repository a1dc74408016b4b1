// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "probe/session.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "conctrace_abi.h"
#include "probe/config.h"
#include "probe/kernel.h"
#include "probe/privilege.h"
#include "probe/links.h"
#include "target/memory.h"

#include "conctrace.skel.h" /* needs the types above */

#define DEFAULT_MAX_TASKS 262144
#define TODO_PRIVILEGE                                                                             \
	"run it as root, or with CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE; `conctrace doctor` says more"

#define WINDOWS 512

struct window_span {
	uint64_t opened_ns, closed_ns;
};

struct probe_session {
	pid_t pid;
	int exe_fd;
	char exe_path[64]; /* by way of exe_fd: another program that the PID runs is not probed */
	struct conctrace_bpf *skel;
	struct links links[CT_PACES]; /* the first are those that come and go with windows */
	struct ring_buffer *alarm;
	struct probe_maps maps;
	int cpus;
	uint64_t *hits_taken; /* by CPU */
	uint64_t closed_taken;
	uint64_t time_to_run; /* struct target */
	size_t time_to_run_len;
	bool stepped;
	uint64_t opened_ns; /* the latest window */
	uint64_t on_ns;     /* of finished windows */
	bool window_open;
	struct window_span windows[WINDOWS]; /* ended, not taken: one writer, one reader */
	_Atomic uint32_t windows_written, windows_taken;
};

static int silent(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

/* The kernel says only that it refuses. */
static const char *why_refused(void)
{
	struct privilege may = privilege_read();

	if (!may.load_programs)
		return "CAP_BPF is missing";
	if (!may.attach_probes)
		return "CAP_PERFMON is missing";
	return "the kernel does not allow it, for all the capabilities that are there";
}

static int load_error(int status, struct err *err)
{
	if (status == -EPERM || status == -EACCES)
		return err_set(err, EPERM, "loading the probe programs", TODO_PRIVILEGE, "%s",
			       why_refused());
	return err_set(err, -status, "loading the probe programs",
		       "use --no-probes, and see `conctrace doctor`", "%s", strerror(-status));
}

static int nothing_to_read(void *ctx, void *data, size_t size)
{
	(void)ctx;
	(void)data;
	(void)size;
	return 0;
}

static uint64_t planned_handlers(const struct probe_session *session)
{
	uint64_t handlers = 0;

	for (int pace = 0; pace < CT_PACES; pace++)
		for (size_t i = 0; i < session->links[pace].count; i++)
			handlers |= 1ULL << (session->links[pace].cookies[i] & CT_COOKIE_HANDLER);
	return handlers;
}

static uint32_t stripes_for(int cpus)
{
	uint32_t stripes = 1;

	while (stripes < CT_STRIPES_MAX && (int)stripes < cpus)
		stripes *= 2;
	return stripes;
}

static void spread(struct bpf_map *map, uint32_t stripes)
{
	bpf_map__set_max_entries(map, bpf_map__max_entries(map) * stripes);
}

#define HANDLER_BIT(handler) (1ULL << (handler))

/* What no probe of the session fills has room for nothing: even empty buckets take time to read. */
static void drop_unused_maps(struct probe_session *session, const struct ct_config *config)
{
	struct {
		struct bpf_map *map;
		bool used;
	} maps[] = {
		{ session->skel->maps.chan_ops,
		  config->handlers & (HANDLER_BIT(CT_ON_CHAN_SEND) | HANDLER_BIT(CT_ON_CHAN_RECV) |
				      HANDLER_BIT(CT_ON_CHAN_CLOSE)) },
		{ session->skel->maps.releases,
		  config->handlers & HANDLER_BIT(CT_ON_LOCK_RELEASE) },
		{ session->skel->maps.tallies, config->handlers >> CT_ON_PANIC },
		{ session->skel->maps.turns, config->turns },
		{ session->skel->maps.queues, config->charge },
	};

	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++)
		if (!maps[i].used)
			bpf_map__set_max_entries(maps[i].map, 1);
}

static int load_programs(struct probe_session *session, const struct target *target,
			 const struct probe_options *options, struct err *err)
{
	struct ct_config config;
	struct bpf_program *program;
	int status;

	session->skel = conctrace_bpf__open();
	if (!session->skel)
		return load_error(-errno, err);
	probe_config_for(target, &config);
	config.handlers = planned_handlers(session);
	config.max_sites = bpf_map__max_entries(session->skel->maps.sites);
	config.stripes = stripes_for(libbpf_num_possible_cpus());
	spread(session->skel->maps.sites, config.stripes);
	spread(session->skel->maps.objects, config.stripes);
	config.waker_stack_min_ns = options->waker_stack_min_ns;
	config.only_goid = options->only_goid;
	if (options->charge_wakers)
		config.charge = target->build.version.minor >= 22 ? CT_CHARGE_ALL : CT_CHARGE_FIRST;
	config.turns = options->turns;
	drop_unused_maps(session, &config);
	config.timeline = options->timeline_bytes != 0;
	session->skel->rodata->config = config;
	if (options->timeline_bytes)
		bpf_map__set_max_entries(session->skel->maps.timeline, options->timeline_bytes);
	bpf_map__set_max_entries(session->skel->maps.tasks,
				 options->max_tasks ? options->max_tasks : DEFAULT_MAX_TASKS);
	for (int pace = 0; pace < CT_PACES; pace++)
		session->links[pace].program = options->floor ? session->skel->progs.nothing :
								session->skel->progs.probe;
	if (!session->links[0].multi)
		bpf_object__for_each_program(program, session->skel->obj)
			bpf_program__set_expected_attach_type(program, 0);
	status = conctrace_bpf__load(session->skel);
	if (status)
		return load_error(status, err);
	session->alarm = ring_buffer__new(bpf_map__fd(session->skel->maps.alarm), nothing_to_read,
					  NULL, NULL);
	return session->alarm ? 0 : load_error(-errno, err);
}

static void note_maps(struct probe_session *session)
{
	struct probe_maps *maps = &session->maps;

	maps->tasks = bpf_map__fd(session->skel->maps.tasks);
	maps->site_index = bpf_map__fd(session->skel->maps.site_index);
	maps->sites = bpf_map__fd(session->skel->maps.sites);
	maps->objects = bpf_map__fd(session->skel->maps.objects);
	maps->chan_ops = bpf_map__fd(session->skel->maps.chan_ops);
	maps->releases = bpf_map__fd(session->skel->maps.releases);
	maps->spawns = bpf_map__fd(session->skel->maps.spawns);
	maps->wakes = bpf_map__fd(session->skel->maps.wakes);
	maps->counters = bpf_map__fd(session->skel->maps.counters);
	maps->timeline = bpf_map__fd(session->skel->maps.timeline);
	maps->tallies = bpf_map__fd(session->skel->maps.tallies);
	maps->panics = bpf_map__fd(session->skel->maps.panics);
	maps->cancels = bpf_map__fd(session->skel->maps.cancels);
	maps->turns = bpf_map__fd(session->skel->maps.turns);
	maps->max_sites = session->skel->rodata->config.max_sites;
	maps->stripes = session->skel->rodata->config.stripes;
	maps->created = (const volatile uint64_t *)&session->skel->bss->window.created;
}

/* From what is hit most to what is hit least, in programs that are hit much; then the rest. */
static const enum ct_handler by_hits[] = {
	CT_ON_CHAN_RECV,    CT_ON_RECV,       CT_ON_POLL_SELECT,
	CT_ON_CHAN_SEND,    CT_ON_READY,      CT_ON_PARK,
	CT_ON_POLL_RECV,    CT_ON_POLL_SEND,  CT_ON_POOL_GET,
	CT_ON_POOL_PUT,     CT_ON_SPAWN,      CT_ON_EXIT,
	CT_ON_MAP_WRITE,    CT_ON_LOCK_WAIT,  CT_ON_POOL_NEW,
	CT_ON_LOCK_RELEASE, CT_ON_MAP_MISS,   CT_ON_READY_SCHEDULER,
	CT_ON_PARK_ABORTED, CT_ON_CHAN_CLOSE, CT_ON_SPIN,
};

static int rank(enum ct_handler handler)
{
	int count = sizeof(by_hits) / sizeof(by_hits[0]);

	for (int i = 0; i < count; i++)
		if (by_hits[i] == handler)
			return i;
	return count + (int)handler;
}

static int by_rank(const void *a, const void *b)
{
	const struct plan_site *const *x = a, *const *y = b;

	return rank((*x)->point->handler) - rank((*y)->point->handler);
}

static int prepare_links(struct probe_session *session, const struct plan *plan)
{
	const struct plan_site **sites = calloc(plan->sites.len + 1, sizeof(*sites));
	size_t count = 0;

	if (!sites)
		return -ENOMEM;
	for (int pace = 0; pace < CT_PACES; pace++) {
		struct links *links = &session->links[pace];

		if (links_prepare(links, plan->sites.len)) {
			free(sites);
			return -ENOMEM;
		}
		links->count = 0;
		links->pid = session->pid;
		links->path = session->exe_path;
	}
	for (size_t i = 0; i < plan->sites.len; i++)
		if (plan->sites.data[i].address)
			sites[count++] = &plan->sites.data[i];
	qsort(sites, count, sizeof(*sites), by_rank);
	for (size_t i = 0; i < count; i++) {
		struct links *links = &session->links[sites[i]->point->pace];

		links->offsets[links->count] = sites[i]->file_offset;
		links->cookies[links->count++] = sites[i]->cookie;
		if (sites[i]->verdict == PLAN_STEPPED && links == &session->links[0])
			session->stepped = true;
	}
	free(sites);
	return 0;
}

/*
 * Held open, since the PID may run another program when probes are put in place the next time: at
 * the same offsets of another file a breakpoint could be anywhere.
 */
static int open_exe(struct probe_session *session, const struct target *target, struct err *err)
{
	struct stat stat;

	session->exe_fd = open(target->exe_path, O_RDONLY | O_CLOEXEC);
	if (session->exe_fd < 0)
		return err_set(err, errno, "opening the program", "check that it is still running",
			       "%s: %s", target->exe_path, strerror(errno));
	if (fstat(session->exe_fd, &stat) || stat.st_ino != target->exe_inode ||
	    stat.st_dev != target->exe_device)
		return err_set(err, ESRCH, "opening the program", "run this again",
			       "process %d runs another program now", target->pid);
	snprintf(session->exe_path, sizeof(session->exe_path), "/proc/self/fd/%d", session->exe_fd);
	return 0;
}

static int check_kernel(const struct probe_session *session, struct err *err)
{
	if (kernel_lockdown_mode() == LOCKDOWN_CONFIDENTIALITY)
		return err_set(err, EPERM, "loading the probe programs",
			       "use --no-probes, or boot without lockdown=confidentiality",
			       "the kernel is locked down and lets no program read memory");
	if (!session->links[0].multi && !kernel_has_uprobe_perf())
		return err_set(err, ENOTSUP, "loading the probe programs",
			       "use --no-probes, or a kernel with CONFIG_UPROBES",
			       "this kernel has no uprobes");
	return 0;
}

int probe_session_open(const struct target *target, const struct plan *plan,
		       const struct probe_options *options, struct probe_session **out,
		       struct err *err)
{
	struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	struct probe_session *session = calloc(1, sizeof(*session));
	int status;

	if (!session)
		return err_set(err, ENOMEM, "preparing the probes", "free some memory",
			       "out of memory");
	session->pid = target->pid;
	session->time_to_run = target->time_to_run;
	session->time_to_run_len = target->time_to_run_len;
	session->exe_fd = -1;
	session->cpus = libbpf_num_possible_cpus();
	session->hits_taken =
		session->cpus > 0 ? calloc(session->cpus, sizeof(*session->hits_taken)) : NULL;
	if (!session->hits_taken || prepare_links(session, plan)) {
		probe_session_close(session);
		return err_set(err, ENOMEM, "preparing the probes", "free some memory",
			       "out of memory");
	}
	libbpf_set_print(silent);
	/* kernels before 5.11 account BPF memory against this limit */
	setrlimit(RLIMIT_MEMLOCK, &unlimited);
	for (int pace = 0; pace < CT_PACES; pace++)
		session->links[pace].multi = !options->force_perf && kernel_has_uprobe_multi();
	status = check_kernel(session, err);
	if (!status)
		status = open_exe(session, target, err);
	if (!status)
		status = load_programs(session, target, options, err);
	if (status) {
		probe_session_close(session);
		return status;
	}
	note_maps(session);
	*out = session;
	return 0;
}

static int attach_error(const struct probe_session *session, int status, struct err *err)
{
	switch (-status) {
	case EPERM:
	case EACCES:
		return err_set(err, EPERM, "attaching the probes", TODO_PRIVILEGE, "%s",
			       why_refused());
	case ESRCH:
	case ENOENT:
		return err_set(err, ESRCH, "attaching the probes", "check that it is still running",
			       "process %d is gone", session->pid);
	default:
		return err_set(err, -status, "attaching the probes",
			       "use --no-probes, and see `conctrace doctor`", "%s",
			       strerror(-status));
	}
}

static volatile struct ct_window *window_of(const struct probe_session *session)
{
	return &session->skel->bss->window;
}

int probe_session_place(struct probe_session *session, struct err *err)
{
	int status;

	ring_buffer__consume(session->alarm);
	status = links_attach(&session->links[0]);
	return status ? attach_error(session, status, err) : 0;
}

static uint64_t batches_for(uint64_t hits)
{
	return hits && hits < CT_HIT_BATCH ? 1 : hits / CT_HIT_BATCH;
}

uint64_t probe_session_open_window(struct probe_session *session, struct probe_weights weights,
				   uint64_t max_hits)
{
	volatile struct ct_window *window = window_of(session);

	window->batches = 0;
	window->max_batches = batches_for(max_hits);
	window->limit_ns = 0;
	window->weight = weights.events;
	window->time_weight = weights.time;
	window->generation++;
	session->opened_ns = clock_now_ns();
	session->window_open = true;
	__atomic_store_n(&window->open, 1, __ATOMIC_RELEASE);
	return session->opened_ns;
}

static void keep_window(struct probe_session *session, uint64_t closed_ns)
{
	uint32_t written = session->windows_written;

	if (written - session->windows_taken == WINDOWS)
		return;
	session->windows[written % WINDOWS] = (struct window_span){ session->opened_ns, closed_ns };
	session->windows_written = written + 1;
}

uint64_t probe_session_close_window(struct probe_session *session)
{
	volatile struct ct_window *window = window_of(session);
	uint64_t now = clock_now_ns();

	__atomic_store_n(&window->open, 0, __ATOMIC_RELEASE);
	if (!session->window_open)
		return now;
	session->window_open = false;
	if (window->limit_ns)
		now = window->limit_ns;
	session->on_ns += now - session->opened_ns;
	keep_window(session, now);
	return now;
}

bool probe_session_take_window(struct probe_session *session, uint64_t *opened_ns,
			       uint64_t *closed_ns)
{
	uint32_t taken = session->windows_taken;
	const struct window_span *span = &session->windows[taken % WINDOWS];

	if (taken == session->windows_written)
		return false;
	*opened_ns = span->opened_ns;
	*closed_ns = span->closed_ns;
	session->windows_taken = taken + 1;
	return true;
}

bool probe_session_window_is_open(const struct probe_session *session, uint64_t *opened_ns)
{
	*opened_ns = session->opened_ns;
	return session->window_open;
}

void probe_session_change_window(struct probe_session *session, struct probe_weights weights,
				 uint64_t max_hits)
{
	volatile struct ct_window *window = window_of(session);

	window->weight = weights.events;
	window->time_weight = weights.time;
	window->max_batches = max_hits ? window->batches + batches_for(max_hits) : 0;
}

bool probe_session_limit_reached(const struct probe_session *session)
{
	return window_of(session)->limit_ns;
}

int probe_session_attach(struct probe_session *session, struct err *err)
{
	int status = probe_session_place(session, err);

	if (!status)
		probe_session_open_window(session, (struct probe_weights){ 1, 1 }, 0);
	return status;
}

bool probe_session_has(const struct probe_session *session, enum ct_pace pace)
{
	return session->links[pace].count;
}

int probe_session_place_pace(struct probe_session *session, enum ct_pace pace)
{
	return links_attach(&session->links[pace]);
}

void probe_session_detach_pace(struct probe_session *session, enum ct_pace pace)
{
	links_detach(&session->links[pace]);
}

void probe_session_detach(struct probe_session *session)
{
	probe_session_close_window(session);
	links_detach(&session->links[0]);
}

void probe_session_close(struct probe_session *session)
{
	if (!session)
		return;
	if (session->skel && session->skel->bss)
		probe_session_detach(session);
	for (int pace = 0; pace < CT_PACES; pace++)
		links_free(&session->links[pace]);
	ring_buffer__free(session->alarm);
	conctrace_bpf__destroy(session->skel);
	if (session->exe_fd >= 0)
		close(session->exe_fd);
	free(session->hits_taken);
	free(session);
}

int probe_session_limit_fd(const struct probe_session *session)
{
	return ring_buffer__epoll_fd(session->alarm);
}

const struct probe_maps *probe_session_maps(const struct probe_session *session)
{
	return &session->maps;
}

pid_t probe_session_pid(const struct probe_session *session)
{
	return session->pid;
}

bool probe_session_is_stepped(const struct probe_session *session)
{
	return session->stepped;
}

bool probe_session_uses_multi(const struct probe_session *session)
{
	return session->links[0].multi;
}

uint64_t probe_session_attached_ns(const struct probe_session *session)
{
	return session->opened_ns;
}

uint64_t probe_session_window_now(const struct probe_session *session)
{
	uint64_t limit = window_of(session)->limit_ns;

	return session->window_open && limit ? limit : clock_now_ns();
}

uint64_t probe_session_on_ns(const struct probe_session *session)
{
	if (!session->window_open)
		return session->on_ns;
	return session->on_ns + probe_session_window_now(session) - session->opened_ns;
}

uint64_t probe_session_map_bytes(const struct probe_session *session)
{
	uint64_t bytes = 0;
	struct bpf_map *map;

	bpf_object__for_each_map(map, session->skel->obj)
		bytes += (uint64_t)bpf_map__max_entries(map) *
			 (bpf_map__key_size(map) + bpf_map__value_size(map));
	return bytes;
}

bool probe_session_work(const struct probe_session *session, uint64_t *work)
{
	uint64_t counts[TARGET_TIME_TO_RUN_MOST];

	if (!session->time_to_run || memory_read(session->pid, session->time_to_run, counts,
						 session->time_to_run_len * sizeof(counts[0])))
		return false;
	*work = 0;
	for (size_t i = 0; i < session->time_to_run_len; i++)
		*work += counts[i];
	return true;
}

uint64_t probe_session_newest_goid(const struct probe_session *session)
{
	return window_of(session)->newest_goid;
}

struct budget_hits probe_session_take_hits(struct probe_session *session)
{
	struct ct_counters values[session->cpus];
	struct budget_hits taken = { 0 };
	const uint32_t only = 0;
	uint64_t closed = 0;

	if (bpf_map_lookup_elem(session->maps.counters, &only, values))
		return taken;
	for (int cpu = 0; cpu < session->cpus; cpu++) {
		uint64_t hits = values[cpu].n[CT_N_HITS] - session->hits_taken[cpu];

		session->hits_taken[cpu] = values[cpu].n[CT_N_HITS];
		taken.all += hits;
		closed += values[cpu].n[CT_N_CLOSED];
		if (hits > taken.busiest)
			taken.busiest = hits;
	}
	taken.recorded = taken.all - (closed - session->closed_taken);
	session->closed_taken = closed;
	return taken;
}

uint64_t probe_session_hits_of(struct probe_session *session, enum ct_pace pace)
{
	enum ct_counter which = pace == CT_PACE_RARE ? CT_N_RARE : CT_N_LIVELY;
	struct ct_counters values[session->cpus];
	const uint32_t only = 0;
	uint64_t hits = 0;

	if (bpf_map_lookup_elem(session->maps.counters, &only, values))
		return 0;
	for (int cpu = 0; cpu < session->cpus; cpu++)
		hits += values[cpu].n[which];
	return hits;
}

int probe_session_run_stats(const struct probe_session *session, uint64_t *runs, uint64_t *ns)
{
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);

	if (bpf_prog_get_info_by_fd(bpf_program__fd(session->links[0].program), &info, &len))
		return -errno;
	*runs = info.run_cnt;
	*ns = info.run_time_ns;
	return 0;
}

int probe_session_calibrate(const struct probe_session *session, struct calibration *calibration)
{
	return calibrate(session->skel->progs.nothing, session->links[0].multi, calibration);
}
