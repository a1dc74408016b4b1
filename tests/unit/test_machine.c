// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Instructions lifted and followed on paper. The bytes are from objdump of Go binaries, of the inlined Lock and
 * Unlock among others, or assembled by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <unistd.h>

#include "collect/machine.h"

#define BASE 0x401000
#define STACK 0x7000

static lift_insns lift(const uint8_t *code, size_t len)
{
	lift_insns insns = { 0 };

	assert_int_equal(lift_function(code, len, BASE, &insns), 0);
	return insns;
}

#define LIFT(...) lift((const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

static uint64_t stack[16];
static struct machine_memory memory = { .stack = (const uint8_t *)stack,
					.stack_lo = STACK,
					.stack_hi = STACK + sizeof(stack) };

static void start(struct machine *machine)
{
	machine_init(machine, &memory);
	machine->regs[MACHINE_RSP] =
		(struct machine_value){ .bits = STACK, .known = true, .steady = true };
}

static void run(struct machine *machine, lift_insns insns)
{
	for (size_t i = 0; i < insns.len; i++)
		machine_step(machine, &insns.data[i]);
	vec_free(&insns);
}

static int set_up(void **state)
{
	(void)state;
	memset(stack, 0, sizeof(stack));
	memory.pages = page_cache_new(getpid(), 16);
	assert_non_null(memory.pages);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	page_cache_free(memory.pages);
	return 0;
}

static void an_inlined_unlock_is_seen_as_such(void **state)
{
	/* mov $-1,%ebx; mov 0x30(%rsp),%rcx; lock xadd %ebx,0x8(%rcx) */
	lift_insns insns = LIFT(0xbb, 0xff, 0xff, 0xff, 0xff, 0x48, 0x8b, 0x4c, 0x24, 0x30, 0xf0,
				0x0f, 0xc1, 0x59, 0x08);
	struct machine machine;

	(void)state;
	stack[6] = 0xc000012340;
	start(&machine);
	machine_step(&machine, &insns.data[0]);
	machine_step(&machine, &insns.data[1]);
	assert_int_equal(insns.data[2].op, LIFT_XADD);
	assert_true(insns.data[2].locked);
	assert_int_equal(machine_address(&machine, &insns.data[2].to).bits, 0xc000012348);
	assert_true(machine_address(&machine, &insns.data[2].to).known);
	assert_int_equal((int32_t)machine_read(&machine, &insns.data[2].from).bits, -1);
	vec_free(&insns);
}

static void an_inlined_lock_is_seen_as_such(void **state)
{
	/* xor %eax,%eax; mov $1,%edx; lock cmpxchg %edx,0x8(%rcx) */
	lift_insns insns = LIFT(0x31, 0xc0, 0xba, 1, 0, 0, 0, 0xf0, 0x0f, 0xb1, 0x51, 0x08);

	(void)state;
	assert_int_equal(insns.data[2].op, LIFT_CMPXCHG);
	assert_true(insns.data[2].locked);
	assert_int_equal(insns.data[2].to.size, 4);
	assert_int_equal(insns.data[2].to.value, 8);
	vec_free(&insns);
}

static void addresses_of_globals_are_known(void **state)
{
	/* lea 0x10(%rip),%rax */
	lift_insns insns = LIFT(0x48, 0x8d, 0x05, 0x10, 0, 0, 0);
	struct machine machine;

	(void)state;
	start(&machine);
	run(&machine, insns);
	assert_true(machine.regs[MACHINE_RAX].known);
	assert_int_equal(machine.regs[MACHINE_RAX].bits, BASE + 7 + 0x10);
}

static void constants_are_sign_extended(void **state)
{
	struct machine machine;

	(void)state;
	start(&machine);
	run(&machine, LIFT(0x48, 0xc7, 0xc3, 0xff, 0xff, 0xff, 0xff)); /* mov $-1,%rbx */
	assert_int_equal((int64_t)machine.regs[MACHINE_RBX].bits, -1);
	run(&machine, LIFT(0xbb, 0xff, 0xff, 0xff, 0xff)); /* mov $-1,%ebx */
	assert_int_equal(machine.regs[MACHINE_RBX].bits, 0xffffffff);
}

static void what_is_stored_hides_what_was_there(void **state)
{
	struct machine machine;

	(void)state;
	stack[1] = 0x1111111111111111;
	start(&machine);
	run(&machine, LIFT(0xc6, 0x44, 0x24, 0x09, 0x22)); /* movb $0x22,0x9(%rsp) */
	assert_int_equal(machine_load(&machine, STACK + 8, 8).bits, 0x1111111111112211);
	run(&machine,
	    LIFT(0x48, 0x89, 0x44, 0x24, 0x08)); /* mov %rax,0x8(%rsp), which is unknown */
	assert_false(machine_load(&machine, STACK + 8, 8).known);
	assert_int_equal(stack[1], 0x1111111111111111);
}

static void zero_registers_and_vectors_are_known(void **state)
{
	struct machine machine;

	(void)state;
	stack[5] = stack[6] = 7;
	start(&machine);
	run(&machine, LIFT(0x31, 0xc0)); /* xor %eax,%eax */
	assert_true(machine.regs[MACHINE_RAX].known);
	run(&machine, LIFT(0x44, 0x0f, 0x11, 0x7c, 0x24, 0x28)); /* movups %xmm15,0x28(%rsp) */
	assert_int_equal(machine_load(&machine, STACK + 0x28, 8).bits, 0);
	assert_int_equal(machine_load(&machine, STACK + 0x30, 8).bits, 0);
}

static void a_flag_on_the_stack_decides_a_branch(void **state)
{
	/* movzbl 0x17(%rsp),%eax; test $0x1,%al; je */
	lift_insns insns = LIFT(0x0f, 0xb6, 0x44, 0x24, 0x17, 0xa8, 0x01, 0x74, 0x02);
	struct machine machine;

	(void)state;
	for (int set = 0; set < 2; set++) {
		stack[2] = set ? 0x0100000000000000 : 0;
		start(&machine);
		machine_step(&machine, &insns.data[0]);
		machine_step(&machine, &insns.data[1]);
		assert_int_equal(insns.data[2].op, LIFT_JCC);
		assert_int_equal(machine_decides(&machine, &insns.data[2]), !set);
	}
	start(&machine);
	machine_step(&machine, &insns.data[1]); /* eax is unknown */
	assert_int_equal(machine_decides(&machine, &insns.data[2]), -1);
	vec_free(&insns);
}

static void what_others_may_change_decides_nothing(void **state)
{
	static uint64_t shared = 5;
	/* cmpq $5,(%rcx); je */
	lift_insns insns = LIFT(0x48, 0x83, 0x39, 0x05, 0x74, 0x02);
	struct machine machine;

	(void)state;
	start(&machine);
	machine.regs[1] =
		(struct machine_value){ .bits = (uintptr_t)&shared, .known = true, .steady = true };
	machine_step(&machine, &insns.data[0]);
	assert_true(machine.left.known);
	assert_int_equal(machine.left.bits, 5);
	assert_int_equal(machine_decides(&machine, &insns.data[1]), -1);
	vec_free(&insns);
}

static void too_many_stores_make_the_stack_unknown(void **state)
{
	struct machine machine;

	(void)state;
	start(&machine);
	machine.regs[MACHINE_RAX] = (struct machine_value){ .bits = 1, .known = true };
	for (uint64_t i = 0; i <= MACHINE_STORES; i++) {
		machine.regs[1] = (struct machine_value){ .bits = 0x100000 + 8 * i, .known = true };
		run(&machine, LIFT(0x48, 0x89, 0x01)); /* mov %rax,(%rcx) */
	}
	assert_true(machine.overflow);
	assert_false(machine_load(&machine, STACK + 8, 8).known);
}

static void bytes_that_are_no_code_end_it(void **state)
{
	static const uint8_t code[] = { 0x90, 0x06 };
	lift_insns insns = { 0 };

	(void)state;
	assert_int_not_equal(lift_function(code, sizeof(code), BASE, &insns), 0);
	assert_int_equal(insns.len, 1);
	assert_int_equal(lift_find(&insns, BASE), 0);
	assert_int_equal(lift_find(&insns, BASE + 1), 1);
	vec_free(&insns);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(an_inlined_unlock_is_seen_as_such),
		TEST(an_inlined_lock_is_seen_as_such),
		TEST(addresses_of_globals_are_known),
		TEST(constants_are_sign_extended),
		TEST(what_is_stored_hides_what_was_there),
		TEST(zero_registers_and_vectors_are_known),
		TEST(a_flag_on_the_stack_decides_a_branch),
		TEST(what_others_may_change_decides_nothing),
		TEST(too_many_stores_make_the_stack_unknown),
		TEST(bytes_that_are_no_code_end_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
