// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The tables in which a snapshot is put together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "collect/addr_map.h"
#include "collect/g_struct.h"
#include "collect/labels.h"
#include "collect/peers.h"
#include "collect/stack_set.h"
#include "collect/wait_object.h"

static void keeps_a_value_an_address(void **state)
{
	struct addr_map map = { 0 };

	(void)state;
	assert_null(addr_map_get(&map, 8));
	for (uint64_t i = 1; i <= 50000; i++)
		*addr_map_put(&map, i * 4096) = i;
	for (uint64_t i = 1; i <= 50000; i++) {
		assert_non_null(addr_map_get(&map, i * 4096));
		assert_int_equal(*addr_map_get(&map, i * 4096), i);
		assert_int_equal(*addr_map_put(&map, i * 4096), i);
	}
	assert_int_equal(map.used, 50000);
	assert_null(addr_map_get(&map, 50001 * 4096ULL));
	assert_null(addr_map_get(&map, 0));
	addr_map_free(&map);
	assert_null(addr_map_get(&map, 4096));
}

static void keeps_a_stack_once(void **state)
{
	struct stack_set set = { 0 };
	uint64_t pcs[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	uint32_t index, again;

	(void)state;
	for (uint64_t i = 0; i < 3000; i++) {
		pcs[7] = i;
		assert_int_equal(stack_set_add(&set, pcs, 8, &index), 0);
		assert_int_equal(index, i);
	}
	for (uint64_t i = 0; i < 3000; i++) {
		pcs[7] = i;
		assert_int_equal(stack_set_add(&set, pcs, 8, &again), 0);
		assert_int_equal(again, i);
		assert_int_equal(set.pcs.data[set.stacks.data[again].first + 7], i);
	}
	assert_int_equal(set.pcs.len, 3000 * 8);
	/* a part of another one is a stack of its own */
	assert_int_equal(stack_set_add(&set, pcs, 7, &index), 0);
	assert_int_equal(index, 3000);
	assert_int_equal(set.stacks.data[index].count, 7);
	stack_set_clear(&set);
	assert_int_equal(stack_set_add(&set, pcs, 7, &index), 0);
	assert_int_equal(index, 0);
	stack_set_free(&set);
}

static void tells_by_every_byte_that_a_g_has_run(void **state)
{
	uint8_t g[443];
	uint64_t hash;

	(void)state;
	for (size_t i = 0; i < sizeof(g); i++)
		g[i] = i * 7;
	hash = g_hash(g, sizeof(g));
	assert_int_equal(hash, g_hash(g, sizeof(g)));
	for (size_t i = 0; i < sizeof(g); i++) {
		g[i]++;
		assert_int_not_equal(hash, g_hash(g, sizeof(g)));
		g[i]--;
	}
}

static void reads_a_g(void **state)
{
	struct target target = { .layout = *layout_for_minor(24), .reasons_minor = 24 };
	const struct layout *layout = &target.layout;
	struct goroutine goroutine;
	struct g_rest rest;
	uint64_t words[LAYOUT_STRUCT_MAX / 8] = { 0 };
	uint8_t *g = (uint8_t *)words;
	uint32_t status = G_WAITING | G_SCAN_BIT;

	(void)state;
	assert_false(g_exists(layout, g));
	memcpy(g + layout->g_atomicstatus, &status, sizeof(status));
	g[layout->g_waitreason] = wait_reason_value(24, "sync.Cond.Wait");
	words[layout->g_goid / 8] = 77;
	words[layout->g_stack_lo / 8] = 0x1000;
	words[layout->g_stack_lo / 8 + 1] = 0x3000;
	words[(layout->g_sched + layout->gobuf_sp) / 8] = 0x2000;
	words[(layout->g_sched + layout->gobuf_pc) / 8] = 0x400000;
	assert_true(g_exists(layout, g));
	g_describe(&target, 0x5000, g, &goroutine);
	assert_int_equal(goroutine.goid, 77);
	assert_int_equal(goroutine.g, 0x5000);
	assert_int_equal(goroutine.status, G_WAITING);
	assert_int_equal(goroutine.wait_kind, WAIT_COND);
	assert_true(goroutine.scan);
	assert_int_equal(goroutine.fd, -1);
	assert_true(g_rests(layout, g, &rest));
	assert_int_equal(rest.sp, 0x2000);
	assert_int_equal(rest.pc, 0x400000);
	assert_false(rest.in_syscall);
	/* until it runs again after a system call, what entersyscall saved counts */
	words[layout->g_syscallsp / 8] = 0x2800;
	words[layout->g_syscallpc / 8] = 0x400100;
	assert_true(g_rests(layout, g, &rest));
	assert_int_equal(rest.sp, 0x2800);
	assert_int_equal(rest.pc, 0x400100);
	assert_true(rest.in_syscall);
	words[layout->g_syscallsp / 8] = 0x3000; /* not in the stack */
	assert_false(g_rests(layout, g, &rest));
	words[layout->g_syscallsp / 8] = 0x2801; /* not a stack pointer */
	assert_false(g_rests(layout, g, &rest));
	words[layout->g_syscallsp / 8] = 0;
	words[layout->g_stack_lo / 8 + 1] = UINT64_MAX; /* a stack of all memory */
	assert_false(g_rests(layout, g, &rest));
	status = G_RUNNING;
	memcpy(g + layout->g_atomicstatus, &status, sizeof(status));
	assert_false(g_rests(layout, g, &rest));
}

static void knows_the_kinds_of_waiting(void **state)
{
	(void)state;
	assert_int_equal(wait_kind_of("chan receive"), WAIT_CHAN_RECV);
	assert_int_equal(wait_kind_of("chan receive (nil chan)"), WAIT_OTHER);
	assert_int_equal(wait_kind_of("chan send"), WAIT_CHAN_SEND);
	assert_int_equal(wait_kind_of("select"), WAIT_SELECT);
	assert_int_equal(wait_kind_of("select (no cases)"), WAIT_OTHER);
	assert_int_equal(wait_kind_of("semacquire"), WAIT_SEMA);
	assert_int_equal(wait_kind_of("sync.RWMutex.RLock"), WAIT_SEMA);
	assert_int_equal(wait_kind_of("sync.WaitGroup.Wait"), WAIT_SEMA);
	assert_int_equal(wait_kind_of("IO wait"), WAIT_NETWORK);
	assert_int_equal(wait_kind_of("coroutine"), WAIT_COROUTINE);
	assert_int_equal(wait_kind_of("finalizer wait"), WAIT_OTHER);
	assert_int_equal(wait_kind_of(NULL), WAIT_OTHER);
}

static void reads_words_around_a_semaphore(void **state)
{
	struct lock_words words = { .addr = 0x1000 };

	(void)state;
	for (int i = 0; i < LOCK_WORDS_LEN / 4; i++)
		memcpy(words.bytes + 4 * i, &i, sizeof(i));
	assert_int_equal(lock_word(&words, 0), 0);
	words.read_ok = true;
	assert_int_equal(lock_word(&words, -16), 0);
	assert_int_equal(lock_word(&words, 0), 4);
	assert_int_equal(lock_word(&words, 12), 7);
	assert_int_equal(lock_word(&words, 16), 0);
	assert_int_equal(lock_word(&words, -20), 0);
}

static int connected_to(const struct sockaddr_in *address)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(connect(fd, (const struct sockaddr *)address, sizeof(*address)), 0);
	return fd;
}

/* One goroutine that waits for each. */
static void find_peers(struct peers *peers, const int *fds, size_t count, struct snapshot *snapshot)
{
	uint32_t empty;

	snapshot->goroutines.len = snapshot->strings.len = 0;
	assert_int_equal(snapshot_add_string(snapshot, "", 0, &empty), 0);
	for (size_t i = 0; i < count; i++) {
		struct goroutine *goroutine = vec_push(&snapshot->goroutines);

		assert_non_null(goroutine);
		*goroutine = (struct goroutine){ .wait_kind = WAIT_NETWORK, .fd = fds[i] };
	}
	assert_int_equal(peers_find(peers, snapshot), 0);
}

static const char *peer_of(const struct snapshot *snapshot, size_t index)
{
	return snapshot->strings.data + snapshot->goroutines.data[index].peer;
}

static void knows_the_other_end_of_sockets(void **state)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);
	struct peers *peers = peers_new(getpid());
	struct snapshot snapshot = { 0 };
	int fds[6], ends[2];
	char peer[32], listens[64];

	(void)state;
	assert_non_null(peers);
	fds[0] = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(fds[0], (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(fds[0], 8), 0);
	assert_int_equal(getsockname(fds[0], (struct sockaddr *)&address, &len), 0);
	snprintf(peer, sizeof(peer), "127.0.0.1:%d", ntohs(address.sin_port));
	snprintf(listens, sizeof(listens), "listening on %s", peer);
	fds[1] = connected_to(&address);
	assert_int_equal(pipe(ends), 0);
	fds[2] = ends[0];
	fds[3] = socket(AF_NETLINK, SOCK_RAW, 0); /* in none of the tables */
	fds[4] = -1;
	/* remembered, and looked for no more: the same each time */
	for (int i = 0; i < 5; i++) {
		find_peers(peers, fds, 5, &snapshot);
		assert_string_equal(peer_of(&snapshot, 0), listens);
		assert_string_equal(peer_of(&snapshot, 1), peer);
		assert_memory_equal(peer_of(&snapshot, 2), "pipe:[", 6);
		assert_string_equal(peer_of(&snapshot, 3), "");
		assert_string_equal(peer_of(&snapshot, 4), "");
	}
	/* a new one is found; one that is gone, and whose number is another's, is not mixed up */
	close(fds[1]);
	fds[5] = dup(ends[1]);
	assert_int_equal(fds[5], fds[1]);
	fds[1] = connected_to(&address);
	find_peers(peers, fds, 6, &snapshot);
	assert_string_equal(peer_of(&snapshot, 0), listens);
	assert_string_equal(peer_of(&snapshot, 1), peer);
	assert_memory_equal(peer_of(&snapshot, 5), "pipe:[", 6);
	for (int i = 0; i < 6; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	close(ends[1]);
	peers_free(peers);
	snapshot_free(&snapshot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_a_value_an_address),
		cmocka_unit_test(keeps_a_stack_once),
		cmocka_unit_test(tells_by_every_byte_that_a_g_has_run),
		cmocka_unit_test(reads_a_g),
		cmocka_unit_test(knows_the_kinds_of_waiting),
		cmocka_unit_test(reads_words_around_a_semaphore),
		cmocka_unit_test(knows_the_other_end_of_sockets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
