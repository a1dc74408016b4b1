// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Instruction bytes were taken from objdump of Go 1.19 and 1.24 binaries, or assembled by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "probe/place.h"

#define BASE 0x401000
#define RAX (1U << 0)
#define RCX (1U << 1)
#define RBX (1U << 3)
#define REG_RCX 1

static const char *everything_is_morestack(void *ctx, uint64_t addr)
{
	(void)ctx;
	(void)addr;
	return "runtime.morestack_noctxt.abi0";
}

static const char *nothing_is_morestack(void *ctx, uint64_t addr)
{
	(void)ctx;
	(void)addr;
	return "runtime.throw";
}

static decode_insns decode(const uint8_t *code, size_t len)
{
	decode_insns insns = { 0 };

	assert_int_equal(decode_function(code, len, BASE, &insns), 0);
	return insns;
}

#define DECODE(...)                                                                                \
	decode((const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

/* cmp 0x10(%r14),%rsp; jbe end; push %rbp; mov %rsp,%rbp; pop %rbp; ret; end: call; jmp start */
#define GO124                                                                                      \
	0x49, 0x3b, 0x66, 0x10, 0x76, 0x06, 0x55, 0x48, 0x89, 0xe5, 0x5d, 0xc3, 0xe8, 0, 0, 0, 0,  \
		0xeb, 0xed
/* the same without a frame pointer at the start: sub $8,%rsp follows the check */
#define GO119                                                                                      \
	0x49, 0x3b, 0x66, 0x10, 0x76, 0x09, 0x48, 0x83, 0xec, 0x08, 0x48, 0x83, 0xc4, 0x08, 0xc3,  \
		0xe8, 0, 0, 0, 0, 0xeb, 0xea

static void prefers_the_stack_check_to_the_push_behind_it(void **state)
{
	decode_insns insns = DECODE(GO124);
	struct place place;

	(void)state;
	assert_int_equal(place_near_entry(&insns, RAX | RBX, everything_is_morestack, NULL, &place),
			 0);
	assert_int_equal(place.insn->addr, BASE + 4);
	assert_true(place.stack_check);
	vec_free(&insns);
}

static void takes_the_jump_when_there_is_no_push(void **state)
{
	decode_insns insns = DECODE(GO119);
	struct place place;

	(void)state;
	assert_int_equal(place_near_entry(&insns, RAX, everything_is_morestack, NULL, &place), 0);
	assert_int_equal(place.insn->addr, BASE + 4);
	assert_true(place.stack_check);
	vec_free(&insns);
}

static void does_not_pass_a_jump_that_is_no_stack_check(void **state)
{
	decode_insns insns = DECODE(GO124);
	struct place place;

	(void)state;
	assert_int_equal(place_near_entry(&insns, RAX, nothing_is_morestack, NULL, &place),
			 -ENOENT);
	vec_free(&insns);
}

static void stops_where_an_argument_is_overwritten(void **state)
{
	/* xor %eax,%eax; push %rbp; ret */
	decode_insns insns = DECODE(0x31, 0xc0, 0x55, 0xc3);
	struct place place;

	(void)state;
	assert_int_equal(place_near_entry(&insns, RAX, everything_is_morestack, NULL, &place),
			 -ENOENT);
	assert_int_equal(place_near_entry(&insns, RBX, everything_is_morestack, NULL, &place), 0);
	assert_int_equal(place.insn->addr, BASE + 2);
	vec_free(&insns);
}

static void stops_where_the_stack_pointer_moved(void **state)
{
	/* sub $8,%rsp; push %rbp; ret */
	decode_insns insns = DECODE(0x48, 0x83, 0xec, 0x08, 0x55, 0xc3);
	struct place place;

	(void)state;
	assert_int_equal(place_near_entry(&insns, 0, everything_is_morestack, NULL, &place),
			 -ENOENT);
	vec_free(&insns);
}

static void refuses_an_instruction_that_a_loop_comes_back_to(void **state)
{
	/* mov %rax,%rdx; again: push %rbp; pop %rbp; jmp again */
	decode_insns insns = DECODE(0x48, 0x89, 0xc2, 0x55, 0x5d, 0xeb, 0xfc);
	struct place place;

	(void)state;
	assert_int_equal(place_near_entry(&insns, RAX, everything_is_morestack, NULL, &place),
			 -ENOENT);
	vec_free(&insns);
}

static void finds_a_constant_argument(void **state)
{
	/* mov $4,%ebx; mov $1,%ecx; call */
	decode_insns insns = DECODE(0xbb, 4, 0, 0, 0, 0xb9, 1, 0, 0, 0, 0xe8, 0, 0, 0, 0);

	(void)state;
	assert_int_equal(place_call_has_constant(&insns, 2, REG_RCX, 1), 1);
	assert_int_equal(place_call_has_constant(&insns, 2, REG_RCX, 4), 0);
	vec_free(&insns);
}

static void does_not_trust_a_constant_from_before_a_call_or_jump(void **state)
{
	/* mov $1,%ecx; call; call */
	decode_insns insns = DECODE(0xb9, 1, 0, 0, 0, 0xe8, 0, 0, 0, 0, 0xe8, 0, 0, 0, 0);
	/* mov $1,%ecx; here: nop; call; jmp here */
	decode_insns joined = DECODE(0xb9, 1, 0, 0, 0, 0x90, 0xe8, 0, 0, 0, 0, 0xeb, 0xf8);

	(void)state;
	assert_int_equal(place_call_has_constant(&insns, 2, REG_RCX, 1), -ENODATA);
	assert_int_equal(place_call_has_constant(&joined, 2, REG_RCX, 1), -ENODATA);
	vec_free(&insns);
	vec_free(&joined);
}

static void knows_what_the_kernel_emulates(void **state)
{
	/* nop; push %r12; push $1; jae; near jbe; jmp; call; ret; data16 nop; jrcxz; call *%rax */
	decode_insns insns = DECODE(0x90, 0x41, 0x54, 0x6a, 1, 0x73, 0, 0x0f, 0x86, 0, 0, 0, 0,
				    0xeb, 0, 0xe8, 0, 0, 0, 0, 0xc3, 0x66, 0x90, 0xe3, 0, 0xff,
				    0xd0);
	const bool emulated[] = { true, true,  false, true,  true, true,
				  true, false, false, false, false };

	(void)state;
	assert_int_equal(insns.len, sizeof(emulated) / sizeof(emulated[0]));
	for (size_t i = 0; i < insns.len; i++)
		assert_int_equal(insns.data[i].emulated, emulated[i]);
	vec_free(&insns);
}

static void reports_code_that_does_not_decode(void **state)
{
	const uint8_t code[] = { 0x90, 0x06 }; /* push %es does not exist in 64-bit mode */
	decode_insns insns = { 0 };

	(void)state;
	assert_int_equal(decode_function(code, sizeof(code), BASE, &insns), -EILSEQ);
	assert_int_equal(insns.len, 1);
	vec_free(&insns);
}

static void finds_the_jump_to_the_only_indirect_call(void **state)
{
	/* test %rdx,%rdx; jne there; ret; there: mov (%rdx),%rax; call *%rax; ret */
	decode_insns jumped =
		DECODE(0x48, 0x85, 0xd2, 0x75, 1, 0xc3, 0x48, 0x8b, 0x02, 0xff, 0xd0, 0xc3);
	/* test %rdx,%rdx; je end; mov (%rdx),%rax; call *%rax; end: ret */
	decode_insns straight =
		DECODE(0x48, 0x85, 0xd2, 0x74, 5, 0x48, 0x8b, 0x02, 0xff, 0xd0, 0xc3);
	struct place place;

	(void)state;
	assert_int_equal(place_before_indirect_call(&jumped, &place), 0);
	assert_int_equal(place.insn->addr, BASE + 3);
	assert_int_equal(place_before_indirect_call(&straight, &place), 0);
	assert_int_equal(place.insn->addr, BASE + 3);
	vec_free(&jumped);
	vec_free(&straight);
}

static void refuses_an_indirect_call_with_several_ways_to_it(void **state)
{
	/* je there; jne there; ret; there: call *%rax; ret */
	decode_insns jumps = DECODE(0x74, 3, 0x75, 1, 0xc3, 0xff, 0xd0, 0xc3);
	/* je there; nop; there: call *%rax; ret */
	decode_insns joined = DECODE(0x74, 1, 0x90, 0xff, 0xd0, 0xc3);
	/* je end; call *%rax; call *%rax; end: ret */
	decode_insns two = DECODE(0x74, 4, 0xff, 0xd0, 0xff, 0xd0, 0xc3);
	/* call *%rax; ret */
	decode_insns always = DECODE(0xff, 0xd0, 0xc3);
	struct place place;

	(void)state;
	assert_int_equal(place_before_indirect_call(&jumps, &place), -ENOENT);
	assert_int_equal(place_before_indirect_call(&joined, &place), -ENOENT);
	assert_int_equal(place_before_indirect_call(&two, &place), -ENOENT);
	assert_int_equal(place_before_indirect_call(&always, &place), -ENOENT);
	vec_free(&jumps);
	vec_free(&joined);
	vec_free(&two);
	vec_free(&always);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prefers_the_stack_check_to_the_push_behind_it),
		cmocka_unit_test(takes_the_jump_when_there_is_no_push),
		cmocka_unit_test(does_not_pass_a_jump_that_is_no_stack_check),
		cmocka_unit_test(stops_where_an_argument_is_overwritten),
		cmocka_unit_test(stops_where_the_stack_pointer_moved),
		cmocka_unit_test(refuses_an_instruction_that_a_loop_comes_back_to),
		cmocka_unit_test(finds_a_constant_argument),
		cmocka_unit_test(does_not_trust_a_constant_from_before_a_call_or_jump),
		cmocka_unit_test(knows_what_the_kernel_emulates),
		cmocka_unit_test(reports_code_that_does_not_decode),
		cmocka_unit_test(finds_the_jump_to_the_only_indirect_call),
		cmocka_unit_test(refuses_an_indirect_call_with_several_ways_to_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
