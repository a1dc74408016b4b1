/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the one program on all probes (probe.bpf.c) calls, by probe family. They take the values of
 * the Go function's arguments, and know no registers. All return 0 but on_park and on_ready, which return
 * 1 when it was a wait for a semaphore.
 *
 * A handler is a global function, which the kernel checks on its own, and takes at most five.
 */
#ifndef BPF_HANDLERS_H
#define BPF_HANDLERS_H

#include "conctrace_abi.h"

/* task.bpf.c. `stack` is where the return address lies, `frame` the caller's frame pointer. */
int on_spawn(ct_u64 newg, ct_u64 g0);
int on_exit(ct_u64 g);
int on_park(ct_u64 g, ct_u64 lock, ct_u64 reason, ct_u64 stack, ct_u64 frame);
int on_park_aborted(ct_u64 g);
int on_ready(ct_u64 g,
	     ct_u64 g0); /* g0: the scheduler's stack the caller is on; 0: no goroutine's */

/* lock.bpf.c. `sema` is the semaphore's address; a Cond's list stands for its semaphore. */
int on_lock_wait(ct_u64 g, ct_u64 sema);
int on_lock_release(ct_u64 g, ct_u64 sema, ct_u64 handoff, ct_u64 stack, ct_u64 frame);

/* turn.bpf.c: behind on_park and on_ready of a wait for a semaphore, and on its release */
int on_turn_wait(ct_u64 g);
int on_turn_begin(ct_u64 g);
int on_turn_end(ct_u64 g, ct_u64 sema, ct_u64 handoff);

/* chan.bpf.c */
int on_chan_send(ct_u64 chan, ct_u64 block);
int on_chan_recv(ct_u64 chan, ct_u64 block);
int on_chan_close(ct_u64 chan);

/* panic.bpf.c. `text` and `len` are a Go string. */
int on_panic(ct_u64 g, ct_u64 type, ct_u64 data, ct_u64 stack, ct_u64 frame);
int on_recovery(ct_u64 g);
int on_fatal_panic(ct_u64 g);
int on_fatal_error(ct_u64 g, ct_u64 text, ct_u64 len, ct_u64 stack, ct_u64 frame);

/* poll.bpf.c: operations that find nothing to wait for */
int on_poll(ct_u64 g, ct_u64 chan, ct_u64 kind, ct_u64 stack, ct_u64 frame);
int on_recv(ct_u64 g, ct_u64 chan, ct_u64 stack, ct_u64 frame);
/* `counts`: sends, and receives << 16 */
int on_select(ct_u64 g, ct_u64 cases, ct_u64 counts, ct_u64 stack, ct_u64 frame);

/* waitgroup.bpf.c */
int on_waitgroup_add(ct_u64 g, ct_u64 group, ct_u64 stack, ct_u64 frame);
int on_waitgroup_wait(ct_u64 g, ct_u64 group, ct_u64 stack, ct_u64 frame);

/* gc.bpf.c */
int on_gc_start(ct_u64 g, ct_u64 stack, ct_u64 frame);
int on_gc_end(void);
int on_world_stop(void);
int on_world_start(void);
int on_assist_begin(ct_u64 g0);
int on_assist_end(ct_u64 g0, ct_u64 g);

/* place.bpf.c: what is counted by place. `kind` is enum ct_tally_kind, `value` as it says */
int on_place(ct_u64 g, ct_u64 kind, ct_u64 value, ct_u64 stack, ct_u64 frame);
/* the same inside a function, whose frame pointer `frame` is */
int on_place_inside(ct_u64 g, ct_u64 kind, ct_u64 frame);
int on_cancel(ct_u64 g, ct_u64 context, ct_u64 stack, ct_u64 frame);

/* timer.bpf.c */
int on_sleep(ct_u64 g, ct_u64 ns, ct_u64 stack, ct_u64 frame);
int on_ticker(ct_u64 g, ct_u64 timer, ct_u64 period, ct_u64 frame);
int on_timer_start(ct_u64 g, ct_u64 timer, ct_u64 stack, ct_u64 frame);
int on_timer_stop(ct_u64 timer);

#endif
