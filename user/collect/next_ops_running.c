// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "collect/next_ops_parts.h"

#include <errno.h>

#include "collect/running.h"
#include "target/memory.h"

#define RUNNING_NS 40000000 /* how long to wait for a look at those that run */

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
	count = next_ops_find_frames(finder, goroutine, &stack);
	if (!count) {
		finder->snapshot->ahead_left_out++;
		return 0;
	}
	finder->frames[0].interrupted = true;
	finder->frames[0].regs = sample->regs;
	status = keep_stack(finder, goroutine, count);
	return status ? status : next_ops_look_at_frames(finder, index, &stack, count);
}

int next_ops_look_at_running(struct finder *finder)
{
	struct running_sample samples[RUNNING_THREADS_MAX];
	uint32_t which[RUNNING_THREADS_MAX];
	pid_t tids[RUNNING_THREADS_MAX];
	size_t count = 0;
	int status = 0;

	for (size_t i = 0; i < finder->snapshot->goroutines.len; i++) {
		const struct goroutine *goroutine = &finder->snapshot->goroutines.data[i];

		if (goroutine->status != G_RUNNING || goroutine->torn || !next_ops_wants(finder, i))
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
