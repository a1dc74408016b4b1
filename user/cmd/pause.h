/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Waiting for a time, while watching for signals and for the end of the target. */
#ifndef CMD_PAUSE_H
#define CMD_PAUSE_H

#include "base/err.h"
#include "target/target.h"

enum pause_end {
	PAUSE_TIME,   /* the time has come */
	PAUSE_SIGNAL, /* the user wants to end: SIGINT, SIGTERM, SIGHUP, SIGQUIT */
	PAUSE_GONE,   /* the target exited, or became another program */
};

/* Block the signals and give a descriptor for pause_until; call before threads are started. */
int pause_open(int *signal_fd, struct err *err);
void pause_close(int signal_fd);

/* until_ns: CLOCK_MONOTONIC. */
enum pause_end pause_until(int signal_fd, const struct target *target, uint64_t until_ns);

#endif
