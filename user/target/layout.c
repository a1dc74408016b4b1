// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "target/layout.h"

#include <string.h>

#include "target/layout_table.h"

const struct layout *layout_table(size_t *count)
{
	*count = layout_row_count;
	return layout_rows;
}

const struct layout *layout_for_minor(int minor)
{
	for (size_t i = 0; i < layout_row_count; i++)
		if (layout_rows[i].minor == minor)
			return &layout_rows[i];
	return NULL;
}

/* Of those in LAYOUT_SIZES; of a small struct no size is kept. */
static uint32_t size_of(const struct layout *layout, const char *type)
{
#define X(name, size_type)                                                                         \
	if (!strcmp(type, size_type))                                                              \
		return layout->name;
	LAYOUT_SIZES(X)
#undef X
	return LAYOUT_STRUCT_MAX;
}

/* Readers take words: eight bytes from each offset on. */
static bool has_word_at(uint32_t size, uint64_t offset)
{
	return size != LAYOUT_ABSENT && offset + sizeof(uint64_t) <= size;
}

static bool fields_are_inside(const struct layout *layout)
{
#define X(name, type, field)                                                                       \
	if (layout->name != LAYOUT_ABSENT && !has_word_at(size_of(layout, type), layout->name))    \
		return false;
	LAYOUT_FIELDS(X)
#undef X
	return has_word_at(layout->g_size, (uint64_t)layout->g_sched + layout->gobuf_sp) &&
	       has_word_at(layout->g_size, (uint64_t)layout->g_sched + layout->gobuf_pc) &&
	       has_word_at(layout->g_size, (uint64_t)layout->g_sched + layout->gobuf_bp) &&
	       has_word_at(layout->g_size, (uint64_t)layout->g_stack_lo + sizeof(uint64_t));
}

bool layout_is_usable(const struct layout *layout)
{
	const uint32_t needed[] = {
		layout->g_stack_lo,       layout->g_m,
		layout->g_sched,          layout->g_goid,
		layout->g_atomicstatus,   layout->g_waitreason,
		layout->g_gopc,           layout->g_startpc,
		layout->g_waiting,        layout->g_syscallsp,
		layout->g_syscallpc,      layout->g_param,
		layout->gobuf_sp,         layout->gobuf_pc,
		layout->gobuf_bp,         layout->m_g0,
		layout->m_curg,           layout->m_procid,
		layout->sudog_g,          layout->sudog_c,
		layout->sudog_waitlink,   layout->hchan_qcount,
		layout->hchan_dataqsiz,   layout->hchan_closed,
		layout->hchan_lock,       layout->hchan_sendq,
		layout->hchan_recvq,      layout->moduledata_text,
		layout->moduledata_etext, layout->moduledata_gofunc,
	};
	const uint32_t copied[] = { layout->g_size, layout->hchan_size, layout->sudog_size,
				    layout->moduledata_size };

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (needed[i] == LAYOUT_ABSENT)
			return false;
	for (size_t i = 0; i < sizeof(copied) / sizeof(copied[0]); i++)
		if (copied[i] > LAYOUT_STRUCT_MAX)
			return false;
	return (layout->semaroot_treap == LAYOUT_ABSENT ||
		layout->semaroot_size <= LAYOUT_SEMA_ROOT_STRIDE) &&
	       fields_are_inside(layout);
}

static const struct wait_reasons *reasons_for(int minor)
{
	for (size_t i = 0; i < wait_reason_row_count; i++)
		if (wait_reason_rows[i].minor == minor)
			return &wait_reason_rows[i];
	return NULL;
}

const char *wait_reason_text(int minor, unsigned value)
{
	const struct wait_reasons *reasons = reasons_for(minor);

	return reasons && value < reasons->count ? reasons->texts[value] : NULL;
}

int wait_reason_value(int minor, const char *text)
{
	const struct wait_reasons *reasons = reasons_for(minor);

	for (size_t i = 0; reasons && i < reasons->count; i++)
		if (reasons->texts[i] && !strcmp(reasons->texts[i], text))
			return i;
	return -1;
}

unsigned wait_reason_count(int minor)
{
	const struct wait_reasons *reasons = reasons_for(minor);

	return reasons ? reasons->count : 0;
}
