// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cmd/pause.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"

/* An exec makes no descriptor readable: it is looked for this often. */
#define LOOK_NS (NSEC_PER_SEC / 5)

int pause_open(int *signal_fd, struct err *err)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	*signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (*signal_fd >= 0)
		return 0;
	return err_set(err, errno, "watching for signals", "raise the limit of open files", "%s",
		       strerror(errno));
}

void pause_close(int signal_fd)
{
	if (signal_fd >= 0)
		close(signal_fd);
}

enum pause_end pause_until(int signal_fd, const struct target *target, uint64_t until_ns)
{
	for (;;) {
		struct pollfd fds[2] = { { .fd = signal_fd, .events = POLLIN },
					 { .fd = target->pidfd, .events = POLLIN } };
		uint64_t now_ns = clock_now_ns(),
			 left_ns = until_ns > now_ns ? until_ns - now_ns : 0;
		struct timespec timeout;

		if (left_ns > LOOK_NS)
			left_ns = LOOK_NS;
		timeout = (struct timespec){ .tv_sec = 0, .tv_nsec = (long)left_ns };
		if (ppoll(fds, 2, &timeout, NULL) > 0 && fds[0].revents)
			return PAUSE_SIGNAL;
		if (!target_alive(target))
			return PAUSE_GONE;
		if (clock_now_ns() >= until_ns)
			return PAUSE_TIME;
	}
}
