// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "base/background.h"

#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>

struct job {
	int (*work)(void *arg);
	void *arg;
	int result;
};

#define NICE 10

/*
 * A batch thread that wakes up does not take the processor from one that has it, and a nice one does not keep it
 * from one that wants it (sched(7)). Where all processors are busy the work takes several times as long: that is
 * the price of not being felt. The threads it starts are the same. It is done without, too.
 */
static void give_way(void)
{
	const struct sched_param none = { 0 };

	pthread_setschedparam(pthread_self(), SCHED_BATCH, &none);
	if (getpriority(PRIO_PROCESS, 0) < NICE)
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
