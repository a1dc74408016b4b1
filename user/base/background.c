// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "base/background.h"

#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>

#define NICE 10 /* a ninth of the share of who is not nice */

struct job {
	int (*work)(void *arg);
	void *arg;
	int result;
};

/*
 * Nice alone leaves a thread that wakes up free to take the processor from one that has just begun, and so to
 * delay it; SCHED_BATCH never does (sched(7)). Threads inherit both. Without either the work is still done.
 */
static void give_way(void)
{
	const struct sched_param none = { 0 };

	pthread_setschedparam(pthread_self(), SCHED_BATCH, &none);
	/* of this thread alone: see setpriority(2), "C library/kernel differences" */
	setpriority(PRIO_PROCESS, 0, NICE);
}

static void *run(void *arg)
{
	struct job *job = arg;

	give_way();
	job->result = job->work(job->arg);
	return NULL;
}

int background_run(int (*work)(void *arg), void *arg)
{
	struct job job = { .work = work, .arg = arg };
	pthread_t thread;

	if (pthread_create(&thread, NULL, run, &job))
		return work(arg);
	pthread_join(thread, NULL);
	return job.result;
}
