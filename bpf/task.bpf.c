// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of goroutines: spawn, park, ready, exit.
 *
 * A wait is the time from gopark's entry to the moment another goroutine or the scheduler makes
 * the goroutine runnable again, as in Go's own block profile; the time in the run queue that
 * follows is not part of it. Everything about a wait is added up here, in place, when it ends.
 *
 * What happens while no window is open is not seen. A goroutine whose record is of an earlier
 * window may have done anything since; it may even be another one in the same g.
 */
#include "handlers.h"
#include "task.h"
#include "timeline.h"

#define ORIGIN_WORDS 24

/*
 * goid, parentGoid and gopc lie near each other (runtime/runtime2.go; the latter two are neighbours from
 * Go 1.21 on): one read of all is faster than one of each.
 */
static __always_inline void read_origin(ct_u64 newg, struct ct_task *task)
{
	ct_u32 gopc = (config.g_gopc - config.g_goid) / sizeof(ct_u64);
	ct_u64 words[ORIGIN_WORDS];

	if (!gopc || gopc >= ORIGIN_WORDS) {
		task->goid = g_goid(newg);
		task->gopc = read_word(newg + config.g_gopc);
		if (config.g_parentgoid != CT_NO_FIELD)
			task->parent_goid = read_word(newg + config.g_parentgoid);
		return;
	}
	if (bpf_probe_read_user(words, sizeof(words), (void *)(newg + config.g_goid))) {
		count(CT_LOST_READ);
		return;
	}
	task->goid = words[0];
	task->gopc = words[gopc];
	if (config.g_gopc == config.g_parentgoid + sizeof(words[0]))
		task->parent_goid = words[gopc - 1];
	else if (config.g_parentgoid != CT_NO_FIELD)
		task->parent_goid = read_word(newg + config.g_parentgoid);
}

static __always_inline void count_spawn(ct_u64 newg, ct_u64 gopc)
{
	struct ct_spawn *spawn;

	spawn = get_or_create(&spawns, &gopc, &zeros, CT_LOST_SPAWN);
	if (!spawn)
		return;
	add_weighted(&spawn->spawned, 1);
	if (!spawn->start_pc)
		spawn->start_pc = read_word(newg + config.g_startpc);
}

/* Who starts it, of versions that do not keep it, for those who ask; 0: unknown. */
static __always_inline ct_u64 parent_of_spawn(ct_u64 g0)
{
	ct_u64 g = 0;

	if (config.handlers >> CT_ON_WAITGROUP_ADD & 1)
		g = g0_user_g(g0);
	return g ? g_goid(g) : 0;
}

int on_spawn(ct_u64 newg, ct_u64 g0)
{
	struct ct_task task = { .state = CT_TASK_ACTIVE, .generation = window.generation }, *old;

	count_event(CT_N_SPAWN);
	task.since_ns = task.spawned_ns = bpf_ktime_get_ns();
	read_origin(newg, &task);
	if (config.g_parentgoid == CT_NO_FIELD)
		task.parent_goid = parent_of_spawn(g0);
	count_spawn(newg, task.gopc);
	if (task.goid > window.newest_goid) /* not atomic: off by what spawns at the same moment */
		window.newest_goid = task.goid;
	old = bpf_map_lookup_elem(&tasks, &newg);
	if (old)
		*old = task;
	else if (create(&tasks, &newg, &task, BPF_ANY))
		count(CT_LOST_TASK);
	TIMELINE(.type = CT_EVENT_SPAWN, .ns = task.since_ns, .goid = task.goid,
		 .other = task.parent_goid, .object = task.gopc);
	return 0;
}

/* The record stays, as the g does: to be used again. So there are no more than ever were at once. */
int on_exit(ct_u64 g)
{
	struct ct_spawn *spawn;
	struct ct_task *task = bpf_map_lookup_elem(&tasks, &g);
	ct_u64 gopc = task && task->generation == window.generation ? task->gopc : 0;

	count_event(CT_N_EXIT);
	if (!gopc)
		gopc = read_word(g + config.g_gopc);
	spawn = get_or_create(&spawns, &gopc, &zeros, CT_LOST_SPAWN);
	if (spawn)
		add_weighted(&spawn->exited, 1);
	if (task)
		task->state = CT_TASK_DEAD;
	TIMELINE(.type = CT_EVENT_EXIT, .ns = bpf_ktime_get_ns(), .goid = g_goid(g),
		 .object = gopc);
	return 0;
}

/* The waiting of all up to now. NULL: no room. */
static __always_inline struct ct_queue *roll_queue(ct_u64 sema, ct_u64 now)
{
	struct ct_queue fresh = { .since_ns = now, .generation = window.generation }, *queue;
	ct_u64 waiting;

	queue = get_or_create(&queues, &sema, &fresh, CT_LOST_OBJECT);
	if (!queue)
		return 0;
	if (queue->generation != window.generation) {
		*queue = fresh;
		return queue;
	}
	waiting = queue->waiting;
	if (waiting && config.charge == CT_CHARGE_FIRST)
		waiting = 1;
	if (now > queue->since_ns)
		__sync_fetch_and_add(&queue->ns, (now - queue->since_ns) * waiting);
	queue->since_ns = now;
	return queue;
}

static __always_inline void join_queue(ct_u64 sema, ct_u64 now)
{
	struct ct_queue *queue = roll_queue(sema, now);

	if (queue)
		__sync_fetch_and_add(&queue->waiting, 1);
}

/* What the waker is charged with, as in Go's own mutex profile (runtime/sema.go, semrelease1). */
static __always_inline ct_u64 leave_queue(ct_u64 sema, ct_u64 now)
{
	struct ct_queue *queue = roll_queue(sema, now);
	ct_u64 ns;

	if (!queue)
		return 0;
	ns = __sync_lock_test_and_set(&queue->ns, 0);
	if (queue->waiting)
		__sync_fetch_and_sub(&queue->waiting, 1);
	return ns;
}

/*
 * notifyListWait parks with the lock of the list for an argument (runtime/sema.go); before it are two
 * 32-bit words, in every version.
 */
#define NOTIFY_LIST_LOCK 8

#define WORDS 32 /* of the stack read at once */

int on_park(ct_u64 g, ct_u64 lock, ct_u64 why, ct_u64 stack, ct_u64 frame)
{
	ct_u64 pcs[CT_STACK_DEPTH] = {}, words[WORDS], object = 0, hash;
	struct ct_task *task;
	ct_u8 reason = why, kind;
	struct ct_site *site;
	ct_u32 index;

	if (config.only_goid && g_goid(g) != config.only_goid)
		return 0;
	task = task_of(g);
	count_event(CT_N_PARK);
	if (!task)
		return 0;
	if (task->state == CT_TASK_WAITING)
		count(CT_LOST_ORDER);
	walk_from_entry(stack, frame, pcs, CT_STACK_DEPTH, words, WORDS);
	hash = hash_pcs(pcs);
	index = task->site;
	if (!index || task->stack_hash != hash || task->reason != reason) {
		index = site_of_hash(pcs, hash, reason);
		task->stack_hash = hash;
	}
	site = counts_of_site(index);
	if (site)
		add_weighted(&site->parks, 1);

	kind = config.reason_kind[reason & (CT_REASONS - 1)];
	if (kind == CT_OBJ_CHAN)
		object = lock - config.hchan_lock; /* chanparkcommit's argument is &c.lock */
	else if (kind == CT_OBJ_SEMA)
		object = task->pending_sema;
	else if (kind == CT_OBJ_COND) {
		object = lock - NOTIFY_LIST_LOCK;
		kind = CT_OBJ_SEMA;
	}
	task->object = object;
	task->object_kind = kind;
	task->op = config.reason_op[reason & (CT_REASONS - 1)];
	task->reason = reason;
	task->site = index;
	task->since_ns = bpf_ktime_get_ns();
	task->state = CT_TASK_WAITING;
	if (config.charge && kind == CT_OBJ_SEMA && object)
		join_queue(object, task->since_ns);
	return kind == CT_OBJ_SEMA && object;
}

static __always_inline void add_to_site(struct ct_site *site, ct_u64 waited, ct_u32 slot)
{
	add_weighted(&site->waits, 1);
	add_time(&site->wait_ns_total, waited);
	raise_to(&site->wait_ns_max, waited);
	add_weighted(&site->hist[slot], 1);
}

/* The object's address; 0: none. */
static __always_inline ct_u64 add_to_object(const struct ct_task *task, ct_u64 g, ct_u64 waited,
					    ct_u32 slot, ct_u64 now, ct_u64 waker_goid)
{
	struct ct_object_key key = {
		.addr = task->object,
		.site = task->site,
		.kind = task->object_kind,
		.op = task->op,
		.stripe = own_stripe(),
	};
	struct ct_object *object;

	_Static_assert(sizeof(*object) <= sizeof(zeros), "too few zeros");
	if (key.kind == CT_OBJ_SELECT) {
		/* the waker left the sudog of the case that fired in gp.param */
		ct_u64 sudog = read_word(g + config.g_param);

		key.addr = sudog ? read_word(sudog + config.sudog_c) : 0;
		key.kind = CT_OBJ_CHAN;
	}
	if (!key.addr || key.kind == CT_OBJ_NONE)
		return 0;
	object = get_or_create(&objects, &key, &zeros, CT_LOST_OBJECT);
	if (!object)
		return key.addr;
	add_weighted(&object->waits, 1);
	add_time(&object->wait_ns_total, waited);
	raise_to(&object->wait_ns_max, waited);
	add_weighted(&object->hist[slot], 1);
	object->last_ns = now;
	object->last_waker_goid = waker_goid;
	object->last_woken_goid = task->goid;
	return key.addr;
}

static __always_inline void add_wake(const struct ct_task *woken, ct_u64 waker_g, ct_u64 waker_goid,
				     ct_u64 waited, ct_u64 now)
{
	struct ct_wake_key key = { .site = woken->site };
	struct ct_wake *wake;

	if (waker_g) {
		ct_u64 pcs[CT_STACK_DEPTH] = {};
		/* the waker called into the scheduler: its registers rest in g.sched */
		ct_u64 frame = read_word(waker_g + config.g_sched_bp);

		if (config.charge)
			walk_frames(frame, pcs, 0, CT_STACK_DEPTH);
		else
			walk_frames(frame, pcs, 0, CT_WAKER_DEPTH);
		key.waker = site_of(pcs, CT_WAKER_REASON);
	}
	wake = get_or_create(&wakes, &key, &zeros, CT_LOST_WAKE);
	if (!wake)
		return;
	add_weighted(&wake->count, 1);
	add_time(&wake->wait_ns_total, waited);
	if (config.charge && woken->object_kind == CT_OBJ_SEMA && woken->object)
		add_time(&wake->charged_ns, leave_queue(woken->object, now));
	wake->last_waker_goid = waker_goid;
	wake->last_woken_goid = woken->goid;
}

int on_ready(ct_u64 g, ct_u64 g0)
{
	ct_u64 now, waited, waker_g = 0, waker_goid = 0, object = 0;
	struct ct_task *task;
	struct ct_site *site;
	ct_u32 slot, index;

	if (config.only_goid && g_goid(g) != config.only_goid)
		return 0;
	task = task_of(g);
	count_event(CT_N_READY);
	if (!task)
		return 0;
	if (task->state != CT_TASK_WAITING) {
		count(CT_N_UNMATCHED);
		return 0;
	}
	now = bpf_ktime_get_ns();
	waited = now - task->since_ns;
	slot = hist_slot(waited);
	/* three reads of the target's memory, which take longer than all the rest */
	if (waited >= config.waker_stack_min_ns || config.timeline) {
		waker_g = g0 ? g0_user_g(g0) : 0;
		waker_goid = waker_g ? g_goid(waker_g) : 0;
	}
	index = task->site;
	site = counts_of_site(index);
	if (site)
		add_to_site(site, waited, slot);
	if (task->object_kind != CT_OBJ_NONE)
		object = add_to_object(task, g, waited, slot, now, waker_goid);
	if (waited >= config.waker_stack_min_ns)
		add_wake(task, waker_g, waker_goid, waited, now);
	task->waits += window.weight;
	task->wait_ns_total += waited * window.time_weight;
	raise_to(&task->wait_ns_max, waited);
	task->waker_goid = waker_goid;
	task->since_ns = now;
	task->state = CT_TASK_ACTIVE;
	TIMELINE(.type = CT_EVENT_WAIT, .ns = now, .wait_ns = waited, .goid = task->goid,
		 .other = waker_goid, .object = object, .site = index, .kind = task->object_kind,
		 .op = task->op);
	return task->object_kind == CT_OBJ_SEMA && object;
}

int on_park_aborted(ct_u64 g)
{
	struct ct_task *task = bpf_map_lookup_elem(&tasks, &g);
	struct ct_site *site;
	ct_u32 index;

	count_event(CT_N_ABORTED);
	if (!task || task->state != CT_TASK_WAITING || task->generation != window.generation)
		return 0;
	index = task->site;
	site = counts_of_site(index);
	if (site)
		add_weighted(&site->aborted, 1);
	task->state = CT_TASK_ACTIVE;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
