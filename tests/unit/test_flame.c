// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Weighted stacks of a model: what each is worth, by which source, and how its stack is completed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "flame_program.h"

#define BEGIN (10 * FLAME_SECOND)
#define LENGTH (10 * FLAME_SECOND)
#define MS 1000000ULL

static const enum pc mutex_stack[] = { PC_SEMACQUIRE, PC_SEMA_MUTEX, PC_MUTEX_LOCK,
				       PC_UPDATE,     PC_GOEXIT,     0 };
static const enum pc recv_stack[] = { PC_CHANRECV, PC_CHANRECV1, PC_WORK, PC_GOEXIT, 0 };
static const enum pc main_stack[] = { PC_CHANRECV, PC_CHANRECV1, PC_MAIN, PC_GOEXIT, 0 };

static int set_up(void **state)
{
	*state = program_new();
	return 0;
}

static int tear_down(void **state)
{
	program_free(*state);
	return 0;
}

static const char *name(const struct flame_frame *frame)
{
	return frame->text ? frame->text : frame->frame->function;
}

/* Of the only stack whose frames hold the name. */
static const struct flame_stack *stack_with(const struct flame *flame, const char *frame)
{
	const struct flame_stack *found = NULL;

	for (size_t i = 0; i < flame->stacks.len; i++) {
		const struct flame_stack *stack = &flame->stacks.data[i];

		for (size_t j = 0; j < stack->frame_count; j++) {
			const char *text = name(&flame->frames.data[stack->first_frame + j]);

			if (strcmp(text, frame) != 0)
				continue;
			assert_true(!found || found == stack);
			found = stack;
		}
	}
	return found;
}

static const char *root_of(const struct flame *flame, const struct flame_stack *stack)
{
	return name(&flame->frames.data[stack->first_frame]);
}

static const char *leaf_of(const struct flame *flame, const struct flame_stack *stack)
{
	return name(&flame->frames.data[stack->first_frame + stack->frame_count - 1]);
}

static void make(struct program *program, const struct flame_samples *samples,
		 const struct flame_options *options, struct flame *flame)
{
	*flame = (struct flame){ 0 };
	assert_int_equal(flame_make(&program->model, samples, options, flame), 0);
}

static void traced_waits_are_exact(void **state)
{
	const struct flame_options options = { .of = FLAME_WAIT };
	struct program *program = *state;
	const struct flame_stack *stack;
	struct flame flame;

	program_site(program, 1, "sync.Mutex.Lock", 3, 2 * MS, mutex_stack);
	program_site(program, 2, "chan receive", 5, 7 * MS, recv_stack);
	program_update(program, true, false);
	make(program, NULL, &options, &flame);
	assert_int_equal(flame.stacks.len, 2);
	assert_int_equal(flame.value, 41 * MS);
	assert_false(flame.is_estimate);
	stack = stack_with(&flame, "main.work");
	assert_ptr_equal(stack, &flame.stacks.data[0]);
	assert_int_equal(stack->ns, 35 * MS);
	assert_int_equal(stack->count, 5);
	assert_string_equal(stack->reason, "chan receive");
	assert_string_equal(root_of(&flame, stack), "main.work");
	assert_string_equal(name(&flame.frames.data[stack->first_frame + 1]), "main.inlined");
	assert_string_equal(leaf_of(&flame, stack), "runtime.chanrecv");
	assert_false(stack->cut);
	flame_free(&flame);
}

static void totals_are_those_of_the_model(void **state)
{
	const struct flame_options waits = { .of = FLAME_WAIT }, locks = { .of = FLAME_LOCK };
	struct program *program = *state;
	uint64_t of_sites = 0, of_locks = 0;
	struct flame flame;

	program_site(program, 1, "sync.Mutex.Lock", 3, 2 * MS, mutex_stack);
	program_site(program, 2, "chan receive", 5, 7 * MS, recv_stack);
	program_waits(program, 0x5004, 1, 2, 2 * MS);
	program_waits(program, 0x9004, 1, 1, 2 * MS);
	program_update(program, true, false);
	for (size_t i = 0; i < program->model.sites.len; i++)
		of_sites += program->model.sites.data[i].stats.wait_ns_total;
	for (size_t i = 0; i < program->model.locks.len; i++)
		of_locks += program->model.locks.data[i].stats.wait_ns_total;
	make(program, NULL, &waits, &flame);
	assert_int_equal(flame.value, of_sites);
	flame_free(&flame);
	make(program, NULL, &locks, &flame);
	assert_int_equal(flame.value, of_locks);
	assert_int_equal(flame.stacks.len, 2);
	flame_free(&flame);
}

static void the_lock_is_the_leaf(void **state)
{
	const struct flame_options all = { .of = FLAME_LOCK },
				   one = { .of = FLAME_LOCK, .object = 0x9000 };
	struct program *program = *state;
	struct flame flame;

	program_site(program, 1, "sync.Mutex.Lock", 3, 2 * MS, mutex_stack);
	program_waits(program, 0x5004, 1, 2, 2 * MS);
	program_waits(program, 0x9004, 1, 1, 2 * MS);
	program_update(program, true, false);
	make(program, NULL, &all, &flame);
	assert_string_equal(leaf_of(&flame, &flame.stacks.data[0]), "sync.Mutex main.store 0x5000");
	assert_string_equal(leaf_of(&flame, &flame.stacks.data[1]), "sync.Mutex 0x9000");
	flame_free(&flame);
	make(program, NULL, &one, &flame);
	assert_int_equal(flame.stacks.len, 1);
	assert_int_equal(flame.value, 2 * MS);
	flame_free(&flame);
}

/* Parked before the attach and still there: only the samples know it. */
static void older_waits_are_added_by_the_samples(void **state)
{
	const struct flame_options options = { .of = FLAME_WAIT };
	struct program *program = *state;
	struct flame_samples *samples;
	const struct flame_stack *stack;
	struct flame flame;

	program_site(program, 1, "sync.Mutex.Lock", 3, 2 * MS, mutex_stack);
	program_goroutine(program, 7, "chan receive", 0xc000010000, main_stack)->since_ns =
		BEGIN - 1;
	/* the probes see these */
	program_goroutine(program, 8, "sync.Mutex.Lock", 0x5004, mutex_stack)->since_ns = BEGIN + 1;
	program_goroutine(program, 9, "sync.Mutex.Lock", 0x5004, mutex_stack);
	samples = program_samples(program, &options, BEGIN, LENGTH, 40);
	program_update(program, true, true);
	make(program, samples, &options, &flame);
	stack = stack_with(&flame, "main.main");
	assert_int_equal(stack->ns, LENGTH);
	assert_int_equal(stack->sampled_ns, LENGTH);
	stack = stack_with(&flame, "main.update");
	assert_int_equal(stack->ns, 6 * MS);
	assert_int_equal(stack->sampled_ns, 0);
	assert_int_equal(flame.sampled_ns, LENGTH);
	flame_free(&flame);
	flame_samples_free(samples);
}

static void a_wait_that_goes_on_counts_so_far(void **state)
{
	const struct flame_options options = { .of = FLAME_WAIT };
	struct program *program = *state;
	struct task_row *task;
	struct flame flame;

	program_site(program, 1, "sync.Mutex.Lock", 3, 2 * MS, mutex_stack);
	program_goroutine(program, 8, "sync.Mutex.Lock", 0x5004, mutex_stack);
	task = vec_push(&program->aggregates.tasks);
	assert_non_null(task);
	task->g = program->snapshot.goroutines.data[0].g;
	task->task = (struct ct_task){ .goid = 8,
				       .since_ns = 17 * FLAME_SECOND,
				       .site = 1,
				       .state = CT_TASK_WAITING,
				       .reason = (uint8_t)program_reason("sync.Mutex.Lock") };
	program_update(program, true, true);
	make(program, NULL, &options, &flame);
	assert_int_equal(flame.stacks.len, 1);
	assert_int_equal(flame.value, 6 * MS + 3 * FLAME_SECOND);
	assert_int_equal(flame.count, 3);
	flame_free(&flame);
}

static void many_samples_are_better_than_windows(void **state)
{
	const struct flame_options options = { .of = FLAME_WAIT };
	struct program *program = *state;
	struct flame_samples *samples;
	const struct flame_stack *stack;
	struct flame flame;

	program_in_windows(program);
	/* 10 s of waiting, of which the windows saw 6 ms */
	program_site(program, 1, "sync.Mutex.Lock", 3, 2 * MS, mutex_stack);
	/* short waits, which no sample met */
	program_site(program, 2, "chan receive", 1000, MS / 10, recv_stack);
	program_goroutine(program, 8, "sync.Mutex.Lock", 0x5004, mutex_stack);
	samples = program_samples(program, &options, BEGIN, LENGTH, 100);
	program_update(program, true, true);
	make(program, samples, &options, &flame);
	assert_true(flame.is_estimate);
	stack = stack_with(&flame, "main.update");
	assert_in_range(stack->ns, LENGTH - 1000, LENGTH + 1000);
	assert_int_equal(stack->count, 3);
	stack = stack_with(&flame, "main.work");
	assert_int_equal(stack->ns, 100 * MS);
	assert_int_equal(stack->sampled_ns, 0);
	flame_free(&flame);
	flame_samples_free(samples);
}

static void without_probes_samples_are_all(void **state)
{
	const struct flame_options options = { .of = FLAME_WAIT };
	struct program *program = *state;
	struct flame_samples *samples;
	struct flame flame;

	for (uint64_t goid = 1; goid <= 3; goid++)
		program_goroutine(program, goid, "chan receive", 0, recv_stack);
	program_goroutine(program, 4, "sync.Mutex.Lock", 0x5004, mutex_stack);
	samples = program_samples(program, &options, BEGIN, LENGTH, 50);
	program_update(program, false, true);
	make(program, samples, &options, &flame);
	assert_int_equal(stack_with(&flame, "main.work")->ns, 3 * LENGTH);
	assert_int_equal(stack_with(&flame, "main.update")->ns, LENGTH);
	assert_int_equal(flame.duration_ns, LENGTH);
	assert_int_equal(flame.samples, 50);
	flame_free(&flame);
	flame_samples_free(samples);
}

/* Deeper than the probes look. */
#define DEEP CT_STACK_DEPTH
static void deep_stack(enum pc *pcs, enum pc outermost)
{
	int i = 0;

	pcs[i++] = PC_CHANRECV;
	pcs[i++] = PC_CHANRECV1;
	while (i < DEEP + 3)
		pcs[i++] = PC_RECURSE;
	pcs[i++] = outermost;
	pcs[i++] = PC_GOEXIT;
	pcs[i] = 0;
}

static void a_cut_stack_is_completed_when_one_goes_on_so(void **state)
{
	const struct flame_options options = { .of = FLAME_WAIT };
	struct program *program = *state;
	const struct flame_stack *stack;
	enum pc pcs[DEEP + 8];
	struct flame flame;

	deep_stack(pcs, PC_MAIN);
	program_site(program, 1, "chan receive", 5, 7 * MS, pcs);
	program_update(program, true, false);
	make(program, NULL, &options, &flame);
	assert_true(flame.stacks.data[0].cut);
	assert_int_equal(flame.cut_value, flame.value);
	assert_string_equal(root_of(&flame, &flame.stacks.data[0]), FLAME_CUT_TEXT);
	flame_free(&flame);

	program_goroutine(program, 7, "chan receive", 0, pcs)->status = G_RUNNABLE;
	program_update(program, true, true);
	make(program, NULL, &options, &flame);
	stack = stack_with(&flame, "main.main");
	assert_non_null(stack);
	assert_false(stack->cut);
	assert_int_equal(stack->ns, 35 * MS);
	assert_int_equal(flame.cut_value, 0);
	flame_free(&flame);

	/* now two are known */
	deep_stack(pcs, PC_UPDATE);
	program_goroutine(program, 8, "chan receive", 0, pcs)->status = G_RUNNABLE;
	program_update(program, true, true);
	make(program, NULL, &options, &flame);
	assert_true(flame.stacks.data[0].cut);
	flame_free(&flame);
}

static void a_stack_goes_on_as_others_that_share_three_calls(void **state)
{
	static const enum pc other[] = { PC_CHANRECV1, PC_ODD,  PC_RECURSE, PC_WORK,
					 PC_BYTES,     PC_MAIN, PC_GOEXIT,  0 };
	enum pc pcs[DEEP + 1] = { PC_SEMACQUIRE };
	const struct flame_options options = { .of = FLAME_WAIT };
	struct program *program = *state;
	struct flame flame;

	/* ends in recurse, work, bytes */
	for (int i = 1; i < DEEP; i++)
		pcs[i] = PC_RECURSE;
	pcs[DEEP - 2] = PC_WORK;
	pcs[DEEP - 1] = PC_BYTES;
	program_site(program, 1, "sync.Mutex.Lock", 5, 7 * MS, pcs);
	program_goroutine(program, 7, "chan receive", 0, other)->status = G_RUNNABLE;
	program_update(program, true, true);
	make(program, NULL, &options, &flame);
	assert_int_equal(flame.stacks.len, 1);
	assert_false(flame.stacks.data[0].cut);
	assert_string_equal(root_of(&flame, &flame.stacks.data[0]), "main.main");
	flame_free(&flame);
}

static void filters_leave_the_rest_out(void **state)
{
	struct flame_options options = { .of = FLAME_WAIT, .reason = "Mutex" };
	struct program *program = *state;
	struct flame_samples *samples;
	struct flame flame;

	program_goroutine(program, 1, "chan receive", 0, recv_stack);
	program_goroutine(program, 2, "sync.Mutex.Lock", 0x5004, mutex_stack);
	program_goroutine(program, 3, "sync.Mutex.Lock", 0x9004, mutex_stack);
	samples = program_samples(program, &options, BEGIN, LENGTH, 10);
	program_update(program, false, true);
	make(program, samples, &options, &flame);
	assert_int_equal(flame.value, 2 * LENGTH);
	flame_free(&flame);
	flame_samples_free(samples);

	options = (struct flame_options){ .of = FLAME_WAIT, .goid = 3 };
	samples = program_samples(program, &options, BEGIN, LENGTH, 10);
	make(program, samples, &options, &flame);
	assert_int_equal(flame.value, LENGTH);
	flame_free(&flame);
	flame_samples_free(samples);

	options = (struct flame_options){ .of = FLAME_WAIT, .object = 0x5000 };
	samples = program_samples(program, &options, BEGIN, LENGTH, 10);
	make(program, samples, &options, &flame);
	assert_int_equal(flame.value, LENGTH);
	flame_free(&flame);
	flame_samples_free(samples);
}

static void the_creator_is_the_root_when_there_is_one(void **state)
{
	const struct flame_options options = { .of = FLAME_WAIT, .created_by = true };
	struct program *program = *state;
	const struct flame_stack *stack;
	struct flame flame;

	program_site(program, 1, "chan receive", 5, 7 * MS, recv_stack);
	program_site(program, 2, "sync.Mutex.Lock", 3, 2 * MS, mutex_stack);
	program_spawn(program, PC_MAIN + 0x10, PC_WORK, 4);
	program_spawn(program, PC_MAIN + 0x20, PC_UPDATE, 4);
	program_spawn(program, PC_MAIN + 0x30, PC_UPDATE, 4);
	program_update(program, true, false);
	make(program, NULL, &options, &flame);
	stack = stack_with(&flame, "main.work");
	assert_string_equal(root_of(&flame, stack), "created by main.main");
	stack = stack_with(&flame, "main.update");
	assert_string_equal(root_of(&flame, stack), "created in several places");
	flame_free(&flame);
}

static void tasks_are_all_that_exist(void **state)
{
	const struct flame_options options = { .of = FLAME_TASKS };
	struct program *program = *state;
	struct flame flame;

	for (uint64_t goid = 1; goid <= 3; goid++)
		program_goroutine(program, goid, "chan receive", 0, recv_stack);
	program_goroutine(program, 4, "sync.Mutex.Lock", 0x5004, mutex_stack);
	program_goroutine(program, 5, "chan receive", 0, (const enum pc[]){ 0 })->status =
		G_RUNNING;
	program_goroutine(program, 6, "chan receive", 0, recv_stack)->system = true;
	program_update(program, false, true);
	make(program, NULL, &options, &flame);
	assert_int_equal(flame.value,
			 program->model.by_state[G_WAITING] + program->model.by_state[G_RUNNING]);
	assert_int_equal(stack_with(&flame, "main.work")->count, 3);
	assert_string_equal(stack_with(&flame, FLAME_NO_STACK_TEXT)->reason, "running");
	flame_free(&flame);
}

static void spawns_are_go_statements(void **state)
{
	const struct flame_options options = { .of = FLAME_SPAWN };
	struct program *program = *state;
	struct flame flame;

	program_spawn(program, PC_MAIN + 0x10, PC_WORK, 4);
	program_spawn(program, PC_WORK + 0x20, PC_GENERIC, 9);
	program_update(program, true, false);
	make(program, NULL, &options, &flame);
	assert_int_equal(flame.value, 13);
	assert_string_equal(leaf_of(&flame, &flame.stacks.data[0]), "go main.(*queue[...]).pop");
	assert_string_equal(leaf_of(&flame, stack_with(&flame, "main.main")), "go main.work");
	flame_free(&flame);
}

/* Who let others wait, without the frames below Unlock. */
static void the_mutex_profile_is_of_those_who_unlock(void **state)
{
	static const enum pc unlock[] = { PC_SEMRELEASE, PC_MUTEX_UNLOCK, PC_MAIN, PC_GOEXIT, 0 };
	const struct flame_options options = { .of = FLAME_MUTEX };
	struct program *program = *state;
	const struct flame_stack *stack;
	struct wake_row *wake;
	struct flame flame;

	program_site(program, 1, "sync.Mutex.Lock", 3, 2 * MS, mutex_stack);
	program_site(program, 2, "", 0, 0, unlock);
	program_site(program, 3, "chan receive", 5, 7 * MS, recv_stack);
	for (uint32_t woken = 1; woken <= 3; woken += 2) {
		wake = vec_push(&program->aggregates.wakes);
		assert_non_null(wake);
		wake->key = (struct ct_wake_key){ .site = woken, .waker = 2 };
		wake->wake = (struct ct_wake){ .count = 3,
					       .wait_ns_total = 6 * MS,
					       .charged_ns = 5 * MS };
	}
	program_update(program, true, false);
	make(program, NULL, &options, &flame);
	assert_int_equal(flame.stacks.len, 1);
	stack = &flame.stacks.data[0];
	assert_int_equal(stack->count, 3);
	assert_int_equal(stack->ns, 5 * MS);
	assert_string_equal(leaf_of(&flame, stack), "sync.(*Mutex).Unlock");
	assert_string_equal(root_of(&flame, stack), "main.main");
	flame_free(&flame);
}

static void the_block_profile_has_ended_waits_for_locks_and_channels(void **state)
{
	const struct flame_options options = { .of = FLAME_BLOCK };
	struct program *program = *state;
	struct flame_samples *samples;
	struct flame flame;

	program_site(program, 1, "sync.Mutex.Lock", 3, 2 * MS, mutex_stack);
	program_site(program, 2, "IO wait", 5, 7 * MS, recv_stack);
	program_goroutine(program, 7, "chan receive", 0, main_stack)->since_ns = BEGIN - 1;
	samples = program_samples(program, &options, BEGIN, LENGTH, 40);
	program_update(program, true, true);
	make(program, samples, &options, &flame);
	assert_int_equal(flame.stacks.len, 1);
	assert_int_equal(flame.value, 6 * MS);
	assert_int_equal(flame.count, 3);
	assert_string_equal(leaf_of(&flame, &flame.stacks.data[0]), "sync.(*Mutex).Lock");
	flame_free(&flame);
	flame_samples_free(samples);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(traced_waits_are_exact),
		TEST(totals_are_those_of_the_model),
		TEST(the_lock_is_the_leaf),
		TEST(older_waits_are_added_by_the_samples),
		TEST(a_wait_that_goes_on_counts_so_far),
		TEST(many_samples_are_better_than_windows),
		TEST(without_probes_samples_are_all),
		TEST(a_cut_stack_is_completed_when_one_goes_on_so),
		TEST(a_stack_goes_on_as_others_that_share_three_calls),
		TEST(filters_leave_the_rest_out),
		TEST(the_creator_is_the_root_when_there_is_one),
		TEST(tasks_are_all_that_exist),
		TEST(spawns_are_go_statements),
		TEST(the_mutex_profile_is_of_those_who_unlock),
		TEST(the_block_profile_has_ended_waits_for_locks_and_channels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
