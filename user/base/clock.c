// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "base/clock.h"

#include <time.h>

uint64_t clock_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

uint64_t clock_wall_ns(uint64_t monotonic_ns)
{
	struct timespec wall;

	clock_gettime(CLOCK_REALTIME, &wall);
	return (uint64_t)wall.tv_sec * NSEC_PER_SEC + (uint64_t)wall.tv_nsec - clock_now_ns() +
	       monotonic_ns;
}

const char *clock_text(uint64_t wall_ns, const char *format, char *text, size_t size)
{
	time_t seconds = (time_t)(wall_ns / NSEC_PER_SEC);
	struct tm utc;

	gmtime_r(&seconds, &utc);
	if (!strftime(text, size, format, &utc) && size)
		*text = '\0';
	return text;
}
