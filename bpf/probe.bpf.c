// SPDX-License-Identifier: GPL-2.0-only
/*
 * The one program on all probes: it counts the hit, and hands the arguments to the handler that
 * the probe's cookie names.
 *
 * One program and not one a handler, because a multi-uprobe link has one program, and a link takes
 * a grace period of the kernel to go away (tens of ms), in which the links after it still cost.
 * With a single one all probes come and go together.
 *
 * Arguments are in registers as Go's ABIInternal has them (cmd/compile/abi-internal.md).
 */
#include <asm/ptrace.h>

#include "handlers.h"
#include "maps.h"

#if defined(__TARGET_ARCH_x86)
#define GO_G(ctx) ((ct_u64)(ctx)->r14)
#define GO_ARG1(ctx) ((ct_u64)(ctx)->rax)
#define GO_ARG2(ctx) ((ct_u64)(ctx)->rbx)
#define GO_ARG3(ctx) ((ct_u64)(ctx)->rcx)
#define GO_ARG4(ctx) ((ct_u64)(ctx)->rdi)
#define GO_ARG5(ctx) ((ct_u64)(ctx)->rsi)
#define GO_ARG6(ctx) ((ct_u64)(ctx)->r8)
#define GO_STACK(ctx) ((ct_u64)(ctx)->rsp)
#define GO_FRAME(ctx) ((ct_u64)(ctx)->rbp)
#define STACK_CHECK_FAILS(ctx) ((ctx)->eflags & 0x41) /* jbe: CF or ZF */
#else
#error "this architecture has no probe program yet"
#endif

#define G_RUNNABLE 1
#define G_WAITING 4

/*
 * Linux 6.13 and later give a program of this type a stack for each CPU and not for each thread
 * (kernel/bpf/verifier.c, bpf_enable_priv_stack), and count on the guard against nesting of kprobes.
 * Uprobes have none (kernel/trace/trace_uprobe.c, bpf_prog_run_array_uprobe): on a kernel that
 * preempts, the hit of another thread would write over what this one keeps on its stack. Programs
 * with a tail call are left on the thread's own stack (check_max_stack_depth), also when it is never
 * made: the kernel removes it as dead code.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, ct_u32);
	__type(value, ct_u32);
} no_programs SEC(".maps");

const volatile ct_u32 make_tail_call = 0;

static __always_inline void stay_on_own_stack(void *ctx)
{
	if (make_tail_call)
		bpf_tail_call(ctx, &no_programs, 0);
}

static __always_inline void limit_reached(void)
{
	ct_u32 nothing = 0;

	window.limit_ns = bpf_ktime_get_ns();
	window.open = 0;
	bpf_ringbuf_output(&alarm, &nothing, sizeof(nothing), BPF_RB_FORCE_WAKEUP);
}

/* Counts the hit; whether it is of a probe that knows no windows, or a window is open for it. */
static __always_inline int is_recorded(ct_u64 cookie)
{
	enum ct_pace pace = cookie >> CT_COOKIE_PACE_SHIFT & 3;
	ct_u32 only = 0;
	struct ct_counters *all = bpf_map_lookup_elem(&counters, &only);
	ct_u64 before;

	if (!all)
		return 0;
	if (pace != CT_PACE_WINDOWS) {
		__sync_fetch_and_add(&all->n[pace == CT_PACE_RARE ? CT_N_RARE : CT_N_LIVELY], 1);
		return 1;
	}
	before = __sync_fetch_and_add(&all->n[CT_N_HITS], 1);
	if (!window.open) {
		__sync_fetch_and_add(&all->n[CT_N_CLOSED], 1);
		return 0;
	}
	if (before % CT_HIT_BATCH == CT_HIT_BATCH - 1 &&
	    __sync_fetch_and_add(&window.batches, 1) + 1 >= window.max_batches &&
	    window.max_batches)
		limit_reached();
	return 1;
}

#define G_RUNNING 2

/*
 * The kernel checks a program for as long as there are paths in it. What no probe of the session asks
 * for is known when it is loaded, and is not looked at.
 */
static __always_inline int is_planned(enum ct_handler handler)
{
	return config.handlers >> handler & 1;
}

/* casgstatus(gp, old, new) */
static __always_inline int goes_on(struct pt_regs *ctx)
{
	return (ct_u32)GO_ARG2(ctx) == G_WAITING && (ct_u32)GO_ARG3(ctx) == G_RUNNING;
}

static __always_inline int is_wakeup(struct pt_regs *ctx)
{
	return (ct_u32)GO_ARG2(ctx) == G_WAITING && (ct_u32)GO_ARG3(ctx) == G_RUNNABLE;
}

static __always_inline int place(struct pt_regs *ctx, enum ct_tally_kind kind)
{
	return on_place(GO_G(ctx), kind, GO_ARG1(ctx), GO_STACK(ctx), GO_FRAME(ctx));
}

/* runtime.selectgo's nsends, nrecvs and block, as on_select takes them */
static __always_inline ct_u64 select_counts(struct pt_regs *ctx)
{
	ct_u64 sends = GO_ARG4(ctx), recvs = GO_ARG5(ctx);

	if (sends > 0x7fff)
		sends = 0x7fff;
	if (recvs > 0xffff)
		recvs = 0xffff;
	return sends | (GO_ARG6(ctx) & 1) << 15 | recvs << 16;
}

/* Everything but waits, spawns and exits. */
static __always_inline int more(struct pt_regs *ctx, enum ct_handler handler)
{
	switch (handler) {
	case CT_ON_PANIC: /* gopanic(e any) */
		return on_panic(GO_G(ctx), GO_ARG1(ctx), GO_ARG2(ctx), GO_STACK(ctx),
				GO_FRAME(ctx));
	case CT_ON_RECOVERY: /* recovery(gp), on g0 by way of mcall */
		return on_recovery(GO_ARG1(ctx));
	case CT_ON_FATAL_PANIC: /* fatalpanic(msgs) */
		return on_fatal_panic(GO_G(ctx));
	case CT_ON_FATAL_ERROR: /* throw(s), fatal(s) */
		return on_fatal_error(GO_G(ctx), GO_ARG1(ctx), GO_ARG2(ctx), GO_STACK(ctx),
				      GO_FRAME(ctx));
	case CT_ON_POLL_RECV: /* selectnbrecv(elem, c) */
		return on_poll(GO_G(ctx), GO_ARG2(ctx), CT_TALLY_POLL_RECV, GO_STACK(ctx),
			       GO_FRAME(ctx));
	case CT_ON_POLL_SEND: /* selectnbsend(c, elem) */
		return on_poll(GO_G(ctx), GO_ARG1(ctx), CT_TALLY_POLL_SEND, GO_STACK(ctx),
			       GO_FRAME(ctx));
	case CT_ON_POLL_SELECT: /* selectgo(cas0, order0, pc0, nsends, nrecvs, block) */
		return on_select(GO_G(ctx), GO_ARG1(ctx), select_counts(ctx), GO_STACK(ctx),
				 GO_FRAME(ctx));
	case CT_ON_RECV: /* chanrecv(c, ep, block); selectnbrecv tells of what does not block */
		if (!(GO_ARG3(ctx) & 1))
			return 0;
		return on_recv(GO_G(ctx), GO_ARG1(ctx), GO_STACK(ctx), GO_FRAME(ctx));
	case CT_ON_GC_START: /* gcBgMarkStartWorkers() */
		return on_gc_start(GO_G(ctx), GO_STACK(ctx), GO_FRAME(ctx));
	case CT_ON_GC_END: /* gcMarkTermination() */
		return on_gc_end();
	case CT_ON_WORLD_STOP: /* stopTheWorldWithSema() */
		return on_world_stop();
	case CT_ON_WORLD_START: /* startTheWorldWithSema() */
		return on_world_start();
	case CT_ON_ASSIST_BEGIN: /* gcAssistAlloc1 calls gcDrainN, on g0 */
		return on_assist_begin(GO_G(ctx));
	case CT_ON_ASSIST_END: /* and when it returns casgstatus(gp, _Gwaiting, _Grunning) */
		return goes_on(ctx) ? on_assist_end(GO_G(ctx), GO_ARG1(ctx)) : 0;
	case CT_ON_CANCEL: /* context.(*cancelCtx).cancel(c, removeFromParent, err, cause) */
		return on_cancel(GO_G(ctx), GO_ARG1(ctx), GO_STACK(ctx), GO_FRAME(ctx));
	case CT_ON_POOL_GET: /* sync.(*Pool).Get(p) */
		return place(ctx, CT_TALLY_POOL_GET);
	case CT_ON_POOL_SLOW: /* sync.(*Pool).getSlow(p, pid) */
		return place(ctx, CT_TALLY_POOL_SLOW);
	case CT_ON_POOL_NEW: /* in sync.(*Pool).Get, whose frame pointer is set */
		return on_place_inside(GO_G(ctx), CT_TALLY_POOL_NEW, GO_FRAME(ctx));
	case CT_ON_POOL_PUT: /* sync.(*Pool).Put(p, x) */
		return place(ctx, CT_TALLY_POOL_PUT);
	case CT_ON_POOL_PIN: /* sync.(*Pool).pinSlow(p) */
		return place(ctx, CT_TALLY_POOL_PIN);
	case CT_ON_MAP_MISS: /* sync.(*Map).missLocked(m) */
		return place(ctx, CT_TALLY_MAP_MISS);
	case CT_ON_MAP_DIRTY: /* sync.(*Map).dirtyLocked(m) */
		return place(ctx, CT_TALLY_MAP_DIRTY);
	case CT_ON_MAP_WRITE: /* sync.(*Map).Store and the like, the same of HashTrieMap */
		return place(ctx, CT_TALLY_MAP_WRITE);
	case CT_ON_VALUE_STORE: /* sync/atomic.(*Value).Store and the like */
		return place(ctx, CT_TALLY_VALUE_STORE);
	case CT_ON_SLEEP: /* time.Sleep(ns) */
		return on_sleep(GO_G(ctx), GO_ARG1(ctx), GO_STACK(ctx), GO_FRAME(ctx));
	case CT_ON_TIMER_START: /* time.newTimer calls (*timer).modify(t, when, period, ...) */
		return on_ticker(GO_G(ctx), GO_ARG1(ctx), GO_ARG3(ctx), GO_FRAME(ctx));
	case CT_ON_TIMER_START_OLD: /* time.startTimer(t) */
		return on_timer_start(GO_G(ctx), GO_ARG1(ctx), GO_STACK(ctx), GO_FRAME(ctx));
	case CT_ON_SPIN: /* in runtime_doSpin, whose frame pointer is set */
		return on_place_inside(GO_G(ctx), CT_TALLY_SPIN, GO_FRAME(ctx));
	case CT_ON_WAITGROUP_ADD: /* sync.(*WaitGroup).Add(wg, delta), which Done is, too */
		if ((long)GO_ARG2(ctx) <= 0)
			return 0;
		return on_waitgroup_add(GO_G(ctx), GO_ARG1(ctx), GO_STACK(ctx), GO_FRAME(ctx));
	case CT_ON_WAITGROUP_WAIT: /* sync.(*WaitGroup).Wait(wg) */
		return on_waitgroup_wait(GO_G(ctx), GO_ARG1(ctx), GO_STACK(ctx), GO_FRAME(ctx));
	case CT_ON_TIMER_STOP: /* time.stopTimer(t) */
		return on_timer_stop(GO_ARG1(ctx) + config.timer_in_handle);
	default:
		return 0;
	}
}

SEC("uprobe.multi")
int probe(struct pt_regs *ctx)
{
	ct_u64 cookie = bpf_get_attach_cookie(ctx);

	stay_on_own_stack(ctx);
	if (!is_recorded(cookie))
		return 0;
	/* morestack grows the stack and starts the function again: this hit is not the call */
	if ((cookie & CT_COOKIE_STACK_CHECK) && STACK_CHECK_FAILS(ctx))
		return 0;
	switch (cookie & CT_COOKIE_HANDLER) {
	case CT_ON_PARK: /* gopark(unlockf, lock, reason, traceReason, traceskip) */
		if (on_park(GO_G(ctx), GO_ARG2(ctx), GO_ARG3(ctx), GO_STACK(ctx), GO_FRAME(ctx)) &&
		    config.turns)
			on_turn_wait(GO_G(ctx));
		return 0;
	case CT_ON_READY: /* ready(gp, traceskip, next), on g0 by way of systemstack */
		if (on_ready(GO_ARG1(ctx), GO_G(ctx)) && config.turns)
			on_turn_begin(GO_ARG1(ctx));
		return 0;
	case CT_ON_READY_SCHEDULER: /* casgstatus by the scheduler: network and GC wake-ups */
		return is_wakeup(ctx) ? on_ready(GO_ARG1(ctx), 0) : 0;
	case CT_ON_PARK_ABORTED: /* casgstatus by park_m: the event was there already */
		return is_wakeup(ctx) ? on_park_aborted(GO_ARG1(ctx)) : 0;
	case CT_ON_SPAWN: /* newproc.func1 calls runqput(pp, newg, true): newg is complete */
		return on_spawn(GO_ARG2(ctx), GO_G(ctx));
	case CT_ON_EXIT: /* gdestroy(gp) and its forerunner goexit0(gp) */
		return on_exit(GO_ARG1(ctx));
	case CT_ON_LOCK_WAIT: /* semacquire1(addr, ...) */
		return on_lock_wait(GO_G(ctx), GO_ARG1(ctx));
	case CT_ON_LOCK_RELEASE: /* semrelease1(addr, handoff, skipframes), on the releasing one */
		if (!is_planned(CT_ON_LOCK_RELEASE))
			return 0;
		if (config.turns)
			on_turn_end(GO_G(ctx), GO_ARG1(ctx), GO_ARG2(ctx));
		return on_lock_release(GO_G(ctx), GO_ARG1(ctx), GO_ARG2(ctx), GO_STACK(ctx),
				       GO_FRAME(ctx));
	case CT_ON_CHAN_SEND: /* chansend(c, ep, block, callerpc) */
		return !is_planned(CT_ON_CHAN_SEND) ? 0 : on_chan_send(GO_ARG1(ctx), GO_ARG3(ctx));
	case CT_ON_CHAN_RECV: /* chanrecv(c, ep, block) */
		return !is_planned(CT_ON_CHAN_RECV) ? 0 : on_chan_recv(GO_ARG1(ctx), GO_ARG3(ctx));
	case CT_ON_CHAN_CLOSE: /* closechan(c) */
		return !is_planned(CT_ON_CHAN_CLOSE) ? 0 : on_chan_close(GO_ARG1(ctx));
	default:
		if (!(config.handlers >> CT_ON_CHAN_CLOSE >> 1))
			return 0;
		return more(ctx, cookie & CT_COOKIE_HANDLER);
	}
}

/* For measuring what a hit costs apart from what is done there. */
SEC("uprobe.multi")
int nothing(void *ctx)
{
	(void)ctx;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
