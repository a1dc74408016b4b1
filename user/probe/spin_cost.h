/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What one round of spinning takes on this machine, measured on this thread: sync.Mutex.Lock spins by
 * 30 PAUSE a round (runtime/proc.go, sync_runtime_doSpin; active_spin_cnt, Go 1.18 to 1.27).
 */
#ifndef PROBE_SPIN_COST_H
#define PROBE_SPIN_COST_H

/* ns. Takes some 0.1 ms. */
double spin_round_ns(void);

#endif
