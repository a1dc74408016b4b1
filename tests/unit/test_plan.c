// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The plan for every Go version and kind of binary that the tests have built: each hot probe sits
 * where the kernel need not single-step. What the instruction is, and that one begins there, is
 * objdump's word; which ones are emulated is that of arch/x86/kernel/uprobes.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "children.h"
#include "probe/plan.h"

#define ALL_ROLES ((1U << ROLE_COUNT) - 1)

/* A line of objdump: the instruction at an address. */
struct listed {
	uint8_t bytes[16];
	int len;
	char text[96];
};

/* "  4731e4:\t76 5e                \tjbe    0x473244": the address; UINT64_MAX: no instruction. */
static uint64_t parse_line(const char *line, struct listed *listed)
{
	char *end, *text;
	uint64_t addr = strtoull(line, &end, 16);

	if (*end != ':' || end == line)
		return UINT64_MAX;
	end++;
	listed->len = 0;
	text = strchr(end + 1, '\t');
	while (listed->len < 16) {
		char *next;
		long byte = strtol(end, &next, 16);

		if (next == end || (text && next > text))
			break;
		listed->bytes[listed->len++] = byte;
		end = next;
	}
	snprintf(listed->text, sizeof(listed->text), "%s", text ? text + 1 : "");
	return addr;
}

#define GAP 16 /* no instruction is longer */

/*
 * The code of a function from its start to a site, as only that tells where instructions begin, and
 * as it is where the kernel puts the probe: by the offset in the file. Behind it is room for the end
 * of an instruction that was cut. Returns where the site's instruction is in `code`.
 */
static uint64_t append_code(FILE *code, int exe, const struct plan_site *site)
{
	size_t len = site->offset + GAP;
	uint8_t *bytes = malloc(len + GAP);
	long at = ftell(code);

	assert_non_null(bytes);
	assert_int_equal(pread(exe, bytes, len, site->file_offset - site->offset), len);
	memset(bytes + len, 0x90, GAP);
	assert_int_equal(fwrite(bytes, 1, len + GAP, code), len + GAP);
	free(bytes);
	return at + site->offset;
}

/* What objdump says of those sites that have an address; of the others, and where it sees none: len 0. */
static struct listed *list_sites(const char *path, const struct plan *plan)
{
	struct listed *listed = calloc(plan->sites.len, sizeof(*listed)), one;
	uint64_t *wanted = calloc(plan->sites.len, sizeof(*wanted)), addr;
	char copy[] = "/tmp/conctrace-plan-XXXXXX", command[128], line[256];
	int exe = open(path, O_RDONLY), fd = mkstemp(copy);
	FILE *code = fdopen(fd, "w"), *pipe;
	size_t next = 0;

	assert_true(listed && wanted && exe >= 0 && code);
	for (size_t i = 0; i < plan->sites.len; i++)
		wanted[i] = plan->sites.data[i].address ?
				    append_code(code, exe, &plan->sites.data[i]) :
				    UINT64_MAX;
	assert_int_equal(fclose(code), 0);
	snprintf(command, sizeof(command), "objdump -D -w -b binary -m i386:x86-64 '%s'", copy);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	while (fgets(line, sizeof(line), pipe)) {
		addr = parse_line(line, &one);
		while (next < plan->sites.len &&
		       (wanted[next] == UINT64_MAX || (addr != UINT64_MAX && wanted[next] < addr)))
			next++;
		if (next < plan->sites.len && addr == wanted[next])
			listed[next] = one;
	}
	assert_int_equal(pclose(pipe), 0);
	unlink(copy);
	close(exe);
	free(wanted);
	return listed;
}

static int kernel_emulates(const struct listed *listed)
{
	const uint8_t *byte = listed->bytes;

	if (listed->len == 1 && byte[0] == 0x90) /* nop */
		return 1;
	if (listed->len == 1 && byte[0] >= 0x50 && byte[0] <= 0x57) /* push */
		return 1;
	if (listed->len == 2 && byte[0] == 0x41 && byte[1] >= 0x50 && byte[1] <= 0x57)
		return 1;
	if (listed->len == 2 && byte[0] >= 0x70 && byte[0] <= 0x7f) /* jcc rel8 */
		return 1;
	if (listed->len == 6 && byte[0] == 0x0f && byte[1] >= 0x80 && byte[1] <= 0x8f)
		return 1;
	if (listed->len == 5 && (byte[0] == 0xe8 || byte[0] == 0xe9)) /* call, jmp */
		return 1;
	return listed->len == 2 && byte[0] == 0xeb;
}

static void expect_cheap_and_true(const char *path, const struct plan_site *site,
				  const struct listed *listed)
{
	/* what happens once in a while, or once at the end, may cost two traps */
	if (site->verdict == PLAN_STEPPED && site->point->pace == CT_PACE_RARE)
		return;
	if (site->verdict != PLAN_EMULATED)
		fail_msg("%s: %s+%u: %s: %s", path, site->function, site->offset, site->instruction,
			 site->reason);
	if (!listed->len)
		fail_msg("%s: no instruction of %s begins at +%u", path, site->function,
			 site->offset);
	if (!kernel_emulates(listed))
		fail_msg("%s: %s+%u is %s", path, site->function, site->offset, listed->text);
	/* the jump of the stack check, and nothing else, needs the program to look at the flags */
	assert_int_equal(!strncmp(listed->text, "jbe", 3),
			 !!(site->cookie & CT_COOKIE_STACK_CHECK));
	if (site->point->place == PLACE_CALL)
		assert_int_equal(strncmp(listed->text, "call", 4), 0);
	assert_int_equal(site->cookie & CT_COOKIE_HANDLER, site->point->handler);
	assert_int_equal(site->cookie >> CT_COOKIE_PACE_SHIFT & 3, site->point->pace);
}

/* Roles that every program has; only one that uses a Cond has that of its waits, and so on. */
static size_t expect_plan(const char *path)
{
	size_t probes = 0;
	struct target target;
	struct err err = { 0 };
	struct child child;
	struct listed *listed;
	struct plan plan;

	child_start(&child, path, strstr(path, "/incidents") ? "-case=chan.nil" : NULL);
	assert_true(child_says(&child, "ready"));
	if (target_open(child.pid, &target, &err) || plan_make(&target, ALL_ROLES, &plan, &err))
		fail_msg("%s: %s failed: %s", path, err.what, err.why);
	assert_int_equal(plan_missing_roles(&plan, ALL_ROLES & ~ROLES_OPTIONAL), 0);
	listed = list_sites(path, &plan);
	for (size_t i = 0; i < plan.sites.len; i++) {
		const struct plan_site *site = &plan.sites.data[i];

		if (site->address) {
			expect_cheap_and_true(path, site, &listed[i]);
			probes++;
		} else if (site->verdict != PLAN_ABSENT) {
			fail_msg("%s: %s: %s", path, site->function, site->reason);
		}
	}
	free(listed);
	plan_free(&plan);
	target_close(&target);
	child_end(&child);
	return probes;
}

static void every_hot_probe_is_emulated(void **state)
{
	static const char *const patterns[] = {
		"build/targets/1.*/counts",
		"build/targets/1.*/stripped/counts",
		"build/targets/1.*/pie/counts",
		"build/targets/1.*/zoo_cgo",
		"build/targets/1.*/stripped/zoo_cgo",

		"build/targets/1.*/stripped/incidents",
	};
	size_t planned = 0, probes = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		glob_t found;

		if (glob(patterns[i], 0, NULL, &found))
			continue;
		for (size_t j = 0; j < found.gl_pathc; j++, planned++)
			probes += expect_plan(found.gl_pathv[j]);
		globfree(&found);
	}
	print_message("# %zu programs, %zu probes\n", planned, probes);
	if (!planned)
		skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_hot_probe_is_emulated),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
