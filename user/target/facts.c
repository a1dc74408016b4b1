// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "target/facts.h"

#include <stdio.h>

#include "target/proc.h"

void target_facts_of(const struct target *target, struct target_facts *facts)
{
	*facts = (struct target_facts){ .pid = target->pid,
					.stripped = target->stripped,
					.pie = target->image.pie,
					.cgo = target->cgo,
					.gomaxprocs = target->gomaxprocs };
	snprintf(facts->exe, sizeof(facts->exe), "%s", target->exe);
	snprintf(facts->go_version, sizeof(facts->go_version), "%s", target->build.go_version);
	proc_age_ns(target->pid, &facts->age_ns);
}
