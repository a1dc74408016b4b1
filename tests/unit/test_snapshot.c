// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Snapshots of programs that move while they are read, and of a process that lies: this one, with
 * goroutines made up in its own memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <glob.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "children.h"
#include "collect/g_watch.h"
#include "collect/snapshot.h"
#include "target/memory.h"

#define LIES 64
#define G_ROOM 1024

static void open_or_fail(pid_t pid, struct target *target)
{
	struct err err = { 0 };

	if (target_open(pid, target, &err))
		fail_msg("%s failed: %s; %s", err.what, err.why, err.todo);
}

static void read_or_fail(struct snapshot_reader *reader, struct snapshot *snapshot)
{
	const struct snapshot_options options = { .stacks = true, .args = true, .system = true };
	struct err err = { 0 };

	if (snapshot_read(reader, &options, snapshot, &err))
		fail_msg("%s failed: %s; %s", err.what, err.why, err.todo);
}

/* Code that the caller's frame is at ends with a call of the function that the callee is in. */
static bool calls(const struct target *target, uint64_t caller, uint64_t callee)
{
	uint64_t back = caller + 1 - target->load_bias; /* the return address */
	const uint8_t *code = elf_at(&target->image, back - 7, 7);
	struct pclntab_func function, called;
	int32_t distance;

	if (!code || pclntab_func_at(&target->pclntab, callee - target->load_bias, &function))
		return false;
	memcpy(&distance, code + 3, sizeof(distance));
	/* Assembly calls a wrapper of the same name, which jumps. systemstack saves another pc than
	   its own (runtime/asm_amd64.s gosave_systemstack_switch). */
	if (code[2] == 0xe8 &&
	    !pclntab_func_at(&target->pclntab, back + (int64_t)distance, &called))
		return !strcmp(called.name, function.name) ||
		       (!strcmp(called.name, "runtime.systemstack") &&
			!strcmp(function.name, "runtime.systemstack_switch"));
	/* an indirect call: of a register or of memory, with 0, 1 or 4 bytes of displacement */
	for (int len = 2; len <= 7; len++)
		if (code[7 - len] == 0xff && (code[8 - len] >> 3 & 7) == 2)
			return true;
	return false;
}

static bool is_root(const struct target *target, uint64_t pc)
{
	struct pclntab_frame frames[32];
	size_t count = target_frames(target, pc, frames, 32);

	return count && !strcmp(frames[count - 1].function, "runtime.goexit");
}

static bool is_injected(const struct target *target, uint64_t pc)
{
	struct pclntab_frame frames[32];
	size_t count = target_frames(target, pc, frames, 32);

	return count && (!strcmp(frames[count - 1].function, "runtime.asyncPreempt") ||
			 !strcmp(frames[count - 1].function, "runtime.sigpanic"));
}

static void check_call(const struct target *target, uint64_t caller, uint64_t callee)
{
	struct pclntab_frame frames[32];
	size_t names = target_frames(target, caller, frames, 32);

	assert_true(names > 0);
	for (size_t j = 0; j < names; j++)
		assert_true(strlen(frames[j].function) > 0);
	if (!callee || is_root(target, caller) || is_injected(target, callee))
		return;
	if (!calls(target, caller, callee))
		fail_msg("%s does not call what is at %#lx", frames[0].function, callee);
}

/* What is right once is so each time: the same calls are in many stacks. */
#define KNOWN 4096
struct known_calls {
	uint64_t pcs[KNOWN][2];
};

static void check_stack(const struct target *target, struct known_calls *known, const uint64_t *pcs,
			size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t callee = i ? pcs[i - 1] : 0;
		uint64_t *slot = known->pcs[(pcs[i] * 31 + callee) % KNOWN];

		if (slot[0] == pcs[i] && slot[1] == callee)
			continue;
		check_call(target, pcs[i], callee);
		slot[0] = pcs[i];
		slot[1] = callee;
	}
}

/* Returns how many stacks were whole. */
static size_t check_snapshot(const struct target *target, const struct snapshot *snapshot)
{
	struct known_calls *known = calloc(1, sizeof(*known));
	size_t whole = 0;

	assert_non_null(known);
	for (size_t i = 0; i < snapshot->goroutines.len; i++) {
		const struct goroutine *goroutine = &snapshot->goroutines.data[i];
		const uint64_t *pcs = snapshot->pcs.data + goroutine->first_pc;

		assert_true(goroutine->first_pc + goroutine->pc_count <= snapshot->pcs.len);
		assert_true(goroutine->first_case + goroutine->case_count <= snapshot->cases.len);
		check_stack(target, known, pcs, goroutine->pc_count);
		if (goroutine->stack_cut || !goroutine->pc_count)
			continue;
		assert_true(is_root(target, pcs[goroutine->pc_count - 1]));
		whole++;
	}
	free(known);
	return whole;
}

static void reads_under_fire_with(const char *path, const char *number)
{
	struct snapshot snapshot = { 0 };
	struct snapshot_reader *reader;
	size_t whole = 0, seen = 0, torn = 0;
	struct target target;
	struct child child;

	child_start(&child, path, number);
	assert_true(child_says(&child, "ready"));
	child_tell(&child, "go");
	assert_true(child_says(&child, "started"));
	open_or_fail(child.pid, &target);
	reader = snapshot_reader_new(&target);
	assert_non_null(reader);
	for (int i = 0; i < 8; i++) {
		read_or_fail(reader, &snapshot);
		whole += check_snapshot(&target, &snapshot);
		seen += snapshot.goroutines.len;
		torn += snapshot.torn;
		assert_true(snapshot.torn <= snapshot.goroutines.len);
	}
	print_message("# %s: %zu goroutines seen, %zu whole stacks, %zu torn\n", path, seen, whole,
		      torn);
	assert_true(whole > 1000);
	snapshot_reader_free(reader);
	snapshot_free(&snapshot);
	target_close(&target);
	child_end(&child);
}

static void reads_under_fire(void **state)
{
	glob_t found = { 0 };

	(void)state;
	if (glob("build/targets/1.*/churn", 0, NULL, &found))
		skip();
	for (size_t i = 0; i < found.gl_pathc; i++)
		reads_under_fire_with(found.gl_pathv[i],
				      i + 1 < found.gl_pathc ? "-n=2000" : "-n=10000");
	globfree(&found);
}

/* The process whose functions the lies are told with. */
struct liar {
	struct child child;
	struct target target;
	struct snapshot_reader *reader;
	struct snapshot snapshot;
	uint64_t allglen, allgptr;
	uint64_t allgs[LIES];
	uint64_t gs[LIES][G_ROOM / 8];
	uint64_t stacks[LIES][256];
	uint64_t objects[LIES][64]; /* sudogs, channels, lists */
	uint64_t semtable[LAYOUT_SEMA_ROOTS * LAYOUT_SEMA_ROOT_STRIDE / 8];
};

static void set(uint64_t *bytes, uint32_t offset, uint64_t value)
{
	if (offset != LAYOUT_ABSENT)
		memcpy((uint8_t *)bytes + offset, &value, sizeof(value));
}

static uint64_t address(const void *thing)
{
	return (uint64_t)(uintptr_t)thing;
}

/* Goroutine i waits for `reason` at the pc of a function that parks. */
static void lie(struct liar *liar, size_t i, const char *reason)
{
	const struct layout *layout = &liar->target.layout;
	uint32_t status = G_WAITING;
	struct pclntab_func park;
	uint64_t *g = liar->gs[i];

	assert_int_equal(pclntab_func_by_name(&liar->target.pclntab, "runtime.gopark", &park), 0);
	memset(g, 0, G_ROOM);
	memcpy((uint8_t *)g + layout->g_atomicstatus, &status, sizeof(status));
	((uint8_t *)g)[layout->g_waitreason] =
		(uint8_t)wait_reason_value(liar->target.reasons_minor, reason);
	set(g, layout->g_goid, i + 1);
	set(g, layout->g_stack_lo, address(liar->stacks[i]));
	set(g, layout->g_stack_lo + 8, address(liar->stacks[i]) + sizeof(liar->stacks[i]));
	set(g, layout->g_sched + layout->gobuf_sp, address(liar->stacks[i]));
	set(g, layout->g_sched + layout->gobuf_pc, park.entry + 1 + liar->target.load_bias);
	for (size_t j = 0; j < 256; j++)
		liar->stacks[i][j] = park.entry + 1 + liar->target.load_bias;
	liar->allgs[i] = address(g);
	liar->allglen = i + 1 > liar->allglen ? i + 1 : liar->allglen;
}

static int start_liar(void **state)
{
	struct liar *liar = calloc(1, sizeof(*liar));
	glob_t found = { 0 };

	assert_non_null(liar);
	if (glob("build/targets/1.*/zoo", 0, NULL, &found)) {
		free(liar);
		return 0;
	}
	child_start(&liar->child, found.gl_pathv[found.gl_pathc - 1], NULL);
	globfree(&found);
	assert_true(child_says(&liar->child, "ready"));
	open_or_fail(liar->child.pid, &liar->target);
	assert_true(liar->target.layout.g_size <= G_ROOM);
	liar->target.pid = getpid();
	liar->target.allglen = address(&liar->allglen);
	liar->target.allgptr = address(&liar->allgptr);
	liar->target.semtable = address(liar->semtable);
	liar->allgptr = address(liar->allgs);
	liar->reader = snapshot_reader_new(&liar->target);
	assert_non_null(liar->reader);
	*state = liar;
	return 0;
}

static int end_liar(void **state)
{
	struct liar *liar = *state;

	if (!liar)
		return 0;
	snapshot_reader_free(liar->reader);
	snapshot_free(&liar->snapshot);
	target_close(&liar->target);
	child_end(&liar->child);
	free(liar);
	return 0;
}

static struct liar *liar_of(void **state)
{
	if (!*state)
		skip();
	return *state;
}

static void reads_no_goroutine(void **state)
{
	struct liar *liar = liar_of(state);

	read_or_fail(liar->reader, &liar->snapshot);
	assert_int_equal(liar->snapshot.goroutines.len, 0);
}

static void refuses_too_many_goroutines(void **state)
{
	const struct snapshot_options options = { .stacks = true };
	struct liar *liar = liar_of(state);
	struct err err = { 0 };

	liar->allglen = UINT64_MAX;
	assert_int_equal(snapshot_read(liar->reader, &options, &liar->snapshot, &err), -EINVAL);
	assert_non_null(strstr(err.why, "impossible"));
	/* more than there is memory */
	liar->allglen = 1 << 20;
	liar->allgptr = 4096;
	assert_int_not_equal(snapshot_read(liar->reader, &options, &liar->snapshot, &err), 0);
	assert_int_equal(liar->snapshot.goroutines.len, 0);
}

static void ends_a_stack_that_has_no_end(void **state)
{
	struct liar *liar = liar_of(state);

	lie(liar, 0, "sleep");
	read_or_fail(liar->reader, &liar->snapshot);
	assert_int_equal(liar->snapshot.goroutines.len, 1);
	assert_true(liar->snapshot.goroutines.data[0].stack_cut);
	assert_true(liar->snapshot.goroutines.data[0].pc_count <= 128);
}

static void ends_a_select_that_has_no_end(void **state)
{
	struct liar *liar = liar_of(state);
	const struct layout *layout = &liar->target.layout;

	for (size_t i = 0; i < LIES; i++) {
		lie(liar, i, "select");
		set(liar->gs[i], layout->g_waiting, address(liar->objects[i]));
		set(liar->objects[i], layout->sudog_g, address(liar->gs[i]));
		set(liar->objects[i], layout->sudog_waitlink, address(liar->objects[i]));
		set(liar->objects[i], layout->sudog_c, address(liar->objects[i]));
	}
	read_or_fail(liar->reader, &liar->snapshot);
	assert_int_equal(liar->snapshot.goroutines.len, LIES);
	assert_true(liar->snapshot.cases.len <= 1 << 21);
}

static void ends_lists_that_have_no_end(void **state)
{
	struct liar *liar = liar_of(state);
	const struct layout *layout = &liar->target.layout;

	for (size_t i = 0; i < LIES; i++) {
		/* half of them queue for a semaphore, half for a Cond, all in one circle */
		lie(liar, i, i % 2 ? "sync.Mutex.Lock" : "sync.Cond.Wait");
		liar->objects[i][layout->sudog_g / 8] = address(liar->gs[i]);
		set(liar->objects[i], layout->sudog_next, address(liar->objects[(i + 2) % LIES]));
		set(liar->objects[i], layout->sudog_prev, address(liar->objects[(i + 2) % LIES]));
		set(liar->objects[i], layout->sudog_waitlink, address(liar->objects[i]));
	}
	/* the list of the Cond is at the third word of every stack */
	set(liar->objects[LIES - 1], 256 + layout->notifylist_head, address(liar->objects[0]));
	set(liar->objects[LIES - 1], 256 + layout->notifylist_tail, address(liar->objects[2]));
	for (size_t i = 0; i < LIES; i++)
		liar->stacks[i][3] = address(liar->objects[LIES - 1]) + 256;
	for (size_t i = 0; i < LAYOUT_SEMA_ROOTS; i++)
		set(liar->semtable, i * LAYOUT_SEMA_ROOT_STRIDE + layout->semaroot_treap,
		    address(liar->objects[1]));
	read_or_fail(liar->reader, &liar->snapshot);
	for (size_t i = 0; i < LIES; i += 2)
		assert_int_equal(liar->snapshot.goroutines.data[i].wait_addr,
				 address(liar->objects[LIES - 1]) + 256);
}

static void believes_only_what_points_back(void **state)
{
	struct liar *liar = liar_of(state);
	const struct layout *layout = &liar->target.layout;

	lie(liar, 0, "sync.Mutex.Lock");
	lie(liar, 1, "sync.Mutex.Lock");
	lie(liar, 2, "IO wait");
	lie(liar, 3, "chan receive");
	for (size_t i = 0; i < 4; i++)
		liar->stacks[i][5] = address(liar->objects[i]);
	set(liar->objects[0], layout->sudog_g, address(liar->gs[0]));
	set(liar->objects[0], layout->sudog_elem, 0x1234);
	/* of another goroutine */
	set(liar->objects[1], layout->sudog_g, address(liar->gs[0]));
	set(liar->objects[1], layout->sudog_elem, 0x1234);
	set(liar->objects[2], layout->polldesc_wg, address(liar->gs[2]));
	set(liar->objects[2], layout->polldesc_fd, 7);
	set(liar->gs[3], layout->g_waiting, address(liar->objects[0]));
	read_or_fail(liar->reader, &liar->snapshot);
	assert_int_equal(liar->snapshot.goroutines.data[0].wait_addr, 0x1234);
	assert_int_equal(liar->snapshot.goroutines.data[1].wait_addr, 0);
	assert_int_equal(liar->snapshot.goroutines.data[2].wait_addr, address(liar->objects[2]));
	assert_int_equal(liar->snapshot.goroutines.data[2].fd, 7);
	assert_int_equal(liar->snapshot.goroutines.data[2].direction, DIRECTION_SEND);
	assert_int_equal(liar->snapshot.goroutines.data[3].case_count, 0);
	/* unmapped, as it is */
	assert_int_equal(liar->snapshot.locks.len, 1);
	assert_false(liar->snapshot.locks.data[0].read_ok);
}

static void recalls_what_has_not_run(void **state)
{
	struct liar *liar = liar_of(state);
	const struct layout *layout = &liar->target.layout;

	for (size_t i = 0; i < 10; i++)
		lie(liar, i, "sleep");
	read_or_fail(liar->reader, &liar->snapshot);
	assert_int_equal(liar->snapshot.reused, 0);
	assert_int_equal(liar->snapshot.goroutines.data[3].since_ns, 0);
	lie(liar, 10, "sleep");
	set(liar->gs[4], layout->g_goid, 400); /* another goroutine in the same struct */
	read_or_fail(liar->reader, &liar->snapshot);
	assert_int_equal(liar->snapshot.goroutines.len, 11);
	assert_int_equal(liar->snapshot.reused, 9);
	assert_int_not_equal(liar->snapshot.goroutines.data[3].since_ns, 0);
	assert_int_equal(liar->snapshot.goroutines.data[4].since_ns, 0);
	assert_int_equal(liar->snapshot.goroutines.data[4].goid, 400);
	assert_int_equal(liar->snapshot.goroutines.data[3].pc_count,
			 liar->snapshot.goroutines.data[10].pc_count);
	assert_int_equal(liar->snapshot.goroutines.data[3].first_pc,
			 liar->snapshot.goroutines.data[10].first_pc);
}

static uint64_t random_word(struct liar *liar, uint64_t *seed)
{
	*seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
	switch (*seed >> 60) {
	case 0:
		return *seed;
	case 1:
		return *seed >> 40;
	case 2:
		return 0;
	default:
		/* somewhere in the liar itself */
		return address(liar) + (*seed >> 20) % sizeof(*liar) / 8 * 8;
	}
}

static void survives_any_memory(void **state)
{
	static const char *const reasons[] = { "select",         "chan send", "sync.Mutex.Lock",
					       "sync.Cond.Wait", "IO wait",   "sleep",
					       "coroutine" };
	struct liar *liar = liar_of(state);
	uint64_t seed = 1;

	for (int round = 0; round < 60; round++) {
		for (size_t i = 0; i < LIES; i++) {
			lie(liar, i, reasons[i % 7]);
			set(liar->gs[i], liar->target.layout.g_waiting, random_word(liar, &seed));
			set(liar->gs[i], liar->target.layout.g_labels, random_word(liar, &seed));
			set(liar->gs[i], liar->target.layout.g_timer, random_word(liar, &seed));
			set(liar->gs[i], liar->target.layout.g_m, random_word(liar, &seed));
			for (size_t j = 0; j < 64; j++) {
				liar->objects[i][j] = random_word(liar, &seed);
				liar->stacks[i][j] = random_word(liar, &seed);
			}
			for (size_t j = 0; round % 2 && j < G_ROOM / 8; j++)
				if (!(random_word(liar, &seed) % 16))
					liar->gs[i][j] = random_word(liar, &seed);
		}
		for (size_t i = 0; i < sizeof(liar->semtable) / 8; i++)
			liar->semtable[i] = random_word(liar, &seed);
		read_or_fail(liar->reader, &liar->snapshot);
	}
}

static void says_that_it_is_gone(void **state)
{
	const struct snapshot_options options = { .stacks = true };
	struct snapshot snapshot = { 0 };
	struct err err = { 0 };
	struct target target;
	struct child child;
	glob_t found = { 0 };

	(void)state;
	if (glob("build/targets/1.*/zoo", 0, NULL, &found))
		skip();
	child_start(&child, found.gl_pathv[0], NULL);
	globfree(&found);
	assert_true(child_says(&child, "ready"));
	open_or_fail(child.pid, &target);
	child_end(&child);
	assert_int_equal(snapshot_take(&target, &options, &snapshot, &err), -ESRCH);
	assert_non_null(strstr(err.why, "gone"));
	snapshot_free(&snapshot);
	target_close(&target);
}

/* A goroutine that did not run keeps its arguments, though they are not read again. */
static void recalls_arguments(void **state)
{
	struct snapshot first = { 0 }, second = { 0 };
	struct snapshot_reader *reader;
	struct target target;
	struct child child;
	glob_t found = { 0 };

	(void)state;
	if (glob("build/targets/1.*/zoo", 0, NULL, &found))
		skip();
	child_start(&child, found.gl_pathv[0], NULL);
	globfree(&found);
	assert_true(child_says(&child, "ready"));
	open_or_fail(child.pid, &target);
	reader = snapshot_reader_new(&target);
	read_or_fail(reader, &first);
	read_or_fail(reader, &second);
	assert_true(first.has_args && first.args.len > first.goroutines.len);
	assert_true(second.reused > second.goroutines.len / 2);
	assert_int_equal(first.goroutines.len, second.goroutines.len);
	for (size_t i = 0; i < first.goroutines.len; i++) {
		const struct goroutine *a = &first.goroutines.data[i];
		const struct goroutine *b = &second.goroutines.data[i];

		assert_int_equal(a->goid, b->goid);
		assert_int_equal(a->arg_count, b->arg_count);
		assert_memory_equal(first.args.data + a->first_arg, second.args.data + b->first_arg,
				    a->arg_count * sizeof(*first.args.data));
	}
	snapshot_free(&first);
	snapshot_free(&second);
	snapshot_reader_free(reader);
	target_close(&target);
	child_end(&child);
}

/* Takes memory away and gives it back, as fast as it can, until it is told to end. */
struct unmapper {
	pthread_t thread;
	uint8_t *memory;
	size_t size;
	uint64_t rounds;
	bool ends;
};

static bool map_over(uint8_t *memory, size_t size, int protection)
{
	return mmap(memory, size, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
	       memory;
}

/* What can't be read is mapped, too: into a hole the reader's own memory could be put meanwhile. */
static void *unmap_and_map(void *ctx)
{
	struct unmapper *unmapper = ctx;
	size_t half = unmapper->size / 2;

	while (!__atomic_load_n(&unmapper->ends, __ATOMIC_RELAXED)) {
		if (!map_over(unmapper->memory + half, half, PROT_NONE) ||
		    !map_over(unmapper->memory + half, half, PROT_READ | PROT_WRITE))
			abort();
		__atomic_add_fetch(&unmapper->rounds, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* The second half of the goroutines come and go with the memory that they and their stacks are in. */
static void reads_what_is_unmapped_meanwhile(void **state)
{
	const size_t size = sizeof(((struct liar *)0)->gs), stacks = 1 << 18;
	struct liar *liar = liar_of(state);
	struct unmapper unmapper = { .size = 2 * stacks };
	size_t seen = 0;

	assert_true(size <= stacks);
	unmapper.memory = mmap(NULL, unmapper.size, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(unmapper.memory, MAP_FAILED);
	for (size_t i = 0; i < LIES; i++)
		lie(liar, i, i % 3 ? "sleep" : "sync.Mutex.Lock");
	for (size_t i = 0; i < LIES; i++) {
		const struct layout *layout = &liar->target.layout;
		uint8_t *half = unmapper.memory + (i % 2 ? stacks : 0);

		memcpy(half + i * G_ROOM, liar->gs[i], G_ROOM);
		/* every fourth: the struct stays, and its stack goes */
		if (i % 4 == 1)
			set(liar->gs[i], layout->g_sched + layout->gobuf_sp,
			    address(half + i * G_ROOM));
		else
			liar->allgs[i] = address(half + i * G_ROOM);
		if (i % 4 == 1) {
			set(liar->gs[i], layout->g_stack_lo, address(half));
			set(liar->gs[i], layout->g_stack_lo + 8, address(half + stacks));
		}
	}
	assert_int_equal(pthread_create(&unmapper.thread, NULL, unmap_and_map, &unmapper), 0);
	for (int round = 0; round < 300; round++) {
		read_or_fail(liar->reader, &liar->snapshot);
		assert_in_range(liar->snapshot.goroutines.len, LIES / 4, LIES);
		seen += liar->snapshot.goroutines.len + liar->snapshot.unreadable;
	}
	__atomic_store_n(&unmapper.ends, true, __ATOMIC_RELAXED);
	pthread_join(unmapper.thread, NULL);
	print_message("# %llu times unmapped, %zu goroutines seen or said to be unreadable\n",
		      (unsigned long long)unmapper.rounds, seen);
	assert_true(unmapper.rounds > 100);
	munmap(unmapper.memory, unmapper.size);
}

struct killer {
	pthread_t thread;
	pid_t pid;
	useconds_t delay;
};

static void *kill_later(void *ctx)
{
	struct killer *killer = ctx;

	usleep(killer->delay);
	kill(killer->pid, SIGKILL);
	return NULL;
}

/* Whenever it happens: all that there was, or the error that says so. */
static void ends_when_the_target_does(void **state)
{
	const struct snapshot_options options = { .stacks = true, .peers = true };
	uint64_t took_ns = 0;
	glob_t found = { 0 };
	int gone = 0;

	(void)state;
	if (glob("build/targets/1.*/parked", 0, NULL, &found))
		skip();
	for (int round = 0; round < 8; round++) {
		struct snapshot snapshot = { 0 };
		struct err err = { 0 };
		struct target target;
		struct killer killer;
		struct child child;
		int status;

		child_start(&child, found.gl_pathv[0], "-n=20000");
		assert_true(child_says(&child, "ready"));
		open_or_fail(child.pid, &target);
		if (!round)
			assert_int_equal(snapshot_take(&target, &options, &snapshot, &err), 0);
		took_ns = round ? took_ns : snapshot.took_ns;
		killer = (struct killer){ .pid = child.pid, .delay = took_ns * round / 8000 };
		assert_int_equal(pthread_create(&killer.thread, NULL, kill_later, &killer), 0);
		status = snapshot_take(&target, &options, &snapshot, &err);
		if (status) {
			assert_int_equal(status, -ESRCH);
			assert_non_null(strstr(err.why, "gone"));
			gone++;
		}
		pthread_join(killer.thread, NULL);
		snapshot_free(&snapshot);
		target_close(&target);
		child_end(&child);
	}
	globfree(&found);
	print_message("# %d of 8 ended in mid-read\n", gone);
	assert_true(gone > 0);
}

#define liar_test(function) cmocka_unit_test_setup_teardown(function, start_liar, end_liar)

static void set_status(struct liar *liar, size_t i, uint32_t status)
{
	memcpy((uint8_t *)liar->gs[i] + liar->target.layout.g_atomicstatus, &status,
	       sizeof(status));
}

static void watches_who_may_have_run(void **state)
{
	struct liar *liar = liar_of(state);
	struct g_watch watch = { .target = &liar->target };

	for (size_t i = 0; i < 4; i++)
		lie(liar, i, "sleep");
	/* there is nothing to compare with, and then nothing else */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(g_watch_run(&watch), 0);
		assert_int_equal(watch.moved.goroutines.len + watch.ended.len, 0);
	}
	/* it ran, and waits as before: the runtime has counted */
	((uint8_t *)liar->gs[1])[liar->target.layout.g_trackingseq]++;
	set_status(liar, 2, G_DEAD);
	lie(liar, 4, "sleep");
	assert_int_equal(g_watch_run(&watch), 0);
	assert_int_equal(watch.moved.goroutines.len, 2);
	assert_int_equal(watch.moved.goroutines.data[0].goid, 2);
	assert_int_equal(watch.moved.goroutines.data[0].index, 1);
	assert_int_equal(watch.moved.goroutines.data[1].g, address(liar->gs[4]));
	assert_int_equal(watch.ended.len, 1);
	assert_int_equal(watch.ended.data[0], 2);
	/* while it runs its struct is no witness; and of what cannot be read nothing is known */
	set_status(liar, 3, G_RUNNING);
	liar->allgs[4] = 4096;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(g_watch_run(&watch), 0);
		assert_int_equal(watch.moved.goroutines.len, 1);
		assert_int_equal(watch.moved.goroutines.data[0].goid, 4);
		assert_int_equal(watch.ended.len, 1);
		assert_int_equal(watch.ended.data[0], 4);
	}
	liar->allglen = UINT64_MAX;
	assert_int_equal(g_watch_run(&watch), -EINVAL);
	g_watch_free(&watch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_under_fire),
		liar_test(reads_no_goroutine),
		liar_test(refuses_too_many_goroutines),
		liar_test(ends_a_stack_that_has_no_end),
		liar_test(ends_a_select_that_has_no_end),
		liar_test(ends_lists_that_have_no_end),
		liar_test(believes_only_what_points_back),
		liar_test(recalls_what_has_not_run),
		liar_test(watches_who_may_have_run),
		liar_test(survives_any_memory),
		liar_test(reads_what_is_unmapped_meanwhile),
		cmocka_unit_test(ends_when_the_target_does),
		cmocka_unit_test(says_that_it_is_gone),
		cmocka_unit_test(recalls_arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
