/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef COLLECT_PEERS_H
#define COLLECT_PEERS_H

#include "collect/snapshot.h"

/*
 * What is at the other end of the file descriptors that goroutines wait for, by /proc/PID/fd and
 * /proc/PID/net: "10.0.0.1:443", "[::1]:80", "unix:/run/x.sock", "listening on 0.0.0.0:80", or what
 * the descriptor's link says ("pipe:[123]"). What cannot be read stays unknown. 0 or -ENOMEM.
 */
int peers_find(pid_t pid, struct snapshot *snapshot);

#endif
