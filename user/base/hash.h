/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tables of uthash whose entries have what they are found by in a field `key`, and `hh`. Keys are
 * compared byte by byte: what lies between their fields must be zero.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stdlib.h>
#include <uthash.h>

/* The entry with the key that `wanted` points to; a new one is zero but for its key. NULL: no memory. */
#define hash_entry(table, wanted)                                                                  \
	({                                                                                         \
		__typeof__(table) entry_;                                                          \
                                                                                                   \
		HASH_FIND(hh, table, wanted, sizeof(entry_->key), entry_);                         \
		if (!entry_) {                                                                     \
			entry_ = calloc(1, sizeof(*entry_));                                       \
			if (entry_) {                                                              \
				entry_->key = *(wanted);                                           \
				HASH_ADD(hh, table, key, sizeof(entry_->key), entry_);             \
			}                                                                          \
		}                                                                                  \
		entry_;                                                                            \
	})

/* All entries; the table is empty then. */
#define hash_free(table)                                                                           \
	do {                                                                                       \
		__typeof__(table) entry_, next_;                                                   \
                                                                                                   \
		HASH_ITER(hh, table, entry_, next_) {                                              \
			HASH_DEL(table, entry_);                                                   \
			free(entry_);                                                              \
		}                                                                                  \
	} while (0)

#endif
