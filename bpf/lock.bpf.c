// SPDX-License-Identifier: GPL-2.0-only
/*
 * Contended locks. An uncontended Lock or Unlock is inlined and never gets here.
 * The wait itself is timed by park and ready; here is only which semaphore it is for, and who
 * lets go of one.
 */
#include "handlers.h"
#include "task.h"
#include "timeline.h"

#define WORDS 14 /* of the stack read at once */

int on_lock_wait(ct_u64 g, ct_u64 sema)
{
	struct ct_task *task = task_of(g);

	if (task)
		task->pending_sema = sema;
	return 0;
}

int on_lock_release(ct_u64 g, ct_u64 sema, ct_u64 handoff, ct_u64 stack, ct_u64 frame)
{
	struct ct_object_key key = { .addr = sema, .kind = CT_OBJ_SEMA };
	struct ct_release fresh = {}, *release;
	ct_u64 pcs[CT_STACK_DEPTH] = {}, words[WORDS];

	walk_from_entry(stack, frame, pcs, CT_WAKER_DEPTH, words, WORDS);
	key.site = site_of(pcs, CT_RELEASE_REASON);
	release = get_or_create(&releases, &key, &fresh, CT_LOST_OBJECT);
	if (!release)
		return 0;
	add_weighted(&release->count, 1);
	release->last_ns = bpf_ktime_get_ns();
	release->last_goid = g_goid(g);
	TIMELINE(.type = CT_EVENT_RELEASE, .ns = release->last_ns, .wait_ns = handoff & 1,
		 .goid = release->last_goid, .object = sema, .site = key.site, .kind = CT_OBJ_SEMA);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
