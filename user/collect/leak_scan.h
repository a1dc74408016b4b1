/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Goroutines that nothing alive can ever wake. The program runs on while it is looked at, so one look
 * proves nothing: leaked are those that nothing alive led to at two looks, that stayed blocked on the
 * same objects with the same stack without running in between, and to which nothing led that was
 * written while the program was watched after the second. Others are suspects at most.
 */
#ifndef COLLECT_LEAK_SCAN_H
#define COLLECT_LEAK_SCAN_H

#include "collect/leak_look.h"

enum leak_doubt {
	LEAK_NO_DOUBT,     /* it is leaked */
	LEAK_RAN,          /* it ran in between */
	LEAK_HEAP_CHANGED, /* the heap could not be read as a whole */
	LEAK_FOREIGN,      /* C may know what it waits for */
	LEAK_FINALIZERS,   /* finalizers are held up, and may know it */
	LEAK_RESTLESS,     /* the program could not be watched often enough; the last one */
};

struct leak_found {
	uint32_t goroutine; /* in scan.snapshot */
	uint8_t doubt;      /* enum leak_doubt */
	/* of a recording: in which cycle of those that wait for each other, from 1 on, and where in it; 0: in none */
	uint32_t cycle, place;
};

struct leak_scan_options {
	uint64_t max_memory; /* of this process, bytes */
	uint64_t pause_ns; /* from the end of the first look's reading to the second's beginning, at least */
	/* what goes on, of the whole in percent; NULL: nobody asks */
	void (*progress)(void *ctx, const char *phase, unsigned percent);
	void *ctx;
};

struct leak_scan {
	/* the last; runtime's goroutines included. Its next_ops are of the leaked alone, as far as some steps led */
	struct snapshot snapshot;
	VEC(struct leak_found) found; /* in the order of the snapshot */
	unsigned passes;              /* over what the program wrote after the second look */
	unsigned looks;               /* 1: nothing was found, so nothing needed a second */
	uint64_t took_ns, apart_ns;   /* from one look to the other */
	uint64_t withdrawn;           /* unreachable at the first look, and not at the second */
	uint64_t blocked, scan_bytes, noscan_bytes, objects, marked,
		copied_bytes; /* of the last look */
};

/* What is reasonable to take unless somebody says more: half of what this process may still have, bytes. */
uint64_t leak_scan_fair_memory(void);

/*
 * In threads that give way to the target; progress is called from one of them. *scan is overwritten, and
 * leak_scan_free frees it, also after an error. 0, or -errno.
 */
int leak_scan_run(const struct target *target, const struct leak_scan_options *options,
		  struct leak_scan *scan, struct err *err);
void leak_scan_free(struct leak_scan *scan);

#endif
