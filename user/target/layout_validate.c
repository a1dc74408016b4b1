// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "target/layout_validate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "target/memory.h"

#define SAMPLE 256
#define G_SIZE_MAX 4096
#define STACK_MAX (4ULL << 30)
#define SCAN_BIT 0x1000
#define G_RUNNING 2
#define G_WAITING 4

/* Goroutines run on while they are read: so many in a hundred may look wrong. */
#define TORN_PERCENT 10

struct view {
	const struct target *target;
	const uint8_t *g;
};

static uint64_t word(const struct view *view, uint32_t offset)
{
	uint64_t value;

	memcpy(&value, view->g + offset, sizeof(value));
	return value;
}

static uint32_t status_of(const struct view *view)
{
	uint32_t status;

	memcpy(&status, view->g + view->target->layout.g_atomicstatus, sizeof(status));
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

static bool m_points_back(const struct view *view, uint64_t g_addr)
{
	const struct target *target = view->target;
	uint64_t m = word(view, target->layout.g_m), curg;

	return m && !memory_read_u64(target->pid, m + target->layout.m_curg, &curg) && curg == g_addr;
}

static bool is_plausible(const struct view *view, uint64_t g_addr)
{
	const struct layout *layout = &view->target->layout;
	uint64_t lo = word(view, layout->g_stack_lo), hi = word(view, layout->g_stack_lo + 8);
	uint64_t sp = word(view, layout->g_sched + layout->gobuf_sp);
	uint64_t gopc = word(view, layout->g_gopc);
	uint32_t status = status_of(view);

	if (!is_known(status) || (int64_t)word(view, layout->g_goid) <= 0)
		return false;
	if (!lo || lo >= hi || hi - lo > STACK_MAX)
		return false;
	if (!is_code(view->target, word(view, layout->g_startpc)) ||
	    (gopc && !is_code(view->target, gopc)))
		return false;
	if (status == G_WAITING)
		return sp > lo && sp < hi &&
		       is_code(view->target, word(view, layout->g_sched + layout->gobuf_pc)) &&
		       wait_reason_text(view->target->reasons_minor, view->g[layout->g_waitreason]);
	if (status == G_RUNNING)
		return m_points_back(view, g_addr);
	return true;
}

static bool ids_are_distinct(const uint64_t *ids, size_t count)
{
	for (size_t i = 0; i < count; i++)
		for (size_t j = i + 1; j < count; j++)
			if (ids[i] == ids[j])
				return false;
	return true;
}

/* Fields that every supported version has. */
static bool has_needed_fields(const struct layout *layout)
{
	const uint32_t needed[] = { layout->g_stack_lo, layout->g_m,	    layout->g_sched,
				    layout->g_goid,	layout->g_atomicstatus, layout->g_gopc,
				    layout->g_startpc,	layout->g_waitreason,   layout->gobuf_sp,
				    layout->gobuf_pc,	layout->gobuf_bp,	    layout->m_curg,
				    layout->sudog_c,	layout->hchan_lock };

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (needed[i] == LAYOUT_ABSENT)
			return false;
	return layout->g_size <= G_SIZE_MAX;
}

int layout_validate(const struct target *target)
{
	const struct layout *layout = &target->layout;
	uint64_t count, table, pointers[SAMPLE], ids[SAMPLE];
	size_t alive = 0, wrong = 0, step;
	uint8_t bytes[G_SIZE_MAX];
	int status;

	if (!has_needed_fields(layout))
		return -EINVAL;
	status = memory_read_u64(target->pid, target->allglen, &count);
	if (!status)
		status = memory_read_u64(target->pid, target->allgptr, &table);
	if (status)
		return status;
	if (!count || !table)
		return -EAGAIN;
	step = count / SAMPLE + 1;
	for (size_t i = 0, n = 0; i < count && n < SAMPLE; i += step, n++) {
		struct view view = { target, bytes };

		if (memory_read_u64(target->pid, table + 8 * i, &pointers[n]) ||
		    memory_read(target->pid, pointers[n], bytes, layout->g_size)) {
			wrong++;
			alive++;
			continue;
		}
		if (is_known(status_of(&view)) && !is_alive(status_of(&view)))
			continue;
		ids[alive - wrong] = word(&view, layout->g_goid);
		alive++;
		wrong += !is_plausible(&view, pointers[n]);
	}
	if (!alive)
		return -EAGAIN;
	if (wrong * 100 > alive * TORN_PERCENT)
		return -EINVAL;
	return ids_are_distinct(ids, alive - wrong) ? 0 : -EINVAL;
}
