// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "base/background.h"

#include <pthread.h>
#include <sched.h>

struct job {
	int (*work)(void *arg);
	void *arg;
	int result;
};

/*
 * A batch thread that wakes up never takes the processor from one that has it (sched(7)), and so delays nobody who
 * has just begun. It keeps its share: nice would shorten no stall further, and where the processors are busy make
 * the work take several times as long. The threads it starts are the same. It is done without, too.
 */
static void give_way(void)
{
	const struct sched_param none = { 0 };

	pthread_setschedparam(pthread_self(), SCHED_BATCH, &none);
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
