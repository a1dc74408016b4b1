/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Numbers for equal strings of bytes: from 1 up; 0 is the empty one. */
#ifndef COLLECT_INTERNER_H
#define COLLECT_INTERNER_H

#include <stddef.h>
#include <stdint.h>

struct interner;

struct interner *interner_new(void); /* NULL: no memory */
void interner_free(struct interner *interner);
/* Forget all of them; numbers go on from where they were. */
void interner_clear(struct interner *interner);
size_t interner_count(const struct interner *interner);
/* The number that the next new one gets. */
uint64_t interner_next(const struct interner *interner);

/* 1: it is new; 0: known; -ENOMEM. */
int interner_get(struct interner *interner, const void *bytes, size_t len, uint64_t *number);

#endif
