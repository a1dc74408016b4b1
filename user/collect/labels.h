/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef COLLECT_LABELS_H
#define COLLECT_LABELS_H

#include "collect/snapshot.h"

/*
 * The labels of every goroutine (goroutine.labels), into snapshot->labels and strings; goroutines
 * with the same ones share them. `last`: a snapshot that goroutines were taken over from, whose
 * first_label, label_count are its; origins[i]: index there of goroutine i, or UINT32_MAX. runtime/pprof/label.go:
 * a map up to Go 1.23, a slice from 1.24 on. 0, -ENOMEM, -ESRCH or -EPERM.
 */
int labels_read(const struct target *target, const struct snapshot *last, const uint32_t *origins,
		struct snapshot *snapshot);

/* Append to snapshot->strings; *at: where. 0 or -ENOMEM. */
int snapshot_add_string(struct snapshot *snapshot, const char *text, size_t len, uint32_t *at);

#endif
