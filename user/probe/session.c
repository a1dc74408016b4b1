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
#include "base/vec.h"
#include "conctrace_abi.h"
#include "probe/kernel.h"

#include "conctrace.skel.h" /* needs the types above */

#define DEFAULT_MAX_TASKS 262144
#define TODO_PRIVILEGE                                                                             \
	"run it as root, or with CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE; `conctrace doctor` says more"

struct probe_session {
	pid_t pid;
	char exe_path[64];
	bool multi;
	uint32_t max_sites;
	struct conctrace_bpf *skel;
	struct plan_site *sites; /* those with an address */
	size_t site_count;
	VEC(struct bpf_link *) links;
	struct probe_maps maps;
	uint64_t attached_ns;
	uint64_t on_ns; /* of finished attachments */
	bool attached;
};

static struct ct_config config_for(const struct target *target, const struct probe_options *options,
				   uint32_t max_sites)
{
	const struct layout *layout = &target->layout;
	struct ct_config config = {
		.g_goid = layout->g_goid,
		.g_m = layout->g_m,
		.g_gopc = layout->g_gopc,
		.g_startpc = layout->g_startpc,
		.g_param = layout->g_param,
		.g_sched_bp = layout->g_sched + layout->gobuf_bp,
		.g_sched_pc = layout->g_sched + layout->gobuf_pc,
		.g_parentgoid = layout->g_parentgoid,
		.m_curg = layout->m_curg,
		.sudog_c = layout->sudog_c,
		.hchan_lock = layout->hchan_lock,
		.max_sites = max_sites,
		.waker_stack_min_ns = options->waker_stack_min_ns,
	};
	static const struct {
		const char *text;
		enum ct_object_kind kind;
		enum ct_chan_op op;
	} objects[] = {
		{ "chan send", CT_OBJ_CHAN, CT_OP_SEND },
		{ "chan receive", CT_OBJ_CHAN, CT_OP_RECV },
		{ "select", CT_OBJ_SELECT, CT_OP_SELECT },
		{ "semacquire", CT_OBJ_SEMA, CT_OP_NONE },
		{ "sync.Cond.Wait", CT_OBJ_SEMA, CT_OP_NONE },
		{ "sync.Mutex.Lock", CT_OBJ_SEMA, CT_OP_NONE },
		{ "sync.RWMutex.RLock", CT_OBJ_SEMA, CT_OP_NONE },
		{ "sync.RWMutex.Lock", CT_OBJ_SEMA, CT_OP_NONE },
		{ "sync.WaitGroup.Wait", CT_OBJ_SEMA, CT_OP_NONE },
		{ "chan send (synctest)", CT_OBJ_CHAN, CT_OP_SEND },
		{ "chan receive (synctest)", CT_OBJ_CHAN, CT_OP_RECV },
		{ "select (durable)", CT_OBJ_SELECT, CT_OP_SELECT },
		{ "chan send (durable)", CT_OBJ_CHAN, CT_OP_SEND },
		{ "chan receive (durable)", CT_OBJ_CHAN, CT_OP_RECV },
		{ "sync.WaitGroup.Wait (durable)", CT_OBJ_SEMA, CT_OP_NONE },
		{ "sync.Cond.Wait (durable)", CT_OBJ_SEMA, CT_OP_NONE },
	};

	for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
		int reason = wait_reason_value(target->reasons_minor, objects[i].text);

		if (reason < 0 || reason >= CT_REASONS)
			continue;
		config.reason_kind[reason] = objects[i].kind;
		config.reason_op[reason] = objects[i].op;
	}
	return config;
}

static int silent(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

static bool is_planned(const struct probe_session *session, const char *program)
{
	for (size_t i = 0; i < session->site_count; i++)
		if (!strcmp(session->sites[i].point->program, program))
			return true;
	return false;
}

static int load_error(int status, struct err *err)
{
	if (status == -EPERM || status == -EACCES)
		return err_set(err, EPERM, "loading the probe programs", TODO_PRIVILEGE,
			       "the kernel does not allow it (%s)", strerror(-status));
	return err_set(err, -status, "loading the probe programs",
		       "use --no-probes, and see `conctrace doctor`", "%s", strerror(-status));
}

static int load_programs(struct probe_session *session, const struct target *target,
			 const struct probe_options *options, struct err *err)
{
	struct bpf_program *program;
	int status;

	session->skel = conctrace_bpf__open();
	if (!session->skel)
		return load_error(-errno, err);
	session->max_sites = bpf_map__max_entries(session->skel->maps.sites);
	session->skel->rodata->config = config_for(target, options, session->max_sites);
	bpf_map__set_max_entries(session->skel->maps.tasks,
				 options->max_tasks ? options->max_tasks : DEFAULT_MAX_TASKS);
	bpf_object__for_each_program(program, session->skel->obj) {
		bpf_program__set_autoload(program, is_planned(session, bpf_program__name(program)));
		if (!session->multi)
			bpf_program__set_expected_attach_type(program, 0);
	}
	status = conctrace_bpf__load(session->skel);
	return status ? load_error(status, err) : 0;
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

static int keep_sites(struct probe_session *session, const struct plan *plan)
{
	session->sites = calloc(plan->sites.len + 1, sizeof(*session->sites));
	if (!session->sites)
		return -ENOMEM;
	for (size_t i = 0; i < plan->sites.len; i++)
		if (plan->sites.data[i].address)
			session->sites[session->site_count++] = plan->sites.data[i];
	return 0;
}

int probe_session_open(const struct target *target, const struct plan *plan,
		       const struct probe_options *options, struct probe_session **out,
		       struct err *err)
{
	struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	struct probe_session *session = calloc(1, sizeof(*session));
	int status;

	if (!session || keep_sites(session, plan)) {
		free(session);
		return err_set(err, ENOMEM, "preparing the probes", "free some memory",
			       "out of memory");
	}
	libbpf_set_print(silent);
	/* kernels before 5.11 account BPF memory against this limit */
	setrlimit(RLIMIT_MEMLOCK, &unlimited);
	session->pid = target->pid;
	snprintf(session->exe_path, sizeof(session->exe_path), "%s", target->exe_path);
	session->multi = kernel_has_uprobe_multi();
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

static int keep_link(struct probe_session *session, struct bpf_link *link)
{
	struct bpf_link **slot;

	if (!link)
		return -errno;
	slot = vec_push(&session->links);
	if (!slot) {
		bpf_link__destroy(link);
		return -ENOMEM;
	}
	*slot = link;
	return 0;
}

static int attach_multi(struct probe_session *session, struct bpf_program *program)
{
	unsigned long offsets[64];
	__u64 cookies[64];
	LIBBPF_OPTS(bpf_uprobe_multi_opts, opts, .offsets = offsets, .cookies = cookies);

	for (size_t i = 0; i < session->site_count && opts.cnt < 64; i++) {
		if (strcmp(session->sites[i].point->program, bpf_program__name(program)))
			continue;
		offsets[opts.cnt] = session->sites[i].file_offset;
		cookies[opts.cnt++] = session->sites[i].cookie;
	}
	return keep_link(session, bpf_program__attach_uprobe_multi(program, session->pid,
								   session->exe_path, NULL, &opts));
}

static int attach_each(struct probe_session *session, struct bpf_program *program)
{
	int status = 0;

	for (size_t i = 0; i < session->site_count && !status; i++) {
		LIBBPF_OPTS(bpf_uprobe_opts, opts, .bpf_cookie = session->sites[i].cookie);

		if (strcmp(session->sites[i].point->program, bpf_program__name(program)))
			continue;
		status = keep_link(session, bpf_program__attach_uprobe_opts(
						    program, session->pid, session->exe_path,
						    session->sites[i].file_offset, &opts));
	}
	return status;
}

/*
 * Wake-ups before parks: a wait that begins while the rest is attached is then seen ending.
 * The programs are few, so the table's order is searched for each.
 */
int probe_session_attach(struct probe_session *session, struct err *err)
{
	struct bpf_program *program;
	int status = 0;

	bpf_object__for_each_program(program, session->skel->obj) {
		if (!bpf_program__autoload(program))
			continue;
		status = session->multi ? attach_multi(session, program) :
					  attach_each(session, program);
		if (status)
			break;
	}
	if (status) {
		probe_session_detach(session);
		return attach_error(session, status, err);
	}
	session->attached_ns = clock_now_ns();
	session->attached = true;
	return 0;
}

void probe_session_detach(struct probe_session *session)
{
	for (size_t i = 0; i < session->links.len; i++)
		bpf_link__destroy(session->links.data[i]);
	session->links.len = 0;
	if (session->attached)
		session->on_ns += clock_now_ns() - session->attached_ns;
	session->attached = false;
}

void probe_session_close(struct probe_session *session)
{
	if (!session)
		return;
	probe_session_detach(session);
	vec_free(&session->links);
	conctrace_bpf__destroy(session->skel);
	free(session->sites);
	free(session);
}

const struct probe_maps *probe_session_maps(const struct probe_session *session)
{
	return &session->maps;
}

bool probe_session_uses_multi(const struct probe_session *session)
{
	return session->multi;
}

uint64_t probe_session_attached_ns(const struct probe_session *session)
{
	return session->attached_ns;
}

uint64_t probe_session_on_ns(const struct probe_session *session)
{
	return session->on_ns + (session->attached ? clock_now_ns() - session->attached_ns : 0);
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
