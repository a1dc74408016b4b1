// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "probe/session.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "conctrace_abi.h"
#include "probe/config.h"
#include "probe/kernel.h"
#include "probe/links.h"

#include "conctrace.skel.h" /* needs the types above */

#define DEFAULT_MAX_TASKS 262144
#define TODO_PRIVILEGE                                                                             \
	"run it as root, or with CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE; `conctrace doctor` says more"

struct probe_session {
	pid_t pid;
	char exe_path[64];
	struct conctrace_bpf *skel;
	struct links links;
	struct ring_buffer *alarm;
	struct probe_maps maps;
	int cpus;
	uint64_t attached_ns;
	uint64_t on_ns; /* of finished windows */
	bool attached;
};

static int silent(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

static int load_error(int status, struct err *err)
{
	if (status == -EPERM || status == -EACCES)
		return err_set(err, EPERM, "loading the probe programs", TODO_PRIVILEGE,
			       "the kernel does not allow it (%s)", strerror(-status));
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
	config.max_sites = bpf_map__max_entries(session->skel->maps.sites);
	config.waker_stack_min_ns = options->waker_stack_min_ns;
	session->skel->rodata->config = config;
	bpf_map__set_max_entries(session->skel->maps.tasks,
				 options->max_tasks ? options->max_tasks : DEFAULT_MAX_TASKS);
	session->links.program = options->floor ? session->skel->progs.nothing :
						  session->skel->progs.probe;
	bpf_object__for_each_program(program, session->skel->obj) {
		bpf_program__set_autoload(program, program == session->links.program);
		if (!session->links.multi)
			bpf_program__set_expected_attach_type(program, 0);
	}
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
}

static int prepare_links(struct probe_session *session, const struct plan *plan)
{
	struct links *links = &session->links;
	size_t count = 0;

	if (links_prepare(links, plan->sites.len))
		return -ENOMEM;
	for (size_t i = 0; i < plan->sites.len; i++) {
		const struct plan_site *site = &plan->sites.data[i];

		if (!site->address)
			continue;
		links->offsets[count] = site->file_offset;
		links->cookies[count++] = site->cookie;
	}
	links->count = count;
	links->pid = session->pid;
	links->path = session->exe_path;
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
	session->cpus = libbpf_num_possible_cpus();
	snprintf(session->exe_path, sizeof(session->exe_path), "%s", target->exe_path);
	if (prepare_links(session, plan) || session->cpus <= 0) {
		probe_session_close(session);
		return err_set(err, ENOMEM, "preparing the probes", "free some memory",
			       "out of memory");
	}
	libbpf_set_print(silent);
	/* kernels before 5.11 account BPF memory against this limit */
	setrlimit(RLIMIT_MEMLOCK, &unlimited);
	session->links.multi = !options->force_perf && kernel_has_uprobe_multi();
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
		return err_set(err, EPERM, "attaching the probes", TODO_PRIVILEGE,
			       "the kernel does not allow it (%s)", strerror(-status));
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

int probe_session_attach(struct probe_session *session, struct err *err)
{
	volatile struct ct_window *window = window_of(session);
	int status;

	ring_buffer__consume(session->alarm);
	status = links_attach(&session->links);
	if (status)
		return attach_error(session, status, err);
	window->batches = 0;
	window->limit_ns = 0;
	window->generation++;
	session->attached_ns = clock_now_ns();
	session->attached = true;
	__atomic_store_n(&window->open, 1, __ATOMIC_RELEASE);
	return 0;
}

/* Of the window that is open, or was until its limit. */
static uint64_t window_ns(const struct probe_session *session)
{
	uint64_t end = window_of(session)->limit_ns;

	if (!end)
		end = clock_now_ns();
	return end > session->attached_ns ? end - session->attached_ns : 0;
}

void probe_session_detach(struct probe_session *session)
{
	if (!session->attached)
		return;
	__atomic_store_n(&window_of(session)->open, 0, __ATOMIC_RELEASE);
	session->on_ns += window_ns(session);
	session->attached = false;
	links_detach(&session->links);
}

void probe_session_close(struct probe_session *session)
{
	if (!session)
		return;
	probe_session_detach(session);
	links_free(&session->links);
	ring_buffer__free(session->alarm);
	conctrace_bpf__destroy(session->skel);
	free(session);
}

void probe_session_limit_hits(struct probe_session *session, uint64_t hits)
{
	uint64_t batches = hits / CT_HIT_BATCH;

	window_of(session)->max_batches = hits && !batches ? 1 : batches;
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

size_t probe_session_probes(const struct probe_session *session)
{
	return session->links.count;
}

bool probe_session_uses_multi(const struct probe_session *session)
{
	return session->links.multi;
}

uint64_t probe_session_attached_ns(const struct probe_session *session)
{
	return session->attached_ns;
}

uint64_t probe_session_on_ns(const struct probe_session *session)
{
	return session->on_ns + (session->attached ? window_ns(session) : 0);
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

uint64_t probe_session_hits(const struct probe_session *session)
{
	struct ct_counters values[session->cpus];
	const uint32_t only = 0;
	uint64_t hits = 0;

	if (bpf_map_lookup_elem(session->maps.counters, &only, values))
		return 0;
	for (int cpu = 0; cpu < session->cpus; cpu++)
		hits += values[cpu].n[CT_N_HITS];
	return hits;
}

int probe_session_run_stats(const struct probe_session *session, uint64_t *runs, uint64_t *ns)
{
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);

	if (bpf_prog_get_info_by_fd(bpf_program__fd(session->links.program), &info, &len))
		return -errno;
	*runs = info.run_cnt;
	*ns = info.run_time_ns;
	return 0;
}
