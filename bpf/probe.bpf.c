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
#define GO_STACK(ctx) ((ct_u64)(ctx)->rsp)
#define GO_FRAME(ctx) ((ct_u64)(ctx)->rbp)
#define STACK_CHECK_FAILS(ctx) ((ctx)->eflags & 0x41) /* jbe: CF or ZF */
#else
#error "this architecture has no probe program yet"
#endif

#define G_RUNNABLE 1
#define G_WAITING 4

static __always_inline void limit_reached(void)
{
	ct_u32 nothing = 0;

	window.limit_ns = bpf_ktime_get_ns();
	window.open = 0;
	bpf_ringbuf_output(&alarm, &nothing, sizeof(nothing), BPF_RB_FORCE_WAKEUP);
}

/* Counts the hit; whether a window is open for it. */
static __always_inline int is_recorded(void)
{
	ct_u32 only = 0;
	struct ct_counters *all = bpf_map_lookup_elem(&counters, &only);
	ct_u64 before;

	if (!all)
		return 0;
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

/* casgstatus(gp, old, new) */
static __always_inline int is_wakeup(struct pt_regs *ctx)
{
	return (ct_u32)GO_ARG2(ctx) == G_WAITING && (ct_u32)GO_ARG3(ctx) == G_RUNNABLE;
}

SEC("uprobe.multi")
int probe(struct pt_regs *ctx)
{
	ct_u64 cookie = bpf_get_attach_cookie(ctx);

	if (!is_recorded())
		return 0;
	/* morestack grows the stack and starts the function again: this hit is not the call */
	if ((cookie & CT_COOKIE_STACK_CHECK) && STACK_CHECK_FAILS(ctx))
		return 0;
	switch (cookie & CT_COOKIE_HANDLER) {
	case CT_ON_PARK: /* gopark(unlockf, lock, reason, traceReason, traceskip) */
		return on_park(GO_G(ctx), GO_ARG2(ctx), GO_ARG3(ctx), GO_STACK(ctx), GO_FRAME(ctx));
	case CT_ON_READY: /* ready(gp, traceskip, next), on g0 by way of systemstack */
		return on_ready(GO_ARG1(ctx), GO_G(ctx));
	case CT_ON_READY_SCHEDULER: /* casgstatus by the scheduler: network and GC wake-ups */
		return is_wakeup(ctx) ? on_ready(GO_ARG1(ctx), 0) : 0;
	case CT_ON_PARK_ABORTED: /* casgstatus by park_m: the event was there already */
		return is_wakeup(ctx) ? on_park_aborted(GO_ARG1(ctx)) : 0;
	case CT_ON_SPAWN: /* newproc.func1 calls runqput(pp, newg, true): newg is complete */
		return on_spawn(GO_ARG2(ctx));
	case CT_ON_EXIT: /* gdestroy(gp) and its forerunner goexit0(gp) */
		return on_exit(GO_ARG1(ctx));
	case CT_ON_LOCK_WAIT: /* semacquire1 calls root.queue(addr, s, lifo) and parks next */
		return on_lock_wait(GO_G(ctx), GO_ARG2(ctx));
	case CT_ON_COND_WAIT: /* sync.runtime_notifyListWait(l, t) */
		return on_lock_wait(GO_G(ctx), GO_ARG1(ctx));
	case CT_ON_LOCK_RELEASE: /* semrelease1(addr, handoff, skipframes), on the releasing one */
		return on_lock_release(GO_G(ctx), GO_ARG1(ctx), GO_ARG2(ctx), GO_STACK(ctx),
				       GO_FRAME(ctx));
	case CT_ON_CHAN_SEND: /* chansend(c, ep, block, callerpc) */
		return on_chan_send(GO_ARG1(ctx), GO_ARG3(ctx));
	case CT_ON_CHAN_RECV: /* chanrecv(c, ep, block) */
		return on_chan_recv(GO_ARG1(ctx), GO_ARG3(ctx));
	case CT_ON_CHAN_CLOSE: /* closechan(c) */
		return on_chan_close(GO_ARG1(ctx));
	}
	return 0;
}

/* For measuring what a hit costs apart from what is done there. */
SEC("uprobe.multi")
int nothing(void *ctx)
{
	(void)ctx;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
