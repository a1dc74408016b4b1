// SPDX-License-Identifier: GPL-2.0-only
/*
 * Contended locks. An uncontended Lock or Unlock is inlined and never gets here.
 * The wait itself is timed by park and ready; here is only which semaphore it is for, and who
 * lets go of one.
 */
#include "task.h"

static __always_inline int enter_queue(ct_u64 g, ct_u64 sema)
{
	struct ct_task *task = task_of(g);

	count(CT_N_HITS);
	if (task)
		task->pending_sema = sema;
	return 0;
}

/* semacquire1 calls root.queue(addr, s, lifo) and parks next. */
SEC("uprobe.multi")
int lock_wait(struct pt_regs *ctx)
{
	return enter_queue(GO_G(ctx), GO_ARG2(ctx));
}

/* sync.runtime_notifyListWait(l, t): a Cond's list stands for its semaphore. */
SEC("uprobe.multi")
int cond_wait(struct pt_regs *ctx)
{
	if (is_stack_growth(ctx))
		return 0;
	return enter_queue(GO_G(ctx), GO_ARG1(ctx));
}

/* runtime.semrelease1(addr, handoff, skipframes), on the releasing goroutine. */
SEC("uprobe.multi")
int lock_release(struct pt_regs *ctx)
{
	ct_u64 pcs[CT_STACK_DEPTH] = {};
	struct ct_object_key key = { .addr = GO_ARG1(ctx), .kind = CT_OBJ_SEMA };
	struct ct_release fresh = {}, *release;

	count(CT_N_HITS);
	if (is_stack_growth(ctx))
		return 0;
	pcs[0] = read_word(ctx->rsp);
	walk_frames(GO_FRAME(ctx), pcs, 1, CT_WAKER_DEPTH);
	key.site = site_of(pcs, CT_RELEASE_REASON);
	release = get_or_create(&releases, &key, &fresh, CT_LOST_OBJECT);
	if (!release)
		return 0;
	__sync_fetch_and_add(&release->count, 1);
	release->last_ns = bpf_ktime_get_ns();
	release->last_goid = g_goid(GO_G(ctx));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
