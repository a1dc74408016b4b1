// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The innermost frame that does anything with a lock decides whether its goroutine holds it, for that
 * frame goes on first. A goroutine that waits for a lock is about to get it: the unlock that belongs to
 * that is passed over, and only one more says that it holds the lock already.
 */
#include "collect/next_ops.h"

#include <errno.h>
#include <stdlib.h>

#include "collect/addr_map.h"
#include "collect/ahead.h"
#include "collect/behind.h"
#include "collect/pc_cache.h"
#include "collect/running.h"
#include "collect/stack_memory.h"
#include "target/memory.h"

#define GOROUTINES_AT_ONCE 1024
#define STACK_MAX (256U << 10) /* bytes of one stack, from its innermost frame on */
#define FRAMES_MAX 96
#define PAGES_MAX 4096
#define DECIDED_MAX 32
#define RUNNING_NS 40000000     /* how long to wait for a look at those that run */
#define SYNC_FRAMES_MAX 8       /* of the stack, in which the lock operation must be */
#define BEHIND_STEPS (1U << 22) /* instructions followed to find who waits for itself */
#define BEHIND_FRAMES_MAX 16
#define LOCK_SIZE_MAX 32 /* sync.RWMutex has 24 bytes */

/* A lock that the goroutine waits for: which unlock belongs to the operation. */
struct own_wait {
	uint64_t object;
	uint8_t unlock; /* enum next_what */
	bool is_lock;
};

struct decision {
	uint64_t object;
	uint8_t unlock;
	bool done;
	int pending;
};

struct finder {
	const struct target *target;
	struct code *code;
	struct snapshot *snapshot;
	struct addr_map watched;
	bool *wanted; /* by goroutine; NULL: all are */
	struct page_cache *pages;
	struct pc_cache *pcs;
	struct ahead *ahead;
	struct unwind_frame frames[FRAMES_MAX];
	uint64_t frame_pcs[FRAMES_MAX];
	struct decision decisions[DECIDED_MAX];
	size_t decision_count;
	ahead_ops ops;
	bool looks_behind; /* else ahead */
	uint32_t behind_steps;
};

static int watch(struct finder *finder, uint64_t addr)
{
	uint32_t *slot = addr_map_put(&finder->watched, addr);

	if (!slot)
		return -ENOMEM;
	*slot = 1;
	return 0;
}

/* A semaphore may be part of any of these; which one, the stacks of its waiters tell later. */
static int watch_semaphore(struct finder *finder, uint64_t semaphore)
{
	const struct layout *layout = &finder->target->layout;
	const uint32_t offsets[] = { layout->mutex_sema, layout->rwmutex_writersem,
				     layout->rwmutex_readersem, layout->waitgroup_sema };
	int status = 0;

	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]) && !status; i++)
		if (offsets[i] < semaphore)
			status = watch(finder, semaphore - offsets[i]);
	return status;
}

static bool is_wanted(const struct finder *finder, size_t goroutine)
{
	return !finder->wanted || finder->wanted[goroutine];
}

static int watch_waits_of(struct finder *finder, const struct goroutine *goroutine,
			  enum ahead_of of)
{
	uint32_t cond = finder->target->layout.cond_notify;
	int status = 0;

	if (goroutine->wait_kind == WAIT_SEMA && goroutine->wait_addr)
		status = watch_semaphore(finder, goroutine->wait_addr);
	else if (goroutine->wait_kind == WAIT_COND && cond < goroutine->wait_addr)
		status = watch(finder, goroutine->wait_addr - cond);
	else if (goroutine->wait_kind == WAIT_SELECT && goroutine->wait_addr)
		status = watch(finder, goroutine->wait_addr);
	for (uint32_t i = 0; of == AHEAD_OF_ALL && i < goroutine->case_count && !status; i++) {
		uint64_t chan = finder->snapshot->cases.data[goroutine->first_case + i].chan;

		if (chan)
			status = watch(finder, chan);
	}
	return status;
}

static int watch_all(struct finder *finder, enum ahead_of of)
{
	const struct snapshot *snapshot = finder->snapshot;
	int status = 0;

	for (size_t i = 0; i < snapshot->goroutines.len && !status; i++)
		if (is_wanted(finder, i))
			status = watch_waits_of(finder, &snapshot->goroutines.data[i], of);
	return status;
}

static bool is_watched(void *ctx, uint64_t object)
{
	const struct finder *finder = ctx;

	return object && addr_map_get(&finder->watched, object);
}

static size_t find_frames(struct finder *finder, const struct goroutine *goroutine,
			  const struct stack_bytes *stack)
{
	struct unwind unwind = { .target = finder->target,
				 .cache = finder->pcs,
				 .pc = stack->pc,
				 .sp = stack->lo,
				 .stack_hi = stack->lo + stack->len,
				 .in_syscall = goroutine->status == G_SYSCALL,
				 .window = stack->bytes,
				 .window_len = stack->len,
				 .spill = NULL,
				 .frames = finder->frames };
	bool cut;

	return unwind_stack(&unwind, finder->frame_pcs, FRAMES_MAX, &cut);
}

static bool has(const char *name, const char *part)
{
	return strstr(name, part) != NULL;
}

/* By the first function outside the semaphore's, as model/stack.c does. */
static void find_own_wait(struct finder *finder, const struct goroutine *goroutine, size_t count,
			  struct own_wait *wait)
{
	const struct layout *layout = &finder->target->layout;
	uint64_t semaphore = goroutine->wait_addr;
	struct pclntab_frame frames[16];
	bool in_mutex = false;

	*wait = (struct own_wait){ 0 };
	if (goroutine->wait_kind == WAIT_SELECT && semaphore)
		*wait = (struct own_wait){ .object = semaphore,
					   .unlock = NEXT_RELEASE,
					   .is_lock = true };
	if (goroutine->wait_kind != WAIT_SEMA || !semaphore)
		return;
	for (size_t i = 0; i < count && i < SYNC_FRAMES_MAX; i++) {
		size_t inlined = target_frames(finder->target, finder->frame_pcs[i], frames, 16);

		for (size_t j = 0; j < inlined; j++) {
			const char *name = frames[j].function;

			if (has(name, "sync.(*Mutex).")) {
				in_mutex = true;
			} else if (has(name, "sync.(*RWMutex).Lock")) {
				wait->object = semaphore - (in_mutex ? layout->mutex_sema :
								       layout->rwmutex_writersem);
				wait->unlock = NEXT_WRITE_UNLOCK;
				wait->is_lock = true;
				return;
			} else if (has(name, "sync.(*RWMutex).RLock")) {
				wait->object = semaphore - layout->rwmutex_readersem;
				wait->unlock = NEXT_READ_UNLOCK;
				wait->is_lock = true;
				return;
			} else if (in_mutex) {
				wait->object = semaphore - layout->mutex_sema;
				wait->unlock = NEXT_UNLOCK;
				wait->is_lock = true;
				return;
			}
		}
	}
}

static struct decision *decision_of(struct finder *finder, uint64_t object, enum next_what unlock,
				    const struct own_wait *wait)
{
	struct decision *decision;

	for (size_t i = 0; i < finder->decision_count; i++) {
		decision = &finder->decisions[i];
		if (decision->object == object && decision->unlock == unlock)
			return decision;
	}
	if (finder->decision_count == DECIDED_MAX)
		return NULL;
	decision = &finder->decisions[finder->decision_count++];
	*decision = (struct decision){ .object = object, .unlock = unlock };
	if (wait->is_lock && wait->object == object && wait->unlock == unlock)
		decision->pending = 1;
	return decision;
}

static int add(struct finder *finder, uint32_t goroutine, uint32_t frame, uint64_t object,
	       enum next_what what, bool certain)
{
	struct next_op *op = vec_push(&finder->snapshot->next_ops);

	if (!op)
		return -ENOMEM;
	*op = (struct next_op){ .object = object,
				.goroutine = goroutine,
				.frame = frame,
				.what = what,
				.certain = certain };
	return 0;
}

static int decide(struct finder *finder, uint32_t goroutine, uint32_t frame,
		  const struct ahead_op *op, const struct own_wait *wait)
{
	struct decision *decision = decision_of(finder, op->object, op->what, wait);
	bool passes_over = wait->is_lock && wait->object == op->object && wait->unlock != op->what;
	enum ahead_answer answer;

	if (!decision || decision->done)
		return 0;
	answer = ahead_decide(finder->ahead, &finder->frames[frame], op->what, op->object,
			      passes_over, &decision->pending);
	if (answer == AHEAD_NOTHING)
		return 0;
	decision->done = true;
	if (answer == AHEAD_HOLDS_NOT)
		return 0;
	return add(finder, goroutine, frame, op->object, op->what, answer == AHEAD_HOLDS);
}

/* A lock that comes first settles the matter for the frames below. */
static enum next_what unlock_of(enum next_what what)
{
	switch (what) {
	case NEXT_LOCK:
		return NEXT_UNLOCK;
	case NEXT_WRITE_LOCK:
		return NEXT_WRITE_UNLOCK;
	case NEXT_READ_LOCK:
		return NEXT_READ_UNLOCK;
	case NEXT_ACQUIRE:
		return NEXT_RELEASE;
	default:
		return what;
	}
}

static int take_op(struct finder *finder, uint32_t goroutine, uint32_t frame,
		   const struct ahead_op *op, const struct own_wait *wait)
{
	struct decision *decision;
	struct ahead_op unlock = *op;
	int pending = 0;
	bool certain = false;

	switch (op->what) {
	case NEXT_UNLOCK:
	case NEXT_LOCK:
		unlock.what = NEXT_UNLOCK;
		return decide(finder, goroutine, frame, &unlock, wait);
	case NEXT_WRITE_UNLOCK:
	case NEXT_READ_UNLOCK:
	case NEXT_WRITE_LOCK:
	case NEXT_READ_LOCK:
	case NEXT_RELEASE:
	case NEXT_ACQUIRE:
		unlock.what = unlock_of(op->what);
		return decide(finder, goroutine, frame, &unlock, wait);
	case NEXT_ADD:
		return 0;
	default:
		decision = decision_of(finder, op->object, op->what, wait);
		if (!decision || decision->done)
			return 0;
		decision->done = true;
		if (op->what == NEXT_DONE)
			certain = ahead_decide(finder->ahead, &finder->frames[frame], NEXT_DONE,
					       op->object, false, &pending) == AHEAD_HOLDS;
		return add(finder, goroutine, frame, op->object, op->what, certain);
	}
}

static int look_at_frame(struct finder *finder, uint32_t goroutine, uint32_t frame,
			 const struct own_wait *wait)
{
	struct code_function *function = code_at(finder->code, finder->frames[frame].pc);
	int status;

	/* the frames of the operation that the goroutine is in: what it waits for is known */
	if (!function || function->effect != CODE_PLAIN ||
	    !code_is_busy(finder->code, function, AHEAD_DEPTH - 1))
		return 0;
	finder->ops.len = 0;
	status = ahead_list(finder->ahead, &finder->frames[frame], &finder->ops);
	for (size_t i = 0; i < finder->ops.len && !status; i++)
		status = take_op(finder, goroutine, frame, &finder->ops.data[i], wait);
	return status;
}

static enum next_what held_as(enum behind_answer answer)
{
	if (answer == BEHIND_HOLDS)
		return NEXT_HOLDS;
	return answer == BEHIND_WRITES ? NEXT_WRITES : NEXT_READS;
}

/* The function that a frame is in; pc is behind its call, which may be the last of its code. */
static struct code_function *function_of(struct finder *finder, size_t frame)
{
	return code_at(finder->code, finder->frames[frame].pc - (frame > 0));
}

/* The frame that called the lock's operation; 0: there is none. *reads: RLock is inlined in it. */
static size_t find_caller(struct finder *finder, size_t count, bool *reads)
{
	for (size_t i = 1; i < count; i++) {
		const struct code_function *function = function_of(finder, i);

		if (!function || function->effect == CODE_PLAIN)
			return function ? i : 0;
		if (function->effect == CODE_READ_LOCK)
			*reads = false;
	}
	return 0;
}

/* The runtime's frames below have the semaphore's address as long as it is waited for. */
static bool still_waits(const struct machine_memory *memory, uint64_t end, uint64_t semaphore)
{
	for (uint64_t at = memory->stack_lo; at < end && at + 8 <= memory->stack_hi; at += 8)
		if (!memcmp(memory->stack + (at - memory->stack_lo), &semaphore, 8))
			return true;
	return false;
}

/* From the frame that called the lock's operation on outwards, while nothing is in doubt. */
static int look_behind(struct finder *finder, uint32_t index, size_t count,
		       const struct machine_memory *memory, const struct own_wait *wait)
{
	uint64_t semaphore = finder->snapshot->goroutines.data[index].wait_addr;
	struct behind_question question = { .target = finder->target,
					    .code = finder->code,
					    .stack = memory,
					    .lock = wait->object,
					    .is_rwmutex = wait->unlock != NEXT_UNLOCK,
					    .reads_inlined = wait->unlock == NEXT_READ_UNLOCK,
					    .steps = &finder->behind_steps };
	struct machine_value regs[MACHINE_REGISTERS] = { 0 };
	enum behind_answer answer = BEHIND_NOTHING;
	size_t i = find_caller(finder, count, &question.reads_inlined);
	int status = 0;

	if (!i || !still_waits(memory, finder->frames[i].sp, semaphore))
		return 0;
	/* the receiver, or the argument of runtime_SemacquireRWMutexR */
	regs[MACHINE_RAX].bits = question.reads_inlined ? semaphore : wait->object;
	regs[MACHINE_RAX].known = true;
	for (; i < count && i < BEHIND_FRAMES_MAX && answer == BEHIND_NOTHING && !status; i++) {
		const struct code_function *callee = function_of(finder, i - 1),
					   *function = function_of(finder, i);

		if (!callee || !function || function->effect != CODE_PLAIN)
			break;
		status = behind_look(&question, &finder->frames[i], callee, regs, &answer);
		if (!status && answer != BEHIND_NOTHING && answer != BEHIND_UNKNOWN)
			status = add(finder, index, i, wait->object, held_as(answer), true);
		question.reads_inlined = false;
	}
	return status;
}

static int look_at_frames(struct finder *finder, uint32_t index, const struct stack_bytes *stack,
			  size_t count)
{
	const struct goroutine *goroutine = &finder->snapshot->goroutines.data[index];
	const struct machine_memory memory = { .pages = finder->pages,
					       .stack = stack->bytes,
					       .stack_lo = stack->lo,
					       .stack_hi = stack->lo + stack->len };
	struct own_wait wait;
	int status = 0;

	find_own_wait(finder, goroutine, count, &wait);
	if (finder->looks_behind)
		return wait.is_lock ? look_behind(finder, index, count, &memory, &wait) : 0;
	finder->decision_count = 0;
	ahead_set_goroutine(finder->ahead, goroutine->g, &memory);
	for (size_t i = 0; i < count && !status; i++) {
		const struct code_function *function = code_at(finder->code, finder->frames[i].pc);

		/* nothing of the frames below goes on where it is */
		if (function && function->effect == CODE_UNWINDS)
			break;
		/* behind a call that does not return is somebody else's code */
		if (function && function->effect == CODE_NO_RETURN)
			i++;
		else
			status = look_at_frame(finder, index, i, &wait);
	}
	return status;
}

static int look_at(struct finder *finder, uint32_t index, const struct stack_bytes *stack)
{
	const struct goroutine *goroutine = &finder->snapshot->goroutines.data[index];
	size_t count = find_frames(finder, goroutine, stack);

	/* it must rest where the snapshot saw it */
	if (!count || !goroutine->pc_count ||
	    finder->frame_pcs[0] != finder->snapshot->pcs.data[goroutine->first_pc]) {
		finder->snapshot->ahead_left_out++;
		return 0;
	}
	return look_at_frames(finder, index, stack, count);
}

/* The stack of one that runs is known by its sample only. */
static int keep_stack(struct finder *finder, struct goroutine *goroutine, size_t count)
{
	struct snapshot *snapshot = finder->snapshot;
	uint32_t first = snapshot->pcs.len;

	for (size_t i = 0; i < count; i++) {
		uint64_t *slot = vec_push(&snapshot->pcs);

		if (!slot)
			return -ENOMEM;
		*slot = finder->frame_pcs[i];
	}
	goroutine->first_pc = first;
	goroutine->pc_count = count;
	return 0;
}

static bool is_on_its_stack(const struct finder *finder, const struct goroutine *goroutine,
			    const struct running_sample *sample, uint64_t *hi)
{
	const struct layout *layout = &finder->target->layout;
	uint64_t bounds[2], goid, sp = sample->regs[MACHINE_RSP];
	pid_t pid = finder->target->pid;

	if (memory_read(pid, goroutine->g + layout->g_stack_lo, bounds, sizeof(bounds)) ||
	    memory_read_u64(pid, goroutine->g + layout->g_goid, &goid))
		return false;
	*hi = bounds[1];
	return goid == goroutine->goid && sp >= bounds[0] && sp < bounds[1] && sp % 8 == 0;
}

/* Those that run just now, as they were at one moment. What they do not hold any more is not claimed. */
static int look_at_sample(struct finder *finder, uint32_t index,
			  const struct running_sample *sample)
{
	struct goroutine *goroutine = &finder->snapshot->goroutines.data[index];
	struct stack_bytes stack = { .lo = sample->regs[MACHINE_RSP],
				     .pc = sample->pc,
				     .bytes = sample->stack };
	uint64_t hi;
	size_t count;
	int status;

	if (!sample->len || sample->regs[MACHINE_R14] != goroutine->g ||
	    !is_on_its_stack(finder, goroutine, sample, &hi)) {
		finder->snapshot->ahead_left_out++;
		return 0;
	}
	stack.len = hi - stack.lo < sample->len ? hi - stack.lo : sample->len;
	count = find_frames(finder, goroutine, &stack);
	if (!count) {
		finder->snapshot->ahead_left_out++;
		return 0;
	}
	finder->frames[0].interrupted = true;
	finder->frames[0].regs = sample->regs;
	status = keep_stack(finder, goroutine, count);
	return status ? status : look_at_frames(finder, index, &stack, count);
}

static int look_at_running(struct finder *finder)
{
	struct running_sample samples[RUNNING_THREADS_MAX];
	uint32_t which[RUNNING_THREADS_MAX];
	pid_t tids[RUNNING_THREADS_MAX];
	size_t count = 0;
	int status = 0;

	for (size_t i = 0; i < finder->snapshot->goroutines.len; i++) {
		const struct goroutine *goroutine = &finder->snapshot->goroutines.data[i];

		if (goroutine->status != G_RUNNING || goroutine->torn || !is_wanted(finder, i))
			continue;
		if (count == RUNNING_THREADS_MAX || !goroutine->m_procid) {
			finder->snapshot->ahead_left_out++;
			continue;
		}
		which[count] = i;
		tids[count++] = (pid_t)goroutine->m_procid;
	}
	if (!count)
		return 0;
	if (running_look(tids, count, RUNNING_NS, samples)) {
		finder->snapshot->ahead_left_out += count;
		return 0;
	}
	for (size_t i = 0; i < count && !status; i++)
		status = look_at_sample(finder, which[i], &samples[i]);
	running_free(samples, count);
	return status;
}

static int look_at_some(struct finder *finder, const uint32_t *which, size_t count)
{
	const struct stack_memory_options options = { .max_stack = STACK_MAX };
	struct stack_memory memory;
	int status = stack_memory_read(finder->target, finder->snapshot, which, count, &options,
				       &memory);

	for (size_t i = 0; i < count && !status; i++) {
		const struct stack_bytes *stack = &memory.stacks[which[i]];

		if (stack->state == STACK_AT_REST &&
		    (finder->looks_behind ? finder->behind_steps > 0 :
					    !ahead_is_exhausted(finder->ahead)))
			status = look_at(finder, which[i], stack);
		else
			finder->snapshot->ahead_left_out++;
	}
	stack_memory_free(&memory);
	return status;
}

/*
 * Equal stacks share their pcs. Thousands that stand alike must not use up the steps before the one that
 * holds what they wait for is looked at: so first a few of each stack, then the rest.
 */
#define ALIKE_FIRST 64

static int order_of_looking(struct finder *finder, uint32_t *order, size_t *count)
{
	const struct snapshot *snapshot = finder->snapshot;
	struct addr_map seen = { 0 };
	size_t first = 0, later = 0;
	uint32_t *rest = calloc(snapshot->goroutines.len + 1, sizeof(*rest));
	int status = rest ? 0 : -ENOMEM;

	for (size_t i = 0; i < snapshot->goroutines.len && !status; i++) {
		const struct goroutine *goroutine = &snapshot->goroutines.data[i];
		uint32_t *alike;

		if (!is_wanted(finder, i))
			continue;
		if (goroutine->torn)
			finder->snapshot->ahead_left_out++;
		if (goroutine->torn || goroutine->status == G_RUNNING)
			continue;
		alike = addr_map_put(&seen, (uint64_t)goroutine->first_pc + 1);
		if (!alike)
			status = -ENOMEM;
		else if ((*alike)++ < ALIKE_FIRST)
			order[first++] = (uint32_t)i;
		else
			rest[later++] = (uint32_t)i;
	}
	if (!status)
		memcpy(order + first, rest, later * sizeof(*rest));
	*count = first + later;
	addr_map_free(&seen);
	free(rest);
	return status;
}

static int look_at_each(struct finder *finder, const uint32_t *which, size_t count)
{
	int status = 0;

	for (size_t i = 0; i < count && !status; i += GOROUTINES_AT_ONCE)
		status = look_at_some(finder, which + i,
				      count - i < GOROUTINES_AT_ONCE ? count - i :
								       GOROUTINES_AT_ONCE);
	return status;
}

/*
 * Locks that some goroutine may come to unlock: who waits for them need not wait for itself. Who will
 * leave the RWMutex that it waits for is known to read already; the others' reading says nothing of it.
 */
static int find_known(const struct finder *finder, struct addr_map *unlocked, bool *reads)
{
	const struct snapshot *snapshot = finder->snapshot;

	for (size_t i = 0; i < snapshot->next_ops.len; i++) {
		const struct next_op *op = &snapshot->next_ops.data[i];
		uint64_t semaphore = snapshot->goroutines.data[op->goroutine].wait_addr;

		if (op->what == NEXT_READ_UNLOCK && semaphore - op->object < LOCK_SIZE_MAX)
			reads[op->goroutine] = true;
		if (op->what != NEXT_UNLOCK && op->what != NEXT_WRITE_UNLOCK)
			continue;
		if (addr_map_set(unlocked, op->object, 1))
			return -ENOMEM;
	}
	return 0;
}

static bool may_wait_for_itself(const struct finder *finder, const struct addr_map *unlocked,
				const struct goroutine *goroutine)
{
	const struct layout *layout = &finder->target->layout;
	const uint32_t offsets[] = { layout->mutex_sema, layout->rwmutex_writersem,
				     layout->rwmutex_readersem };

	if (goroutine->torn || goroutine->status != G_WAITING ||
	    goroutine->wait_kind != WAIT_SEMA || !goroutine->wait_addr)
		return false;
	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++)
		if (addr_map_get(unlocked, goroutine->wait_addr - offsets[i]))
			return false;
	return true;
}

/* Those who wait for a lock that nobody is known to unlock. */
static int look_behind_all(struct finder *finder)
{
	const struct snapshot *snapshot = finder->snapshot;
	uint32_t *which = calloc(snapshot->goroutines.len + 1, sizeof(*which));
	bool *reads = calloc(snapshot->goroutines.len + 1, sizeof(*reads));
	struct addr_map unlocked = { 0 };
	size_t count = 0;
	int status = which && reads ? find_known(finder, &unlocked, reads) : -ENOMEM;

	for (size_t i = 0; i < snapshot->goroutines.len && !status; i++)
		if (is_wanted(finder, i) && !reads[i] &&
		    may_wait_for_itself(finder, &unlocked, &snapshot->goroutines.data[i]))
			which[count++] = (uint32_t)i;
	finder->looks_behind = true;
	finder->behind_steps = BEHIND_STEPS;
	if (!status)
		status = look_at_each(finder, which, count);
	addr_map_free(&unlocked);
	free(reads);
	free(which);
	return status;
}

static int look_at_all(struct finder *finder)
{
	uint32_t *order = calloc(finder->snapshot->goroutines.len + 1, sizeof(*order));
	size_t count = 0;
	int status = order ? order_of_looking(finder, order, &count) : -ENOMEM;

	if (!status)
		status = look_at_each(finder, order, count);
	free(order);
	if (!status)
		status = look_at_running(finder);
	return status ? status : look_behind_all(finder);
}

int next_op_order(const void *a, const void *b, void *ctx)
{
	const struct next_op *x = a, *y = b;

	(void)ctx;
	if (x->object != y->object)
		return x->object < y->object ? -1 : 1;
	if (x->goroutine != y->goroutine)
		return x->goroutine < y->goroutine ? -1 : 1;
	return (int)x->what - (int)y->what;
}

static int choose(struct finder *finder, struct next_ops_of whom)
{
	if (!whom.which)
		return 0;
	finder->wanted = calloc(finder->snapshot->goroutines.len + 1, sizeof(*finder->wanted));
	if (!finder->wanted)
		return -ENOMEM;
	for (size_t i = 0; i < whom.count; i++)
		finder->wanted[whom.which[i]] = true;
	return 0;
}

int next_ops_find(const struct target *target, struct code *code, enum ahead_of of, uint32_t steps,
		  struct next_ops_of whom, struct snapshot *snapshot)
{
	struct finder finder = { .target = target, .code = code, .snapshot = snapshot };
	int status = choose(&finder, whom);

	if (!status)
		status = watch_all(&finder, of);
	snapshot->next_ops.len = 0;
	snapshot->ahead_left_out = 0;
	if (!status && finder.watched.used) {
		finder.pages = page_cache_new(target->pid, PAGES_MAX);
		finder.pcs = pc_cache_new();
		finder.ahead = ahead_new(target, code, finder.pages, steps, is_watched, &finder);
		status = finder.pages && finder.pcs && finder.ahead ? look_at_all(&finder) :
								      -ENOMEM;
	}
	vec_sort(&snapshot->next_ops, next_op_order, NULL);
	ahead_free(finder.ahead);
	pc_cache_free(finder.pcs);
	page_cache_free(finder.pages);
	addr_map_free(&finder.watched);
	free(finder.wanted);
	vec_free(&finder.ops);
	return status;
}
