// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "collect/g_struct.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "collect/wait_object.h"

#define STACK_MAX (4ULL << 30)
#define NO_FD (-1)

static uint32_t raw_status(const struct layout *layout, const uint8_t *g)
{
	uint32_t status;

	memcpy(&status, g + layout->g_atomicstatus, sizeof(status));
	return status;
}

bool g_exists(const struct layout *layout, const uint8_t *g)
{
	uint32_t status = raw_status(layout, g) & ~G_SCAN_BIT;

	return status != G_IDLE && status != G_DEAD && status != G_DEADEXTRA &&
	       status <= G_DEADEXTRA;
}

bool g_rests(const struct layout *layout, const uint8_t *g, struct g_rest *rest)
{
	rest->lo = struct_word(g, layout->g_stack_lo);
	rest->hi = struct_word(g, layout->g_stack_lo + 8);
	rest->in_syscall = false;
	switch (raw_status(layout, g) & ~G_SCAN_BIT) {
	case G_SYSCALL:
	case G_RUNNABLE:
	case G_WAITING:
	case G_PREEMPTED:
	case G_LEAKED:
		/* also after a system call, until it runs again */
		rest->sp = struct_word(g, layout->g_syscallsp);
		rest->in_syscall = rest->sp != 0;
		if (rest->in_syscall) {
			rest->pc = struct_word(g, layout->g_syscallpc);
			break;
		}
		rest->pc = struct_word(g, layout->g_sched + layout->gobuf_pc);
		rest->sp = struct_word(g, layout->g_sched + layout->gobuf_sp);
		break;
	default:
		return false;
	}
	return rest->sp >= rest->lo && rest->sp < rest->hi && rest->hi - rest->lo <= STACK_MAX &&
	       rest->sp % 8 == 0;
}

bool g_is_same_rest(const struct layout *layout, const uint8_t *a, const uint8_t *b)
{
	const uint32_t fields[] = { layout->g_goid,
				    layout->g_sched + layout->gobuf_pc,
				    layout->g_sched + layout->gobuf_sp,
				    layout->g_stack_lo,
				    layout->g_stack_lo + 8,
				    layout->g_syscallsp,
				    layout->g_syscallpc };

	if ((raw_status(layout, a) & ~G_SCAN_BIT) != (raw_status(layout, b) & ~G_SCAN_BIT))
		return false;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (struct_word(a, fields[i]) != struct_word(b, fields[i]))
			return false;
	return true;
}

uint64_t g_hash(const uint8_t *g, size_t size)
{
	return XXH3_64bits(g, size);
}

void g_describe(const struct target *target, uint64_t addr, const uint8_t *g,
		struct goroutine *goroutine)
{
	const struct layout *layout = &target->layout;
	uint32_t status = raw_status(layout, g);

	*goroutine = (struct goroutine){
		.g = addr,
		.goid = struct_word(g, layout->g_goid),
		.parent_goid = struct_word(g, layout->g_parentgoid),
		.gopc = struct_word(g, layout->g_gopc),
		.startpc = struct_word(g, layout->g_startpc),
		.waitsince_ns = struct_word(g, layout->g_waitsince),
		.labels = struct_word(g, layout->g_labels),
		.fd = NO_FD,
		.status = status & ~G_SCAN_BIT,
		.scan = status & G_SCAN_BIT,
		.locked = struct_word(g, layout->g_lockedm) != 0,
	};
	if (goroutine->status != G_WAITING && goroutine->status != G_LEAKED)
		return;
	goroutine->wait_reason = g[layout->g_waitreason];
	goroutine->wait_kind =
		wait_kind_of(wait_reason_text(target->reasons_minor, goroutine->wait_reason));
}
