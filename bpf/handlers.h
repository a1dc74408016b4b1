/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the one program on all probes (probe.bpf.c) calls, by probe family. They take the values of
 * the Go function's arguments, and know no registers. All return 0.
 *
 * A handler is a global function, which the kernel checks on its own, and takes at most five.
 */
#ifndef BPF_HANDLERS_H
#define BPF_HANDLERS_H

#include "conctrace_abi.h"

/* task.bpf.c. `stack` is where the return address lies, `frame` the caller's frame pointer. */
int on_spawn(ct_u64 newg);
int on_exit(ct_u64 g);
int on_park(ct_u64 g, ct_u64 lock, ct_u64 reason, ct_u64 stack, ct_u64 frame);
int on_park_aborted(ct_u64 g);
int on_ready(ct_u64 g,
	     ct_u64 g0); /* g0: the scheduler's stack the caller is on; 0: no goroutine's */

/* lock.bpf.c. `sema` is the semaphore's address; a Cond's list stands for its semaphore. */
int on_lock_wait(ct_u64 g, ct_u64 sema);
int on_lock_release(ct_u64 g, ct_u64 sema, ct_u64 handoff, ct_u64 stack, ct_u64 frame);

/* chan.bpf.c */
int on_chan_send(ct_u64 chan, ct_u64 block);
int on_chan_recv(ct_u64 chan, ct_u64 block);
int on_chan_close(ct_u64 chan);

#endif
