// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "collect/hash_entries.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BATCH 4096
#define KEY_MAX 64
/* A look-up by key is a system call of its own, and costs what walking so many buckets does. */
#define BUCKETS_A_LOOK_UP 256

struct reading {
	int fd;
	size_t key_size, value_size;
	struct hash_keys *keys;
	size_t keys_max;
	hash_entry_fn entry;
	void *ctx;
};

static int take(struct reading *reading, const void *key, const void *value)
{
	struct hash_keys *keys = reading->keys;

	keys->count++;
	keys->all = keys->all && keys->count <= reading->keys_max;
	for (size_t i = 0; keys->all && i < reading->key_size; i++) {
		char *byte = vec_push(&keys->bytes);

		if (!byte)
			return -ENOMEM;
		*byte = ((const char *)key)[i];
	}
	return reading->entry(reading->ctx, key, value);
}

/* Entries that are gone since (of an LRU map) are none. */
static int look_up_known(const struct reading *reading, void *value)
{
	const struct hash_keys *keys = reading->keys;
	int status = 0;

	for (size_t i = 0; i < keys->count && !status; i++) {
		const char *key = keys->bytes.data + i * reading->key_size;

		if (!bpf_map_lookup_elem(reading->fd, key, value))
			status = reading->entry(reading->ctx, key, value);
	}
	return status;
}

static int read_one_by_one(struct reading *reading, void *key, void *value)
{
	char previous[KEY_MAX];
	bool first = true;
	int status;

	while (!bpf_map_get_next_key(reading->fd, first ? NULL : previous, key)) {
		if (!bpf_map_lookup_elem(reading->fd, key, value)) {
			status = take(reading, key, value);
			if (status)
				return status;
		}
		memcpy(previous, key, reading->key_size);
		first = false;
	}
	return 0;
}

/*
 * A bucket with more entries than a batch has room for (ENOSPC) and kernels without batches for
 * this map (EINVAL, ENOTSUPP) fall back to single look-ups.
 */
static int read_buckets(struct reading *reading, char *keys, char *values)
{
	uint32_t position, next;
	bool first = true;
	int status = 0;

	for (;;) {
		uint32_t count = BATCH;
		int got = bpf_map_lookup_batch(reading->fd, first ? NULL : &position, &next, keys,
					       values, &count, NULL);

		if (got && got != -ENOENT)
			return first ? read_one_by_one(reading, keys, values) : got;
		for (uint32_t i = 0; i < count && !status; i++)
			status = take(reading, keys + i * reading->key_size,
				      values + i * reading->value_size);
		if (got == -ENOENT || status)
			return status;
		position = next;
		first = false;
	}
}

static int read_all(struct reading *reading, uint64_t created)
{
	struct bpf_map_info info = { 0 };
	uint32_t info_len = sizeof(info);
	char *keys, *values;
	int status = -ENOMEM;

	if (bpf_map_get_info_by_fd(reading->fd, &info, &info_len))
		return -errno;
	if (info.key_size != reading->key_size || info.value_size != reading->value_size ||
	    info.key_size > KEY_MAX)
		return -EINVAL;
	reading->keys_max = info.max_entries / BUCKETS_A_LOOK_UP;
	reading->keys->bytes.len = reading->keys->count = 0;
	reading->keys->created = created;
	reading->keys->all = true;
	keys = malloc(BATCH * reading->key_size);
	values = malloc(BATCH * reading->value_size);
	if (keys && values)
		status = read_buckets(reading, keys, values);
	free(keys);
	free(values);
	if (status)
		reading->keys->all = false;
	return status;
}

int hash_entries_read(int fd, size_t key_size, size_t value_size, uint64_t created,
		      struct hash_keys *keys, hash_entry_fn entry, void *ctx)
{
	struct reading reading = { .fd = fd,
				   .key_size = key_size,
				   .value_size = value_size,
				   .keys = keys,
				   .entry = entry,
				   .ctx = ctx };
	char *value;
	int status;

	if (!keys->all || keys->created != created)
		return read_all(&reading, created);
	value = malloc(value_size);
	status = value ? look_up_known(&reading, value) : -ENOMEM;
	free(value);
	return status;
}

void hash_keys_free(struct hash_keys *keys)
{
	vec_free(&keys->bytes);
}
