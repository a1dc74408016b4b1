/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

#define NSEC_PER_SEC 1000000000ULL

/* CLOCK_MONOTONIC in ns: the clock of bpf_ktime_get_ns and of Go's nanotime. */
uint64_t clock_now_ns(void);

/* The wall clock (ns since 1970, UTC) at a time of CLOCK_MONOTONIC, by how they stand now. */
uint64_t clock_wall_ns(uint64_t monotonic_ns);

#endif
