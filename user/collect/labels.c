// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "collect/labels.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collect/addr_map.h"
#include "target/memory.h"

#define LABELS_MAX 64 /* of one goroutine */
#define TEXT_MAX 1024 /* the rest is cut */
#define STRINGS_MAX (64U << 20)
#define SLICE_MINOR 24

/* runtime/map.go of Go 1.18 to 1.23: hmap, and a bucket of map[string]string. */
#define HMAP_B 9
#define HMAP_BUCKETS 16
#define HMAP_OLD_BUCKETS 24
#define HMAP_LEN 32
#define BUCKET_SLOTS 8
#define BUCKET_LEN (8 + 2 * 16 * BUCKET_SLOTS + 8)
#define BUCKETS_MAX 64
#define MIN_TOP_HASH 5

/* A string's or label's words in the target. */
struct label_words {
	uint64_t key, key_len, value, value_len;
};

int snapshot_add_string(struct snapshot *snapshot, const char *text, size_t len, uint32_t *at)
{
	*at = snapshot->strings.len;
	for (size_t i = 0; i <= len; i++) {
		char *slot = vec_push(&snapshot->strings);

		if (!slot)
			return -ENOMEM;
		*slot = i < len ? text[i] : '\0';
	}
	return 0;
}

static int add_text(const struct target *target, struct snapshot *snapshot, uint64_t addr,
		    uint64_t len, uint32_t *at)
{
	char text[TEXT_MAX];

	if (len > sizeof(text))
		len = sizeof(text);
	if (snapshot->strings.len > STRINGS_MAX || memory_read(target->pid, addr, text, len))
		len = 0;
	return snapshot_add_string(snapshot, text, strnlen(text, len), at);
}

static int add_label(const struct target *target, struct snapshot *snapshot,
		     const struct label_words *words)
{
	struct goroutine_label label, *slot;
	int status = add_text(target, snapshot, words->key, words->key_len, &label.key);

	if (!status)
		status = add_text(target, snapshot, words->value, words->value_len, &label.value);
	slot = status ? NULL : vec_push(&snapshot->labels);
	if (!slot)
		return -ENOMEM;
	*slot = label;
	return 0;
}

static size_t words_of_slice(const struct target *target, uint64_t addr, struct label_words *words)
{
	uint64_t slice[2]; /* pointer, length */

	if (memory_read(target->pid, addr, slice, sizeof(slice)))
		return 0;
	if (slice[1] > LABELS_MAX)
		slice[1] = LABELS_MAX;
	return memory_read(target->pid, slice[0], words, slice[1] * sizeof(*words)) ? 0 : slice[1];
}

/* A bucket and those behind it. */
static size_t words_of_bucket(const struct target *target, uint64_t addr, struct label_words *words,
			      size_t count)
{
	uint64_t bucket[BUCKET_LEN / 8];
	const uint8_t *top = (const uint8_t *)bucket;

	for (int i = 0; addr && i < LABELS_MAX / BUCKET_SLOTS; i++) {
		if (memory_read(target->pid, addr, bucket, sizeof(bucket)))
			return count;
		for (int slot = 0; slot < BUCKET_SLOTS && count < LABELS_MAX; slot++) {
			const uint64_t *key = bucket + 1 + 2 * slot;
			const uint64_t *value = key + 2 * BUCKET_SLOTS;

			if (top[slot] >= MIN_TOP_HASH)
				words[count++] =
					(struct label_words){ key[0], key[1], value[0], value[1] };
		}
		addr = bucket[BUCKET_LEN / 8 - 1];
	}
	return count;
}

static size_t words_of_map(const struct target *target, uint64_t addr, struct label_words *words)
{
	uint8_t hmap[HMAP_LEN];
	uint64_t header, buckets[2]; /* those in use, and those not moved yet while it grows */
	size_t count = 0, number;

	if (memory_read_u64(target->pid, addr, &header) ||
	    memory_read(target->pid, header, hmap, sizeof(hmap)) || hmap[HMAP_B] > 6)
		return 0;
	memcpy(&buckets[0], hmap + HMAP_BUCKETS, sizeof(buckets[0]));
	memcpy(&buckets[1], hmap + HMAP_OLD_BUCKETS, sizeof(buckets[1]));
	number = 1U << hmap[HMAP_B];
	for (int i = 0; i < 2; i++) {
		for (size_t j = 0; buckets[i] && j < number && j < BUCKETS_MAX; j++)
			count = words_of_bucket(target, buckets[i] + j * BUCKET_LEN, words, count);
		number = (number + 1) / 2;
	}
	return count;
}

static int compare_labels(const void *a, const void *b, void *strings)
{
	const struct goroutine_label *x = a, *y = b;

	return strcmp((const char *)strings + x->key, (const char *)strings + y->key);
}

static int read_set(const struct target *target, struct snapshot *snapshot, uint64_t addr)
{
	struct label_words words[LABELS_MAX];
	size_t first = snapshot->labels.len, count;
	int status = 0;

	count = target->layout.minor >= SLICE_MINOR ? words_of_slice(target, addr, words) :
						      words_of_map(target, addr, words);
	for (size_t i = 0; i < count && !status; i++)
		status = add_label(target, snapshot, &words[i]);
	if (!status && count)
		qsort_r(snapshot->labels.data + first, count, sizeof(*snapshot->labels.data),
			compare_labels, snapshot->strings.data);
	return status;
}

static int copy_set(struct snapshot *snapshot, const struct snapshot *last,
		    const struct goroutine *from)
{
	for (uint32_t i = 0; i < from->label_count; i++) {
		const struct goroutine_label *label = &last->labels.data[from->first_label + i];
		const char *key = last->strings.data + label->key;
		const char *value = last->strings.data + label->value;
		struct goroutine_label copy, *slot;

		if (snapshot_add_string(snapshot, key, strlen(key), &copy.key) ||
		    snapshot_add_string(snapshot, value, strlen(value), &copy.value))
			return -ENOMEM;
		slot = vec_push(&snapshot->labels);
		if (!slot)
			return -ENOMEM;
		*slot = copy;
	}
	return 0;
}

int labels_read(const struct target *target, const struct snapshot *last, const uint32_t *origins,
		struct snapshot *snapshot)
{
	struct addr_map sets = { 0 }; /* index + 1 of the first goroutine that has the set */
	int status = 0;

	for (size_t i = 0; i < snapshot->goroutines.len && !status; i++) {
		struct goroutine *goroutine = &snapshot->goroutines.data[i];
		uint32_t *first;

		goroutine->first_label = goroutine->label_count = 0;
		if (!goroutine->labels)
			continue;
		first = addr_map_put(&sets, goroutine->labels);
		if (!first) {
			status = -ENOMEM;
		} else if (*first) {
			const struct goroutine *same = &snapshot->goroutines.data[*first - 1];

			goroutine->first_label = same->first_label;
			goroutine->label_count = same->label_count;
		} else {
			*first = i + 1;
			goroutine->first_label = snapshot->labels.len;
			status = last && origins[i] != UINT32_MAX ?
					 copy_set(snapshot, last,
						  &last->goroutines.data[origins[i]]) :
					 read_set(target, snapshot, goroutine->labels);
			goroutine->label_count = snapshot->labels.len - goroutine->first_label;
		}
	}
	addr_map_free(&sets);
	return status;
}
