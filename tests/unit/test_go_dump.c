// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The rules of runtime/traceback.go for what is printed, on stacks made up here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "export/go_dump.h"

#define WRAPPER 22
#define ENTRY 0x100000 /* of function i: ENTRY + i * SIZE */
#define SIZE 0x100

/* A function by its number; those with a name that begins with "+" have "inl" inlined. */
static const char *const functions[] = {
	"main.main",
	"main.work[go.shape.int,go.shape.string]",
	"runtime.gopark",
	"runtime.gopanic",
	"runtime.sigpanic",
	"main.(*T).wrapped",
	"runtime.GC",
	"runtime.goexit",
	"runtime.(*Frames).Next",
	"runtime.(*mheap).Alloc",
	"C_function",
	"+main.outer",
	"runtime.runCleanups",
};
enum {
	MAIN,
	GENERIC,
	GOPARK,
	GOPANIC,
	SIGPANIC,
	WRAPPED,
	GC,
	GOEXIT,
	EXPORTED_METHOD,
	HIDDEN_METHOD,
	C_FUNCTION,
	OUTER,
	CLEANUPS,
};

static size_t look_up(void *ctx, uint64_t pc, struct pclntab_frame *frames, size_t max)
{
	size_t index = (pc - ENTRY) / SIZE, count = 0;
	const char *name;

	(void)ctx;
	assert_true(max > 1);
	if (pc < ENTRY || index >= sizeof(functions) / sizeof(functions[0]))
		return 0;
	name = functions[index];
	if (*name == '+') {
		frames[count++] = (struct pclntab_frame){ .function = "main.inl",
							  .file = "/src/inl.go",
							  .line = 7,
							  .inlined = true,
							  .entry = ENTRY + index * SIZE };
		name++;
	}
	frames[count++] = (struct pclntab_frame){ .function = name,
						  .file = "/src/a.go",
						  .line = 10 + (int)index,
						  .func_id = index == WRAPPED ? WRAPPER : 0,
						  .entry = ENTRY + index * SIZE };
	return count;
}

/* Those of main.main and of what has something inlined. */
static size_t look_up_args(void *ctx, uint64_t pc, struct pclntab_arg *args, size_t max)
{
	static const struct pclntab_arg mains[] = {
		{ .kind = ARG_VALUE, .size = 8 },
		{ .kind = ARG_OPEN },
		{ .kind = ARG_VALUE, .offset = 8, .size = 8, .stale = true },
		{ .kind = ARG_OPEN },
		{ .kind = ARG_CLOSE },
		{ .kind = ARG_OPEN },
		{ .kind = ARG_MORE },
		{ .kind = ARG_CLOSE },
		{ .kind = ARG_TOO_FAR },
		{ .kind = ARG_CLOSE },
		{ .kind = ARG_MORE },
	};
	static const struct pclntab_arg outers[] = { { .kind = ARG_VALUE, .size = 1 } };
	size_t index = (pc - ENTRY) / SIZE;

	(void)ctx;
	assert_true(max >= sizeof(mains) / sizeof(mains[0]));
	if (index == MAIN)
		memcpy(args, mains, sizeof(mains));
	else if (index == OUTER)
		memcpy(args, outers, sizeof(outers));
	return index == MAIN ? sizeof(mains) / sizeof(mains[0]) : index == OUTER ? 1 : 0;
}

static uint64_t at(int function, unsigned offset)
{
	return ENTRY + (uint64_t)function * SIZE + offset;
}

/* What is printed for one goroutine with these pcs. */
static char *dump(int minor, struct goroutine goroutine, const uint64_t *pcs, size_t count)
{
	struct go_dump_source source = {
		.minor = minor, .reasons_minor = minor, .wrapper_id = WRAPPER, .look_up = look_up
	};
	struct snapshot snapshot = { .at_ns = 1000ULL * 60 * 1000000000 };
	FILE *out;
	char *text;
	size_t len;

	goroutine.pc_count = count;
	snapshot.goroutines.data = &goroutine;
	snapshot.goroutines.len = 1;
	snapshot.pcs.data = (uint64_t *)pcs;
	snapshot.pcs.len = count;
	out = open_memstream(&text, &len);
	assert_int_equal(go_dump_write(out, &source, &snapshot), 0);
	fclose(out);
	return text;
}

static void expect(int minor, struct goroutine goroutine, const uint64_t *pcs, size_t count,
		   const char *wanted)
{
	char *text = dump(minor, goroutine, pcs, count);

	assert_string_equal(text, wanted);
	free(text);
}

static struct goroutine waiting(const char *reason)
{
	return (struct goroutine){ .goid = 5,
				   .status = G_WAITING,
				   .wait_reason = (uint8_t)wait_reason_value(24, reason) };
}

static void prints_the_state(void **state)
{
	const uint64_t pcs[] = { at(MAIN, 0x10) };
	static const char frame[] = "main.main(...)\n\t/src/a.go:10 +0x11\n";
	struct goroutine goroutine = waiting("chan receive");
	char wanted[256];

	(void)state;
	goroutine.locked = goroutine.scan = true;
	goroutine.waitsince_ns = 990ULL * 60 * 1000000000 + 5;
	snprintf(wanted, sizeof(wanted),
		 "goroutine 5 [chan receive (scan), 9 minutes, locked to thread]:\n%s", frame);
	expect(24, goroutine, pcs, 1, wanted);
	goroutine = (struct goroutine){ .goid = 1, .status = G_RUNNABLE, .waitsince_ns = 1 };
	snprintf(wanted, sizeof(wanted), "goroutine 1 [runnable]:\n%s", frame);
	expect(24, goroutine, pcs, 1, wanted);
	goroutine.status = G_SYSCALL;
	snprintf(wanted, sizeof(wanted), "goroutine 1 [syscall, 999 minutes]:\n%s", frame);
	expect(24, goroutine, pcs, 1, wanted);
	goroutine = (struct goroutine){ .goid = 9, .status = G_RUNNING };
	expect(24, goroutine, pcs, 0,
	       "goroutine 9 [running]:\n"
	       "\tgoroutine running on other thread; stack unavailable\n");
	goroutine = (struct goroutine){ .goid = 9, .status = G_LEAKED };
	goroutine.wait_reason = (uint8_t)wait_reason_value(26, "chan send");
	snprintf(wanted, sizeof(wanted), "goroutine 9 [chan send (leaked)]:\n%s", frame);
	expect(26, goroutine, pcs, 1, wanted);
}

static void prints_who_created_it(void **state)
{
	const uint64_t pcs[] = { at(MAIN, 0x10) };
	struct goroutine goroutine = waiting("select");

	(void)state;
	goroutine.gopc = at(OUTER, 0x21);
	goroutine.parent_goid = 3;
	expect(24, goroutine, pcs, 1,
	       "goroutine 5 [select]:\nmain.main(...)\n\t/src/a.go:10 +0x11\n"
	       "created by main.outer in goroutine 3\n\t/src/inl.go:7 +0x21\n");
	goroutine.parent_goid = 0;
	expect(19, goroutine, pcs, 1,
	       "goroutine 5 [select]:\nmain.main(...)\n\t/src/a.go:10 +0x11\n"
	       "created by main.outer\n\t/src/inl.go:7 +0x21\n");
	goroutine.gopc = at(GOPARK, 0x21); /* the runtime: not shown */
	expect(24, goroutine, pcs, 1,
	       "goroutine 5 [select]:\nmain.main(...)\n\t/src/a.go:10 +0x11\n");
}

static void hides_what_go_hides(void **state)
{
	const uint64_t pcs[] = { at(GOPARK, 1),        at(GC, 1),         at(EXPORTED_METHOD, 1),
				 at(HIDDEN_METHOD, 1), at(C_FUNCTION, 1), at(CLEANUPS, 1),
				 at(OUTER, 1),         at(WRAPPED, 1),    at(GENERIC, 1),
				 at(GOEXIT, 0) };
	struct goroutine goroutine = waiting("select");

	(void)state;
	expect(22, goroutine, pcs, 10,
	       "goroutine 5 [select]:\nruntime.GC(...)\n\t/src/a.go:16 +0x2\n"
	       "main.inl(...)\n\t/src/inl.go:7\nmain.outer(...)\n\t/src/a.go:21 +0x2\n"
	       "main.work[...](...)\n\t/src/a.go:11 +0x2\n");
	/* exported methods of exported types from 1.23 on, who runs cleanups from 1.25 on */
	expect(25, goroutine, pcs, 10,
	       "goroutine 5 [select]:\nruntime.GC(...)\n\t/src/a.go:16 +0x2\n"
	       "runtime.(*Frames).Next(...)\n\t/src/a.go:18 +0x2\n"
	       "runtime.runCleanups(...)\n\t/src/a.go:22 +0x2\n"
	       "main.inl(...)\n\t/src/inl.go:7\nmain.outer(...)\n\t/src/a.go:21 +0x2\n"
	       "main.work[...](...)\n\t/src/a.go:11 +0x2\n");
}

static void shows_the_runtime_when_there_is_nothing_else(void **state)
{
	const uint64_t pcs[] = { at(GOPARK, 1), at(GOEXIT, 0) };
	struct goroutine goroutine = waiting("select");

	(void)state;
	expect(24, goroutine, pcs, 2,
	       "goroutine 5 [select]:\nruntime.gopark(...)\n\t/src/a.go:12 +0x2\n"
	       "runtime.goexit(...)\n\t/src/a.go:17 +0x1\n");
}

static void shows_panics(void **state)
{
	/* the wrapper panicked, in an instruction and not in a call */
	const uint64_t pcs[] = { at(MAIN, 1), at(GOPANIC, 1), at(SIGPANIC, 1), at(WRAPPED, 0x30),
				 at(WRAPPED, 0x40) };
	const uint64_t begun[] = { at(MAIN, 0) };
	struct goroutine goroutine = waiting("select");

	(void)state;
	expect(24, goroutine, pcs, 5,
	       "goroutine 5 [select]:\nmain.main(...)\n\t/src/a.go:10 +0x2\n"
	       "panic(...)\n\t/src/a.go:13 +0x2\n"
	       "main.(*T).wrapped(...)\n\t/src/a.go:15 +0x30\n");
	/* gopanic is shown between other frames only */
	expect(24, goroutine, pcs + 1, 4,
	       "goroutine 5 [select]:\nmain.(*T).wrapped(...)\n\t/src/a.go:15 +0x30\n");
	/* one that has not begun is at its first instruction */
	expect(24, goroutine, begun, 1, "goroutine 5 [select]:\nmain.main(...)\n\t/src/a.go:10\n");
}

static size_t count_of(const char *text, const char *what)
{
	size_t count = 0;

	for (const char *found = strstr(text, what); found; found = strstr(found + 1, what))
		count++;
	return count;
}

static void leaves_out_the_middle(void **state)
{
	static uint64_t pcs[400];
	struct goroutine goroutine = waiting("select");
	char *text;

	(void)state;
	/* two frames each */
	for (size_t i = 0; i < 400; i++)
		pcs[i] = at(OUTER, 0x10);
	for (size_t count = 40; count <= 50; count++) {
		text = dump(24, goroutine, pcs, count);
		assert_int_equal(count_of(text, "main."), 2 * count);
		assert_null(strstr(text, "elided"));
		free(text);
	}
	text = dump(24, goroutine, pcs, 51);
	assert_int_equal(count_of(text, "main."), 100);
	assert_non_null(strstr(text, "...2 frames elided...\n"));
	free(text);
	/* an odd one at the beginning: the cut is in the middle of a pc, on both sides */
	pcs[0] = at(MAIN, 0x10);
	text = dump(24, goroutine, pcs, 400);
	assert_int_equal(count_of(text, "main."), 100);
	assert_non_null(strstr(text, "main.inl(...)\n\t/src/inl.go:7\n...699 frames elided...\n"
				     "main.inl(...)\n"));
	free(text);
	/* up to 1.20: a hundred pcs, and it says so when they are a hundred frames */
	for (size_t i = 0; i < 400; i++)
		pcs[i] = at(MAIN, 0x10);
	text = dump(19, goroutine, pcs, 400);
	assert_int_equal(count_of(text, "main."), 100);
	assert_non_null(strstr(text, "+0x11\n...additional frames elided...\n"));
	free(text);
	pcs[0] = at(GOPARK, 0x10);
	text = dump(19, goroutine, pcs, 400);
	assert_int_equal(count_of(text, "main."), 99);
	assert_null(strstr(text, "elided"));
	free(text);
}

static char *dump_with_args(const uint64_t *pcs, size_t count, uint64_t *args, size_t arg_count)
{
	const struct go_dump_source source = { .minor = 24,
					       .reasons_minor = 24,
					       .wrapper_id = WRAPPER,
					       .look_up = look_up,
					       .look_up_args = look_up_args };
	struct goroutine goroutine = waiting("select");
	struct snapshot snapshot = { .has_args = true };
	FILE *out;
	char *text;
	size_t len;

	goroutine.pc_count = count;
	goroutine.arg_count = arg_count;
	snapshot.goroutines.data = &goroutine;
	snapshot.goroutines.len = 1;
	snapshot.pcs.data = (uint64_t *)pcs;
	snapshot.pcs.len = count;
	snapshot.args.data = args;
	snapshot.args.len = arg_count;
	out = open_memstream(&text, &len);
	assert_int_equal(go_dump_write(out, &source, &snapshot), 0);
	fclose(out);
	return text;
}

static void prints_arguments(void **state)
{
	static uint64_t many[120], values[120];
	const uint64_t pcs[] = { at(GC, 1), at(OUTER, 1), at(MAIN, 1) };
	uint64_t args[] = { 0x11, 0, UINT64_MAX };
	char *text = dump_with_args(pcs, 3, args, 3);

	(void)state;
	assert_string_equal(
		text, "goroutine 5 [select]:\nruntime.GC()\n\t/src/a.go:16 +0x2\n"
		      "main.inl(...)\n\t/src/inl.go:7\nmain.outer(0x11)\n\t/src/a.go:21 +0x2\n"
		      "main.main(0x0, {0xffffffffffffffff?, {}, {...}, _}, ...)\n"
		      "\t/src/a.go:10 +0x2\n");
	free(text);
	/* a frame whose values are not all known has none; those before it have theirs */
	text = dump_with_args(pcs, 3, args, 2);
	assert_non_null(strstr(text, "main.outer(0x11)"));
	assert_non_null(strstr(text, "main.main(...)"));
	free(text);
	/* those of frames that are hidden or left out are passed over */
	for (size_t i = 0; i < 120; i++) {
		many[i] = at(OUTER, 1);
		values[i] = i;
	}
	text = dump_with_args(many, 120, values, 120);
	assert_non_null(strstr(text, "main.outer(0x18)\n\t/src/a.go:21 +0x2\n"
				     "...140 frames elided...\nmain.inl(...)\n\t/src/inl.go:7\n"
				     "main.outer(0x5f)\n"));
	assert_null(strstr(text, "main.outer(0x19)"));
	assert_non_null(strstr(text, "main.outer(0x77)\n"));
	free(text);
}

static void separates_goroutines(void **state)
{
	struct go_dump_source source = { .minor = 24, .look_up = look_up };
	struct goroutine goroutines[2] = { { .goid = 1, .status = G_RUNNING },
					   { .goid = 2, .status = G_RUNNING } };
	struct snapshot snapshot = { 0 };
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	snapshot.goroutines.data = goroutines;
	snapshot.goroutines.len = 2;
	assert_int_equal(go_dump_write(out, &source, &snapshot), 0);
	fclose(out);
	assert_string_equal(text, "goroutine 1 [running]:\n"
				  "\tgoroutine running on other thread; stack unavailable\n\n"
				  "goroutine 2 [running]:\n"
				  "\tgoroutine running on other thread; stack unavailable\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prints_the_state),
		cmocka_unit_test(prints_who_created_it),
		cmocka_unit_test(hides_what_go_hides),
		cmocka_unit_test(shows_the_runtime_when_there_is_nothing_else),
		cmocka_unit_test(shows_panics),
		cmocka_unit_test(leaves_out_the_middle),
		cmocka_unit_test(prints_arguments),
		cmocka_unit_test(separates_goroutines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
