/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the BPF programs are told about the target's Go version. */
#ifndef PROBE_CONFIG_H
#define PROBE_CONFIG_H

#include "conctrace_abi.h"
#include "target/target.h"

/* Offsets and wait reasons are filled in; limits are the caller's. */
void probe_config_for(const struct target *target, struct ct_config *config);

#endif
