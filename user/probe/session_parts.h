/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the parts of session.c share. */
#ifndef PROBE_SESSION_PARTS_H
#define PROBE_SESSION_PARTS_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "conctrace_abi.h"
#include "probe/links.h"
#include "probe/session.h"

#include "conctrace.skel.h" /* needs the types above */

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

static inline volatile struct ct_window *window_of(const struct probe_session *session)
{
	return &session->skel->bss->window;
}

/* Why the kernel did not allow it, which it does not say. */
const char *session_why_refused(void);

/* session_links.c: the sites of the plan, by their pace. 0; -ENOMEM. */
int session_prepare_links(struct probe_session *session, const struct plan *plan);

/* session_load.c: open the programs, say what they must know, and load them. */
int session_load(struct probe_session *session, const struct target *target,
		 const struct probe_options *options, struct err *err);

#endif
