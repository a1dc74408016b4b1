/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What every output says of the process it is about; of a live one, or out of a recording. */
#ifndef TARGET_FACTS_H
#define TARGET_FACTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "target/target.h"

struct target_facts {
	pid_t pid;
	char exe[512];
	char go_version[64];
	bool stripped, pie, cgo;
	uint32_t gomaxprocs; /* 0: unknown */
	uint64_t age_ns;     /* how long it had been running; 0: unknown */
};

void target_facts_of(const struct target *target, struct target_facts *facts);

#endif
