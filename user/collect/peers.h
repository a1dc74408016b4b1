/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef COLLECT_PEERS_H
#define COLLECT_PEERS_H

#include "collect/snapshot.h"

/*
 * What is at the other end of the file descriptors that goroutines wait for, by /proc/PID/fd and
 * /proc/PID/net: "10.0.0.1:443", "[::1]:80", "unix:/run/x.sock", "listening on 0.0.0.0:80", or what
 * the descriptor's link says ("pipe:[123]"). What cannot be read stays unknown.
 *
 * The tables in /proc/PID/net are of the whole network namespace, and take the kernel long where
 * there are many sockets: what was found is remembered, and they are read only for new ones.
 */
struct peers;

struct peers *peers_new(pid_t pid); /* NULL: no memory */
void peers_free(struct peers *peers);

/* 0 or -ENOMEM. */
int peers_find(struct peers *peers, struct snapshot *snapshot);

#endif
