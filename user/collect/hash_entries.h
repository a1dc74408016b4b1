/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * All entries of a BPF hash map, read again and again.
 *
 * To find them the kernel walks all buckets, which are many where entries are few. While the
 * programs have made no new entry, those of the last reading are looked up by their keys instead.
 */
#ifndef COLLECT_HASH_ENTRIES_H
#define COLLECT_HASH_ENTRIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/vec.h"

/* What is kept of a map between two readings; zero-initialised. */
struct hash_keys {
	VEC(char) bytes; /* one key behind the other */
	size_t count;
	uint64_t created; /* entries that the programs had made when the last reading began */
	bool all;         /* of the last reading, and few enough to be looked up one by one */
};

/* Called for each entry; anything but 0 ends the reading. */
typedef int (*hash_entry_fn)(void *ctx, const void *key, const void *value);

/*
 * `created`: a count, read before the call, that the programs raise after each entry they make.
 * 0; -errno, or what the callback returned.
 */
int hash_entries_read(int fd, size_t key_size, size_t value_size, uint64_t created,
		      struct hash_keys *keys, hash_entry_fn entry, void *ctx);
void hash_keys_free(struct hash_keys *keys);

#endif
