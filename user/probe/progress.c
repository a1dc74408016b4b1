// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "probe/progress.h"

#include <math.h>

#define MEMORY_NS 10e9    /* what is so old counts but a third */
#define CLOCK_A_WORK 1e7  /* to 1 for each ns: also of a slowed program it is nearly all */
#define WORK_TO_EXPECT 30 /* in windows, before the next one is expected to be like them */
/* Windows in which the target had no CPU, by chance, must not make the next one stand for everything. */
#define SLOWEST 25
#define WORK_TO_COMPARE 200 /* on both sides */

void progress_note(struct progress *progress, bool in_window, uint64_t work, uint64_t ns)
{
	double fades = exp(-(double)ns / MEMORY_NS), advance = work * CLOCK_A_WORK + ns;

	progress->clock += advance;
	progress->in_work *= fades;
	progress->in_clock *= fades;
	progress->in_ns *= fades;
	progress->out_work *= fades;
	progress->out_clock *= fades;
	progress->out_ns *= fades;
	*(in_window ? &progress->in_work : &progress->out_work) += work;
	*(in_window ? &progress->in_clock : &progress->out_clock) += advance;
	*(in_window ? &progress->in_ns : &progress->out_ns) += ns;
}

uint64_t progress_expected(const struct progress *progress, uint64_t ns)
{
	double out = progress->out_ns ? progress->out_clock / progress->out_ns : 0;

	if (progress->in_work >= WORK_TO_EXPECT || (progress->in_ns && !progress->out_ns))
		return ns * fmax(progress->in_clock / progress->in_ns, out / SLOWEST);
	return out > 0 ? ns * out : ns;
}

bool progress_is_known(const struct progress *progress)
{
	return progress->in_work >= WORK_TO_COMPARE && progress->out_work >= WORK_TO_COMPARE;
}

double progress_share(const struct progress *progress)
{
	if (!progress_is_known(progress))
		return 1;
	return fmin(progress->in_work / progress->in_ns / (progress->out_work / progress->out_ns),
		    1);
}
