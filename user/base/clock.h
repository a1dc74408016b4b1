/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#define NSEC_PER_SEC 1000000000ULL

/* CLOCK_MONOTONIC in ns: the clock of bpf_ktime_get_ns and of Go's nanotime. */
uint64_t clock_now_ns(void);

/* The wall clock (ns since 1970, UTC) at a time of CLOCK_MONOTONIC, by how they stand now. */
uint64_t clock_wall_ns(uint64_t monotonic_ns);

/*
 * The wall clock as people read it, by a format of strftime. Always UTC, which the format is to say:
 * reports of one incident come from many hosts, and are read in as many places. Returns `text`.
 */
#define CLOCK_TIME "%H:%M:%SZ"
#define CLOCK_DATE "%Y-%m-%d %H:%M:%SZ"
const char *clock_text(uint64_t wall_ns, const char *format, char *text, size_t size);

#endif
