// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Entries of real BPF maps, which this program fills as the probes would. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "collect/hash_entries.h"

#define BUCKETS 65536
#define VALUES_MAX 20000

struct map {
	int fd;
	uint64_t created;
	struct hash_keys keys;
};

/* What one reading has met: values by key. */
struct met {
	size_t count;
	uint64_t values[VALUES_MAX];
};

static struct met met;

static void make_map(struct map *map, enum bpf_map_type type)
{
	LIBBPF_OPTS(bpf_map_create_opts, options,
		    .map_flags = type == BPF_MAP_TYPE_HASH ? BPF_F_NO_PREALLOC : 0);

	if (geteuid()) {
		print_message("# needs root\n");
		skip();
	}
	*map = (struct map){ .fd = bpf_map_create(type, "entries", sizeof(uint64_t),
						  sizeof(uint64_t), BUCKETS, &options) };
	assert_true(map->fd >= 0);
}

static void free_map(struct map *map)
{
	hash_keys_free(&map->keys);
	close(map->fd);
}

static void put(struct map *map, uint64_t key, uint64_t value)
{
	uint64_t old;
	bool is_new = bpf_map_lookup_elem(map->fd, &key, &old) != 0;

	assert_int_equal(bpf_map_update_elem(map->fd, &key, &value, BPF_ANY), 0);
	map->created += is_new;
}

static int meet(void *ctx, const void *key, const void *value)
{
	struct met *to = ctx;
	uint64_t number;

	memcpy(&number, key, sizeof(number));
	assert_true(number < VALUES_MAX);
	to->count++;
	memcpy(&to->values[number], value, sizeof(uint64_t));
	return 0;
}

static void read_map(struct map *map)
{
	memset(&met, 0, sizeof(met));
	assert_int_equal(hash_entries_read(map->fd, sizeof(uint64_t), sizeof(uint64_t),
					   map->created, &map->keys, meet, &met),
			 0);
}

static void expect_all(struct map *map, size_t count, uint64_t add)
{
	read_map(map);
	assert_int_equal(met.count, count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(met.values[i], i + add);
}

static void fill(struct map *map, size_t count, uint64_t add)
{
	for (size_t i = 0; i < count; i++)
		put(map, i, i + add);
}

static void finds_few_and_many_and_what_they_become(void **state)
{
	const size_t counts[] = { 0, 1, 100, 255, 256, 257, 5000, VALUES_MAX };
	struct map map;

	(void)state;
	make_map(&map, BPF_MAP_TYPE_HASH);
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		for (uint64_t add = 1; add <= 3; add++) {
			fill(&map, counts[i], add);
			expect_all(&map, counts[i], add);
		}
	free_map(&map);
}

/* A map of the least recently used loses entries; a new one may take its place. */
static void leaves_out_what_is_gone(void **state)
{
	struct map map;

	(void)state;
	make_map(&map, BPF_MAP_TYPE_LRU_HASH);
	fill(&map, 10, 7);
	expect_all(&map, 10, 7);
	for (uint64_t key = 9; key >= 4; key--)
		assert_int_equal(bpf_map_delete_elem(map.fd, &key), 0);
	expect_all(&map, 4, 7);
	fill(&map, 6, 8);
	expect_all(&map, 6, 8);
	free_map(&map);
}

static int refuse(void *ctx, const void *key, const void *value)
{
	(void)ctx;
	(void)key;
	(void)value;
	return -ENOMEM;
}

/* A reading that was broken off knows only some of the keys: the next one must not trust them. */
static void starts_anew_after_a_reading_that_was_broken_off(void **state)
{
	struct map map;

	(void)state;
	make_map(&map, BPF_MAP_TYPE_HASH);
	fill(&map, 20, 1);
	assert_int_equal(hash_entries_read(map.fd, sizeof(uint64_t), sizeof(uint64_t), map.created,
					   &map.keys, refuse, NULL),
			 -ENOMEM);
	expect_all(&map, 20, 1);
	free_map(&map);
}

static void refuses_another_layout(void **state)
{
	struct map map;

	(void)state;
	make_map(&map, BPF_MAP_TYPE_HASH);
	assert_int_equal(hash_entries_read(map.fd, sizeof(uint64_t), 2 * sizeof(uint64_t),
					   map.created, &map.keys, meet, &met),
			 -EINVAL);
	free_map(&map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_few_and_many_and_what_they_become),
		cmocka_unit_test(leaves_out_what_is_gone),
		cmocka_unit_test(starts_anew_after_a_reading_that_was_broken_off),
		cmocka_unit_test(refuses_another_layout),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
