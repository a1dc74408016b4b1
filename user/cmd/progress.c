// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cmd/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"

bool progress_wanted(const struct options *options)
{
	return !options->quiet && isatty(STDERR_FILENO);
}

void progress_show(const char *doing, uint64_t left_ns)
{
	fprintf(stderr, "\r%s, %llu s left; Ctrl-C ends it with the result \033[K", doing,
		(unsigned long long)((left_ns + NSEC_PER_SEC - 1) / NSEC_PER_SEC));
}

void progress_show_phase(void *ctx, const char *phase, unsigned percent)
{
	(void)ctx;
	if (percent)
		fprintf(stderr, "\r%s: %u %% \033[K", phase, percent);
	else
		fprintf(stderr, "\r%s \033[K", phase);
}

void progress_end(void)
{
	fputs("\r\033[K", stderr);
}
