// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "target/layout_choose.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "target/globals.h"
#include "target/layout_dwarf.h"
#include "target/layout_validate.h"
#include "target/moduledata.h"
#include "target/proc.h"

#define WHAT "understanding the Go runtime"
#define TODO_UNKNOWN "build the program with its DWARF, or use a newer conctrace"

#define YOUNG_NS (1000 * 1000 * 1000ULL)
#define MOMENT_NS (10 * 1000 * 1000L)
#define OWN_ROW_ATTEMPTS 4

/* How far the best of the candidates came: for the error message. */
enum stage { STAGE_MODULEDATA, STAGE_GLOBALS, STAGE_GOROUTINES };

struct candidate {
	const struct layout *layout;
	int reasons_minor;
	enum layout_origin origin;
};

/* These end the search: another layout would meet them too. */
static bool is_final(int status)
{
	return !status || status == -ESRCH || status == -EPERM || status == -ENOMEM;
}

static int try_candidate(struct target *target, const struct candidate *candidate,
			 enum stage *stage)
{
	uint64_t header_text = target->pclntab.text_start;
	enum stage reached = STAGE_MODULEDATA;
	int status;

	target->layout = *candidate->layout;
	target->layout_origin = candidate->origin;
	target->reasons_minor = candidate->reasons_minor;
	status = layout_is_usable(&target->layout) ? moduledata_find(target) : -EINVAL;
	if (!status) {
		reached = STAGE_GLOBALS;
		status = globals_find(target);
	}
	if (!status) {
		reached = STAGE_GOROUTINES;
		status = layout_validate(target);
	}
	/* it had no goroutine yet when the variables were looked at, and no processors either */
	if (!status && !target->gomaxprocs)
		status = globals_find(target);
	if (status)
		pclntab_set_text(&target->pclntab, header_text, 0);
	if (reached > *stage)
		*stage = reached;
	return status;
}

/* Older and newer by turns, from the version itself on. */
static int by_nearness(const struct layout *a, const struct layout *b, int minor)
{
	int distance = abs(a->minor - minor) - abs(b->minor - minor);

	return distance ? distance : b->minor - a->minor;
}

/* The row that comes after `last` in nearness; the nearest of all for NULL; NULL: none is left. */
static const struct layout *next_nearest(const struct layout *last, int minor)
{
	const struct layout *next = NULL;
	size_t count;
	const struct layout *table = layout_table(&count);

	for (size_t i = 0; i < count; i++) {
		if (last && by_nearness(&table[i], last, minor) <= 0)
			continue;
		if (!next || by_nearness(&table[i], next, minor) < 0)
			next = &table[i];
	}
	return next;
}

static void wait_a_moment(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = MOMENT_NS }, NULL);
}

static bool is_young(const struct target *target)
{
	uint64_t age;

	return !proc_age_ns(target->pid, &age) && age < YOUNG_NS;
}

/*
 * The row of this very version gets more than one chance: the program runs on while it is looked
 * at, and one that has just started may lack its relocations or its first goroutine.
 */
static int try_own_row(struct target *target, enum stage *stage)
{
	int minor = target->build.version.minor, status = -EINVAL;
	const struct candidate own = { layout_for_minor(minor), minor, LAYOUT_FROM_TABLE };

	for (int attempt = 0; attempt < OWN_ROW_ATTEMPTS || is_young(target); attempt++) {
		if (attempt)
			wait_a_moment();
		if (own.layout)
			status = try_candidate(target, &own, stage);
		if (is_final(status) || (!own.layout && !is_young(target)))
			break;
	}
	return status;
}

/* DWARF does not have the texts of wait reasons: they are those of the nearest version that fits. */
static int try_dwarf(struct target *target, enum stage *stage)
{
	int minor = target->build.version.minor, status = -ENOENT;
	struct layout layout;

	if (!target->image.has_dwarf || layout_from_dwarf(target->exe_path, &layout))
		return -ENOENT;
	layout.minor = minor;
	for (const struct layout *row = next_nearest(NULL, minor); row && !is_final(status);
	     row = next_nearest(row, minor)) {
		const struct candidate candidate = { &layout, row->minor, LAYOUT_FROM_DWARF };

		status = try_candidate(target, &candidate, stage);
	}
	return status;
}

static int try_all(struct target *target, enum stage *stage)
{
	int minor = target->build.version.minor, own = try_own_row(target, stage), status;

	if (is_final(own))
		return own;
	status = try_dwarf(target, stage);
	for (const struct layout *row = next_nearest(NULL, minor); row && !is_final(status);
	     row = next_nearest(row, minor)) {
		const struct candidate near = { row, row->minor, LAYOUT_FROM_NEAREST };

		status = try_candidate(target, &near, stage);
	}
	if (is_final(status))
		return status;
	/* A wrong layout can also look as if nothing were there yet; no other one holds, though. */
	return own == -EAGAIN ? -EAGAIN : -ENOTSUP;
}

/*
 * The pointers of a position independent program's module data are relocations, which are not there
 * before the dynamic linker has made them. Later the runtime's main goroutine starts with a thread
 * for sysmon (runtime/proc.go main), so that a single thread has none yet.
 */
static bool has_not_begun(const struct target *target, enum stage stage)
{
	unsigned threads;

	return stage == STAGE_MODULEDATA && target->image.pie &&
	       layout_for_minor(target->build.version.minor) &&
	       !proc_thread_count(target->pid, &threads) && threads == 1;
}

static int no_layout(const struct target *target, enum stage stage, struct err *err)
{
	int minor = target->build.version.minor;

	switch (stage) {
	case STAGE_MODULEDATA:
		return err_set(err, ENOTSUP, WHAT, TODO_UNKNOWN,
			       "the module data of Go 1.%d were not found in process %d", minor,
			       target->pid);
	case STAGE_GLOBALS:
		return err_set(err, ENOTSUP, WHAT, TODO_UNKNOWN,
			       "the list of goroutines was not found: no symbols, and "
			       "runtime.forEachGRace is not what it is in Go 1.18 to 1.27");
	default:
		return err_set(err, ENOTSUP, WHAT, TODO_UNKNOWN,
			       "no known layout of Go 1.%d or its neighbours fits process %d",
			       minor, target->pid);
	}
}

int layout_choose(struct target *target, struct err *err)
{
	enum stage stage = STAGE_MODULEDATA;
	int status = try_all(target, &stage);

	if (status == -ENOTSUP && has_not_begun(target, stage))
		status = -EAGAIN;
	switch (status) {
	case 0:
		return 0;
	case -ENOMEM:
		return err_set(err, ENOMEM, WHAT, "free some memory", "out of memory");
	case -EPERM:
		return err_set(err, EPERM, "reading the process's memory",
			       "run it as root, or with CAP_SYS_PTRACE",
			       "the kernel does not allow it");
	case -ESRCH:
		return err_set(err, ESRCH, "reading the process's memory",
			       "check that the process still runs", "process %d is gone",
			       target->pid);
	case -EAGAIN:
		return err_set(err, EAGAIN, WHAT, "try again in a moment",
			       "process %d has no goroutines yet", target->pid);
	default:
		return no_layout(target, stage, err);
	}
}
