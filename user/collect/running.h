/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Registers and stacks of goroutines that are running, of one moment each: the kernel copies them in a timer
 * interrupt of their thread (perf events), so nothing is stopped and no breakpoint is needed.
 */
#ifndef COLLECT_RUNNING_H
#define COLLECT_RUNNING_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define RUNNING_THREADS_MAX 16
#define RUNNING_STACK_MAX                                                                          \
	32760 /* bytes from the stack pointer on; the kernel takes no more than 64 K */

struct running_sample {
	uint64_t regs[16]; /* as in target/lift.h */
	uint64_t pc;
	uint64_t len; /* of the stack; 0: no sample: the thread was not in Go code in that time */
	uint8_t *stack;
};

/*
 * The threads tids[0..count), at most RUNNING_THREADS_MAX, until each was seen in user code or the time is over.
 * samples[count] are freed by running_free. 0; -ENOMEM; -EPERM, -ENOSYS and the like: the kernel does not allow it.
 */
int running_look(const pid_t *tids, size_t count, uint64_t time_ns, struct running_sample *samples);
void running_free(struct running_sample *samples, size_t count);

#endif
