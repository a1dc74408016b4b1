// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "target/layout_validate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "target/memory.h"

#define SAMPLE 256
#define GOROUTINES_MAX (1ULL << 27)
#define STACK_MAX (4ULL << 30)
#define GOID_MAX (1ULL << 48)
#define PROCID_MAX (1ULL << 22) /* PID_MAX_LIMIT of the kernel */
#define SCAN_BIT 0x1000
#define G_RUNNING 2
#define G_SYSCALL 3
#define G_WAITING 4

/*
 * Goroutines run on while they are read: each gets so many chances, and of a hundred one may fail.
 * No more: a wrong layout may show in nothing but the one goroutine that runs.
 */
#define ATTEMPTS 16
#define TORN_PERCENT 1

/* One goroutine: its struct was copied to `bytes`. */
struct view {
	const struct target *target;
	uint64_t addr;
	uint8_t bytes[LAYOUT_STRUCT_MAX];
};

static uint64_t word_of(const uint8_t *bytes, uint32_t offset)
{
	uint64_t value;

	memcpy(&value, bytes + offset, sizeof(value));
	return value;
}

static uint64_t word(const struct view *view, uint32_t offset)
{
	return word_of(view->bytes, offset);
}

static uint32_t status_of(const struct view *view)
{
	uint32_t status;

	memcpy(&status, view->bytes + view->target->layout.g_atomicstatus, sizeof(status));
	return status & ~SCAN_BIT;
}

/* _Gidle, _Gdead and _Gdeadextra hold leftovers. */
static bool is_alive(uint32_t status)
{
	return status != 0 && status != 6 && status != 11;
}

static bool is_known(uint32_t status)
{
	return status <= 11 && status != 5 && status != 7;
}

static bool is_code(const struct target *target, uint64_t pc)
{
	struct pclntab_func func;

	return !pclntab_func_at(&target->pclntab, pc - target->load_bias, &func);
}

static bool points_to(const struct target *target, uint64_t addr, uint64_t wanted)
{
	uint64_t value;

	return !memory_read_u64(target->pid, addr, &value) && value == wanted;
}

/* The M that it is on, that M's own goroutine and that M's thread. */
static bool m_agrees(const struct view *view)
{
	const struct target *target = view->target;
	const struct layout *layout = &target->layout;
	uint64_t m = word(view, layout->g_m), g0, procid;

	return m && points_to(target, m + layout->m_curg, view->addr) &&
	       !memory_read_u64(target->pid, m + layout->m_g0, &g0) &&
	       points_to(target, g0 + layout->g_m, m) &&
	       !memory_read_u64(target->pid, m + layout->m_procid, &procid) && procid &&
	       procid <= PROCID_MAX;
}

/* g.waiting: the first of the channel operations it waits for. */
static bool sudog_agrees(const struct view *view)
{
	const struct target *target = view->target;
	const struct layout *layout = &target->layout;
	uint64_t first = word(view, layout->g_waiting), chan;
	uint8_t sudog[LAYOUT_STRUCT_MAX], hchan[LAYOUT_STRUCT_MAX];

	if (memory_read(target->pid, first, sudog, layout->sudog_size) ||
	    word_of(sudog, layout->sudog_g) != view->addr)
		return false;
	chan = word_of(sudog, layout->sudog_c);
	return !chan ||
	       (!memory_read(target->pid, chan, hchan, layout->hchan_size) &&
		word_of(hchan, layout->hchan_qcount) <= word_of(hchan, layout->hchan_dataqsiz));
}

/* Reasons to wait that come with a sudog in g.waiting; not: a nil channel, a select of such alone. */
static bool waits_on_channel(const char *reason)
{
	return !strncmp(reason, "chan ", strlen("chan ")) && !strstr(reason, "nil chan");
}

static bool is_parked_well(const struct view *view, uint64_t lo, uint64_t hi)
{
	const struct layout *layout = &view->target->layout;
	uint64_t sp = word(view, layout->g_sched + layout->gobuf_sp);
	const char *reason =
		wait_reason_text(view->target->reasons_minor, view->bytes[layout->g_waitreason]);

	return reason && sp > lo && sp < hi &&
	       is_code(view->target, word(view, layout->g_sched + layout->gobuf_pc)) &&
	       (word(view, layout->g_waiting) ? sudog_agrees(view) : !waits_on_channel(reason));
}

/* Threads that C made call into Go on a goroutine that nobody started: no gopc, no startpc. */
static bool origin_is_code(const struct view *view)
{
	const struct target *target = view->target;
	uint64_t gopc = word(view, target->layout.g_gopc);
	uint64_t startpc = word(view, target->layout.g_startpc);

	return gopc ? is_code(target, gopc) && is_code(target, startpc) :
		      !startpc || is_code(target, startpc);
}

static bool is_plausible(const struct view *view)
{
	const struct layout *layout = &view->target->layout;
	uint64_t lo = word(view, layout->g_stack_lo);
	uint64_t hi = word(view, layout->g_stack_lo + sizeof(uint64_t));
	uint64_t goid = word(view, layout->g_goid);
	uint32_t status = status_of(view);

	if (!is_known(status))
		return false;
	if (!is_alive(status))
		return true;
	if (!goid || goid > GOID_MAX || !lo || lo >= hi || hi - lo > STACK_MAX ||
	    !origin_is_code(view))
		return false;
	if (status == G_WAITING)
		return is_parked_well(view, lo, hi);
	return (status != G_RUNNING && status != G_SYSCALL) || m_agrees(view);
}

/* Reads until it makes sense. 0; -EINVAL: it never did; -ESRCH, -EPERM. */
static int look_at(struct view *view, uint64_t addr)
{
	const struct target *target = view->target;

	view->addr = addr;
	for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
		int status = memory_read(target->pid, addr, view->bytes, target->layout.g_size);

		if (status == -ESRCH || status == -EPERM)
			return status;
		if (!status && is_plausible(view))
			return 0;
	}
	return -EINVAL;
}

static bool ids_are_distinct(const uint64_t *ids, size_t count)
{
	for (size_t i = 0; i < count; i++)
		for (size_t j = i + 1; j < count; j++)
			if (ids[i] == ids[j])
				return false;
	return true;
}

static int look_at_sample(struct view *view, const uint64_t *addrs, size_t count)
{
	uint64_t ids[SAMPLE];
	size_t alive = 0, wrong = 0;

	for (size_t i = 0; i < count; i++) {
		int status = look_at(view, addrs[i]);

		if (status && status != -EINVAL)
			return status;
		if (status)
			wrong++;
		else if (is_alive(status_of(view)))
			ids[alive++] = word(view, view->target->layout.g_goid);
	}
	if (wrong * 100 > (alive + wrong) * TORN_PERCENT)
		return -EINVAL;
	if (!alive)
		return -EAGAIN;
	return ids_are_distinct(ids, alive) ? 0 : -EINVAL;
}

int layout_validate(const struct target *target)
{
	struct view view = { .target = target };
	uint64_t count, table, addrs[SAMPLE];
	size_t step, n = 0;
	int status;

	if (!layout_is_usable(&target->layout))
		return -EINVAL;
	/* The runtime writes a moved table's address before its new length: so read the length first. */
	status = memory_read_u64(target->pid, target->allglen, &count);
	if (!status)
		status = memory_read_u64(target->pid, target->allgptr, &table);
	if (status == -EFAULT)
		return -EINVAL;
	if (status)
		return status;
	if (!count || !table)
		return -EAGAIN;
	if (count > GOROUTINES_MAX)
		return -EINVAL;
	step = count / SAMPLE + 1;
	for (uint64_t i = 0; i < count && n < SAMPLE; i += step, n++) {
		status = memory_read_u64(target->pid, table + sizeof(uint64_t) * i, &addrs[n]);
		if (status)
			return status == -EFAULT ? -EINVAL : status;
	}
	return look_at_sample(&view, addrs, n);
}
