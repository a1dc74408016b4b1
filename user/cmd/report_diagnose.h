/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef CMD_REPORT_DIAGNOSE_H
#define CMD_REPORT_DIAGNOSE_H

#include "cmd/options.h"

/*
 * `report FILE diagnose`: what the detectors say of a recording up to --at, by its snapshots, and by the
 * probes' totals that it keeps. STATUS_FOUND when something of at least --severity was found.
 */
int report_diagnose(const struct options *options, struct err *err);

#endif
