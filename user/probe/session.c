// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "probe/session_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probe/kernel.h"
#include "probe/privilege.h"

static int silent(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

const char *session_why_refused(void)
{
	struct privilege may = privilege_read();

	if (!may.load_programs)
		return "CAP_BPF is missing";
	if (!may.attach_probes)
		return "CAP_PERFMON is missing";
	return "the kernel does not allow it, for all the capabilities that are there";
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
	if (!session->hits_taken || session_prepare_links(session, plan)) {
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
		status = session_load(session, target, options, err);
	if (status) {
		probe_session_close(session);
		return status;
	}
	*out = session;
	return 0;
}

static int attach_error(const struct probe_session *session, int status, struct err *err)
{
	switch (-status) {
	case EPERM:
	case EACCES:
		return err_set(err, EPERM, "attaching the probes", TODO_PRIVILEGE, "%s",
			       session_why_refused());
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

int probe_session_place(struct probe_session *session, struct err *err)
{
	int status;

	ring_buffer__consume(session->alarm);
	status = links_attach(&session->links[0]);
	return status ? attach_error(session, status, err) : 0;
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

int probe_session_calibrate(const struct probe_session *session, struct calibration *calibration)
{
	return calibrate(session->skel->progs.nothing, session->links[0].multi, calibration);
}
