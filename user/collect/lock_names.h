/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What locks that are no variables of their own are called, by the executable's DWARF.
 *
 * A goroutine that waits for a lock has come to it by a pointer, and that pointer, which is a variable of
 * one of its functions (a receiver most often), is still on its stack. A lock is named only when a variable's
 * value, or a pointer within what it points to, and the fields of its type lead to the lock's very address,
 * where a lock of that kind is.
 */
#ifndef COLLECT_LOCK_NAMES_H
#define COLLECT_LOCK_NAMES_H

#include "collect/snapshot.h"
#include "target/target.h"

struct lock_names;

/* The DWARF is opened when a name is asked for first. NULL: no memory. *target must outlive it. */
struct lock_names *lock_names_new(struct target *target);
void lock_names_free(struct lock_names *names); /* NULL is fine */

enum lock_name_source {
	LOCK_NAME_NONE,
	LOCK_NAME_VARIABLE, /* of a package: "main.cache.shards[3].mu" */
	/* a field of a type, "main.Store.mu", or a variable of a function, "main.run.mu": there may be several */
	LOCK_NAME_SHARED,
};

#define LOCK_NAME_MAX 128
struct lock_name {
	enum lock_name_source source;
	char text[LOCK_NAME_MAX];
};

/*
 * The lock of this type ("sync.Mutex") at a run-time address, by who waits for it (NULL: nobody is known
 * to). What was found is remembered. NULL: no name.
 */
const struct lock_name *lock_names_find(struct lock_names *names, uint64_t addr, const char *type,
					const struct goroutine *waiter);
/* The same of what was found already. */
const struct lock_name *lock_names_known(const struct lock_names *names, uint64_t addr);

#endif
