// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Opens running Go programs of every version and kind that the tests have built. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "children.h"
#include "target/globals.h"
#include "target/layout_validate.h"
#include "target/memory.h"
#include "target/target.h"

#define CHILD_GOMAXPROCS 3

/* Programs wait for commands on stdin; an oracle does so when it has an argument. */
struct kind {
	const char *pattern, *argument;
	bool stripped, pie, cgo;
};

static const struct kind kinds[] = {
	{ "build/targets/1.*/zoo", NULL, false, false, false },
	{ "build/targets/1.*/zoo_cgo", NULL, false, false, true },
	{ "build/targets/1.*/stripped/zoo", NULL, true, false, false },
	{ "build/targets/1.*/stripped/zoo_cgo", NULL, true, false, true },
	{ "build/targets/1.*/pie/zoo", NULL, true, true, false },
	{ "build/oracle/1.*/plain", "frames", false, false, false },
	{ "build/oracle/1.*/pie", "frames", false, true, false },
	{ "build/oracle/1.*/external", "frames", false, false, true },
	{ "build/oracle/1.*/extpie", "frames", false, true, true },
};

static size_t larger(size_t a, size_t b)
{
	return a > b ? a : b;
}

static int minor_in(const char *path)
{
	return atoi(strstr(path, "/1.") + strlen("/1."));
}

static void open_or_fail(const struct child *child, struct target *target)
{
	struct err err = { 0 };

	if (target_open(child->pid, target, &err))
		fail_msg("%s failed: %s; %s", err.what, err.why, err.todo);
}

/* Not at once: this starts the child and opens it before it is ready, as users do. */
static void start_and_open(struct child *child, struct target *target, const char *path,
			   const char *argument)
{
	child_start(child, path, argument);
	while (true) {
		char exe[512], link[64];
		ssize_t len;

		/* until the child has called exec */
		snprintf(link, sizeof(link), "/proc/%d/exe", child->pid);
		len = readlink(link, exe, sizeof(exe) - 1);
		assert_true(len > 0);
		exe[len] = '\0';
		if (strlen(path) <= (size_t)len && !strcmp(exe + len - strlen(path), path))
			break;
		usleep(1000);
	}
	open_or_fail(child, target);
}

static void expect_symbol(struct target *target, const char *name, uint64_t addr)
{
	uint64_t link_time;

	assert_int_equal(elf_symbol_by_name(&target->image, name, &link_time, NULL), 0);
	assert_int_equal(addr, link_time + target->load_bias);
}

/* What the code says must be what the symbols say. */
static void expect_the_same_from_code(const struct target *target)
{
	struct target without = *target;

	without.image.symbols = NULL;
	without.image.sections = NULL;
	without.image.section_count = 0;
	without.allglen = without.allgptr = without.semtable = without.gomaxprocs_addr = 0;
	assert_int_equal(globals_find(&without), 0);
	assert_int_equal(without.allglen, target->allglen);
	assert_int_equal(without.allgptr, target->allgptr);
	assert_int_equal(without.semtable, target->semtable);
	assert_int_equal(without.gomaxprocs_addr, target->gomaxprocs_addr);
	free(without.image.symbols);
}

/* As DWARF has it (shared/go-runtime layouts of 1.19 to 1.27). */
static void expect_scheduler_count(struct target *target, int minor)
{
	uint64_t sched, offset = minor < 21 ? 312 : minor < 25 ? 320 : minor < 26 ? 344 : 360;

	assert_int_equal(elf_symbol_by_name(&target->image, "runtime.sched", &sched, NULL), 0);
	assert_int_equal(target->time_to_run, sched + target->load_bias + offset);
	assert_int_equal(target->time_to_run_len, minor < 21 ? 721 : 162);
}

static void expect_kind(struct target *target, const struct kind *kind, int minor)
{
	uint64_t count;

	assert_int_equal(target->build.version.minor, minor);
	assert_int_equal(target->layout.minor, minor);
	assert_int_equal(target->reasons_minor, minor);
	assert_int_equal(target->layout_origin, LAYOUT_FROM_TABLE);
	assert_int_equal(target->stripped, kind->stripped);
	assert_int_equal(target->image.pie, kind->pie);
	assert_int_equal(target->load_bias != 0, kind->pie);
	assert_int_equal(target->cgo, kind->cgo);
	assert_int_equal(target->gomaxprocs, CHILD_GOMAXPROCS);
	assert_int_not_equal(target->semtable, 0);
	assert_int_not_equal(target->time_to_run, 0);
	assert_int_equal(memory_read_u64(target->pid, target->allglen, &count), 0);
	assert_in_range(count, 1, 1000);
	assert_true(target_alive(target));
	if (kind->stripped)
		return;
	expect_symbol(target, "runtime.firstmoduledata", target->moduledata);
	expect_symbol(target, "runtime.text", target->pclntab.text_start + target->load_bias);
	expect_symbol(target, "runtime.allglen", target->allglen);
	expect_symbol(target, "runtime.allgptr", target->allgptr);
	expect_symbol(target, "runtime.semtable", target->semtable);
	expect_symbol(target, "runtime.gomaxprocs", target->gomaxprocs_addr);
	expect_scheduler_count(target, minor);
	expect_the_same_from_code(target);
}

static void opens_every_version_and_kind(void **state)
{
	size_t opened = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		glob_t found;

		if (glob(kinds[i].pattern, 0, NULL, &found))
			continue;
		for (size_t j = 0; j < found.gl_pathc; j++, opened++) {
			const char *path = found.gl_pathv[j];
			struct target target;
			struct child child;

			print_message("# %s\n", path);
			start_and_open(&child, &target, path, kinds[i].argument);
			expect_kind(&target, &kinds[i], minor_in(path));
			target_close(&target);
			child_end(&child);
		}
		globfree(&found);
	}
	if (!opened) {
		print_message("# no programs: make targets\n");
		skip();
	}
}

/* Starts `path`, or skips the test when it was not built. */
static void start_ready(struct child *child, const char *path)
{
	if (access(path, X_OK)) {
		print_message("# %s was not built\n", path);
		skip();
	}
	child_start(child, path, NULL);
	assert_true(child_says(child, "ready"));
}

/* Of the rows that differ in what the snapshot reads, only the right one holds. */
static void a_wrong_layout_does_not_hold(void **state)
{
	glob_t found;
	size_t count;
	const struct layout *table = layout_table(&count);

	(void)state;
	if (glob("build/targets/1.*/zoo", 0, NULL, &found))
		skip();
	for (size_t i = 0; i < found.gl_pathc; i++) {
		struct target target;
		struct child child;

		start_ready(&child, found.gl_pathv[i]);
		open_or_fail(&child, &target);
		for (size_t j = 0; j < count; j++) {
			const struct layout right = target.layout;

			target.layout = table[j];
			target.reasons_minor = table[j].minor;
			if (!layout_validate(&target)) {
				assert_int_equal(table[j].g_goid, right.g_goid);
				assert_int_equal(table[j].g_m, right.g_m);
				assert_int_equal(table[j].g_waitreason, right.g_waitreason);
				assert_int_equal(table[j].g_waiting, right.g_waiting);
				assert_int_equal(table[j].g_gopc, right.g_gopc);
				assert_int_equal(table[j].m_curg, right.m_curg);
				assert_int_equal(table[j].m_procid, right.m_procid);
				assert_int_equal(table[j].sudog_c, right.sudog_c);
				print_message("# go1.%d: that of go1.%d holds\n", right.minor,
					      table[j].minor);
			} else {
				assert_int_not_equal(table[j].minor, right.minor);
			}
			target.layout = right;
			target.reasons_minor = right.minor;
		}
		target_close(&target);
		child_end(&child);
	}
	globfree(&found);
}

/* The program says that it is of another version; `from` and `to` are of one length. */
static void pretend_version(const char *path, const char *from, const char *to)
{
	FILE *file = fopen(path, "r+b");
	struct stat stat;
	char *bytes, *at;
	size_t left;

	assert_non_null(file);
	assert_int_equal(fstat(fileno(file), &stat), 0);
	bytes = mmap(NULL, stat.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file), 0);
	assert_ptr_not_equal(bytes, MAP_FAILED);
	at = bytes;
	left = stat.st_size;
	while ((at = memmem(at, left, from, strlen(from)))) {
		memcpy(at, to, strlen(to));
		left = bytes + stat.st_size - at;
	}
	munmap(bytes, stat.st_size);
	fclose(file);
}

struct pretence {
	const char *path, *from, *to;
	int minor; /* what it says */
	enum layout_origin origin;
	int layout_minor; /* of the layout that must be found, or of one equal to it */
};

static const struct pretence pretences[] = {
	/* no row: DWARF when there is some, else the nearest that holds */
	{ "build/targets/1.27/zoo", "go1.27.", "go1.28.", 28, LAYOUT_FROM_DWARF, 27 },
	{ "build/targets/1.27/stripped/zoo", "go1.27.", "go1.28.", 28, LAYOUT_FROM_NEAREST, 27 },
	{ "build/targets/1.27/pie/zoo", "go1.27.", "go1.31.", 31, LAYOUT_FROM_NEAREST, 27 },
	{ "build/targets/1.21/zoo", "go1.21.", "go1.20.", 20, LAYOUT_FROM_DWARF, 21 },
	{ "build/targets/1.21/stripped/zoo", "go1.21.", "go1.20.", 20, LAYOUT_FROM_NEAREST, 21 },
	{ "build/targets/1.19/stripped/zoo", "go1.19.", "go1.18.", 18, LAYOUT_FROM_NEAREST, 19 },
	/* the row of its version does not hold: a changed runtime */
	{ "build/targets/1.24/zoo", "go1.24.", "go1.21.", 21, LAYOUT_FROM_DWARF, 24 },
	{ "build/targets/1.24/stripped/zoo", "go1.24.", "go1.21.", 21, LAYOUT_FROM_NEAREST, 24 },
};

#define PRETENCES (sizeof(pretences) / sizeof(pretences[0]))

static void expect_pretence(const struct pretence *pretence, const struct child *child)
{
	const struct layout *wanted = layout_for_minor(pretence->layout_minor);
	struct target target;

	open_or_fail(child, &target);
	assert_int_equal(target.build.version.minor, pretence->minor);
	assert_int_equal(target.layout_origin, pretence->origin);
	assert_non_null(wanted);
	assert_int_equal(target.layout.g_goid, wanted->g_goid);
	assert_int_equal(target.layout.g_waiting, wanted->g_waiting);
	assert_int_equal(target.layout.m_curg, wanted->m_curg);
	assert_int_equal(target.layout.m_procid, wanted->m_procid);
	target_close(&target);
}

/* All are started first: what does not fit in a young process is looked at again for a second. */
static void falls_back_from_a_version_without_a_fitting_row(void **state)
{
	char copies[PRETENCES][32];
	struct child children[PRETENCES];
	bool started[PRETENCES] = { false };
	size_t tried = 0;

	(void)state;
	for (size_t i = 0; i < PRETENCES; i++) {
		if (access(pretences[i].path, X_OK))
			continue;
		tried++;
		started[i] = true;
		strcpy(copies[i], "/tmp/test_target.XXXXXX");
		copy_executable(pretences[i].path, copies[i]);
		pretend_version(copies[i], pretences[i].from, pretences[i].to);
		start_ready(&children[i], copies[i]);
	}
	for (size_t i = 0; i < PRETENCES; i++) {
		if (!started[i])
			continue;
		expect_pretence(&pretences[i], &children[i]);
		child_end(&children[i]);
		unlink(copies[i]);
	}
	if (!tried)
		skip();
}

static void expect_error(pid_t pid, int status, const char *in_why)
{
	struct err err = { 0 };
	struct target target;
	int got = target_open(pid, &target, &err);

	if (got != status || !strstr(err.why, in_why) || !err.what[0] || !err.todo[0])
		fail_msg("%d: \"%s failed: %s; %s\"", got, err.what, err.why, err.todo);
}

static void says_why_it_cannot_open(void **state)
{
	struct child child;

	(void)state;
	expect_error(1 << 22, -ESRCH, "no process");
	child_start(&child, "/bin/cat", NULL);
	usleep(50000);
	expect_error(child.pid, -ENOENT, "");
	kill(child.pid, SIGKILL);
	usleep(50000);
	expect_error(child.pid, -ESRCH, "exited");
	child_end(&child);
}

/*
 * So early that there is no goroutine; in position independent ones, not even a pointer. All are started
 * first: only one that is young is waited for.
 */
static void says_that_it_has_not_begun(void **state)
{
	struct child children[2 * sizeof(kinds) / sizeof(kinds[0])];
	size_t started = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		glob_t found;

		if (glob(kinds[i].pattern, 0, NULL, &found))
			continue;
		/* of each kind the oldest and the newest */
		for (size_t j = 0; j < found.gl_pathc; j += larger(found.gl_pathc - 1, 1))
			child_start_stopped(&children[started++], found.gl_pathv[j]);
		globfree(&found);
	}
	for (size_t i = 0; i < started; i++) {
		expect_error(children[i].pid, -EAGAIN, "no goroutines yet");
		child_end(&children[i]);
	}
	print_message("# %zu programs\n", started);
}

/* Opens in a child without privileges; the exit status tells what came of it. */
static void says_that_it_may_not(void **state)
{
	struct child child;
	pid_t opener;
	int status;

	(void)state;
	if (geteuid())
		skip();
	start_ready(&child, "build/targets/1.24/pie/zoo");
	opener = fork();
	if (!opener) {
		struct err err = { 0 };
		struct target target;

		if (setgid(65534) || setuid(65534))
			_exit(1);
		status = target_open(child.pid, &target, &err);
		_exit((status == -EPERM || status == -EACCES) &&
				      strstr(err.todo, "CAP_SYS_PTRACE") ?
			      0 :
			      2);
	}
	assert_int_equal(waitpid(opener, &status, 0), opener);
	assert_int_equal(status, 0);
	child_end(&child);
}

static void notices_an_exit_and_an_exec(void **state)
{
	struct target target;
	struct child child;

	(void)state;
	start_ready(&child, "build/targets/1.24/exec_fork");
	open_or_fail(&child, &target);
	assert_true(target_alive(&target));
	child_tell(&child, "exec");
	assert_true(child_says(&child, "ready"));
	assert_false(target_alive(&target));
	target_close(&target);

	open_or_fail(&child, &target);
	assert_true(target_alive(&target));
	kill(child.pid, SIGKILL);
	usleep(50000);
	assert_false(target_alive(&target));
	target_close(&target);
	child_end(&child);
}

static void opens_a_program_that_was_deleted(void **state)
{
	char copy[] = "/tmp/test_target.XXXXXX";
	struct target target;
	struct child child;

	(void)state;
	if (access("build/targets/1.24/zoo_cgo", X_OK))
		skip();
	copy_executable("build/targets/1.24/pie/zoo", copy);
	start_ready(&child, copy);
	unlink(copy);
	open_or_fail(&child, &target);
	assert_true(target_alive(&target));
	assert_int_equal(target.gomaxprocs, CHILD_GOMAXPROCS);
	target_close(&target);
	child_end(&child);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opens_every_version_and_kind),
		cmocka_unit_test(a_wrong_layout_does_not_hold),
		cmocka_unit_test(falls_back_from_a_version_without_a_fitting_row),
		cmocka_unit_test(says_why_it_cannot_open),
		cmocka_unit_test(says_that_it_has_not_begun),
		cmocka_unit_test(says_that_it_may_not),
		cmocka_unit_test(notices_an_exit_and_an_exec),
		cmocka_unit_test(opens_a_program_that_was_deleted),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
