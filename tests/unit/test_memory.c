// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The test reads its own memory, with holes in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "target/memory.h"

#define PAGE 4096UL
#define PAGES 4096UL

/* PAGES pages in which each word is its own address; every `hole`th is not readable (0: none). */
static uint8_t *make_area(size_t hole)
{
	uint8_t *area = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(area != MAP_FAILED);
	for (size_t at = 0; at < PAGES * PAGE; at += sizeof(uint64_t))
		*(uint64_t *)(area + at) = (uint64_t)(area + at);
	for (size_t i = hole; hole && i < PAGES; i += hole)
		assert_int_equal(munmap(area + i * PAGE, PAGE), 0);
	return area;
}

static void free_area(uint8_t *area)
{
	munmap(area, PAGES * PAGE);
}

static bool in_hole(const uint8_t *area, size_t hole, uint64_t addr, size_t len)
{
	size_t first = (addr - (uint64_t)area) / PAGE,
	       last = (addr + len - 1 - (uint64_t)area) / PAGE;

	for (size_t page = first; hole && page <= last; page++)
		if (page && page % hole == 0)
			return true;
	return false;
}

static void reads_all_or_nothing(void **state)
{
	uint8_t *area = make_area(8);
	uint64_t word = 0;
	char bytes[3 * PAGE];

	(void)state;
	assert_int_equal(memory_read_u64(getpid(), (uint64_t)area + 80, &word), 0);
	assert_int_equal(word, (uint64_t)area + 80);
	assert_int_equal(memory_read(getpid(), (uint64_t)area + 100, bytes, sizeof(bytes)), 0);
	assert_memory_equal(bytes, area + 100, sizeof(bytes));
	assert_int_equal(memory_read(getpid(), (uint64_t)area + 7 * PAGE, bytes, PAGE + 1),
			 -EFAULT);
	assert_int_equal(memory_read_u64(getpid(), (uint64_t)area + 8 * PAGE, &word), -EFAULT);
	assert_int_equal(memory_read_u64(getpid(), 0, &word), -EFAULT);
	assert_int_equal(memory_read_u64(getpid(), UINT64_MAX - 3, &word), -EFAULT);
	assert_int_equal(memory_read(getpid(), 0, bytes, 0), 0);
	free_area(area);
}

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/* Pieces of every size in random order, some on holes: each is right, or not ok because of one. */
static void check_many(size_t count, size_t len_max, size_t hole)
{
	struct memory_piece *pieces = calloc(count + 1, sizeof(*pieces));
	uint8_t *area = make_area(hole), **kept = calloc(count + 1, sizeof(*kept));
	uint32_t seed = count + len_max + hole;

	for (size_t i = 0; i < count; i++) {
		size_t words = 1 + next_random(&seed) % (len_max / 8);
		size_t at = next_random(&seed) % (PAGES * PAGE / 8 - words);

		kept[i] = malloc(words * 8);
		assert_non_null(kept[i]);
		pieces[i] =
			(struct memory_piece){ (uint64_t)area + at * 8, kept[i], words * 8, i % 2 };
	}
	assert_int_equal(memory_read_many(getpid(), pieces, count), 0);
	for (size_t i = 0; i < count; i++) {
		assert_ptr_equal(pieces[i].to, kept[i]);
		assert_int_equal(pieces[i].ok, !in_hole(area, hole, pieces[i].addr, pieces[i].len));
		for (size_t at = 0; pieces[i].ok && at < pieces[i].len; at += 8)
			assert_int_equal(*(uint64_t *)(kept[i] + at), pieces[i].addr + at);
		free(kept[i]);
	}
	free(kept);
	free(pieces);
	free_area(area);
}

static void reads_many_pieces(void **state)
{
	(void)state;
	check_many(0, 8, 0);
	check_many(1, 8, 0);
	check_many(5000, 8, 0);
	check_many(5000, 512, 2);
	check_many(3000, 4 * PAGE, 7);
	check_many(20000, 64, 97);
	check_many(20, 12UL << 20, 0);
	check_many(20, 2UL << 20, 1000);
}

/* Far apart: one call cannot take them all. */
static void reads_more_pieces_than_one_call_takes(void **state)
{
	(void)state;
	check_many(PAGES, 16, 3);
}

static void reads_neighbours_and_doubles(void **state)
{
	uint64_t words[6] = { 0 };
	uint8_t *area = make_area(0);
	uint64_t base = (uint64_t)area;
	struct memory_piece pieces[] = {
		{ base + 16, &words[0], 8, false },     { base, &words[1], 8, false },
		{ base + 16, &words[2], 8, false },     { base + 8, &words[3], 8, false },
		{ UINT64_MAX - 3, &words[4], 8, true }, { 8, &words[5], 8, true },
	};

	(void)state;
	assert_int_equal(memory_read_many(getpid(), pieces, 6), 0);
	for (int i = 0; i < 4; i++) {
		assert_true(pieces[i].ok);
		assert_int_equal(words[i], pieces[i].addr);
	}
	assert_false(pieces[4].ok || pieces[5].ok);
	free_area(area);
}

static void says_that_the_process_is_gone(void **state)
{
	uint64_t word, other;
	struct memory_piece pieces[] = { { (uint64_t)&other, &word, 8, true } };
	pid_t pid = fork();

	(void)state;
	if (!pid)
		_exit(0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(memory_read_u64(pid, (uint64_t)&other, &word), -ESRCH);
	assert_int_equal(memory_read_many(pid, pieces, 1), -ESRCH);
	assert_false(pieces[0].ok);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_all_or_nothing),
		cmocka_unit_test(reads_many_pieces),
		cmocka_unit_test(reads_more_pieces_than_one_call_takes),
		cmocka_unit_test(reads_neighbours_and_doubles),
		cmocka_unit_test(says_that_the_process_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
