// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "target/pclntab_args.h"

#include "target/pclntab_record.h"

/* internal/abi/symtab.go (runtime/symtab.go before 1.21) */
enum { PCDATA_ARG_LIVE_INDEX = 3, FUNCDATA_ARG_INFO = 5, FUNCDATA_ARG_LIVE_INFO = 6 };
/* internal/abi/type.go (runtime/traceback.go before 1.23) */
enum {
	OP_OFFSET_TOO_LARGE = 0xfb,
	OP_DOTDOTDOT = 0xfc,
	OP_END_AGG = 0xfd,
	OP_START_AGG = 0xfe,
	OP_END_SEQ = 0xff,
};

/* Which of the values that came in registers are where the table says. */
struct liveness {
	const struct pclntab *tab;
	uint64_t info;         /* link-time address of FUNCDATA_ArgLiveInfo; 0: all are */
	int32_t index;         /* of a bitmap from there on; not positive: all are */
	uint8_t first_offset;  /* those before came on the stack, and are */
	unsigned register_arg; /* the next of those that did not */
};

static struct liveness liveness_at(const struct pclntab *tab, const struct pclntab_func *func,
				   uint64_t pc)
{
	struct liveness live = { .tab = tab, .first_offset = UINT8_MAX };
	const uint8_t *first;

	live.info = pclntab_funcdata(tab, func, FUNCDATA_ARG_LIVE_INFO);
	first = live.info ? elf_at(tab->image, live.info, 1) : NULL;
	if (first)
		live.first_offset = *first;
	/* printArgs is given the pc of the outermost frame up to 1.20, and of the innermost since */
	if (tab->minor <= 20)
		pc = pclntab_outer_pc(tab, func, pc);
	if (!first || pclntab_pcdata(tab, func, PCDATA_ARG_LIVE_INDEX, pc, &live.index))
		live.index = -1;
	return live;
}

static bool is_stale(struct liveness *live, uint8_t offset)
{
	unsigned number = live->register_arg;
	const uint8_t *bits;

	if (offset < live->first_offset)
		return false;
	live->register_arg++;
	if (live->index <= 0)
		return false;
	bits = elf_at(live->tab->image, live->info + live->index + number / 8, 1);
	return !bits || !(*bits & 1U << number % 8);
}

/* The operation at `op`, which has `room` bytes. Returns its length, 0 at the end. */
static size_t take(const uint8_t *op, size_t room, struct liveness *live, struct pclntab_arg *arg)
{
	*arg = (struct pclntab_arg){ 0 };
	switch (op[0]) {
	case OP_END_SEQ:
		return 0;
	case OP_START_AGG:
		arg->kind = ARG_OPEN;
		return 1;
	case OP_END_AGG:
		arg->kind = ARG_CLOSE;
		return 1;
	case OP_DOTDOTDOT:
		arg->kind = ARG_MORE;
		return 1;
	case OP_OFFSET_TOO_LARGE:
		arg->kind = ARG_TOO_FAR;
		return 1;
	}
	if (room < 2)
		return 0;
	arg->kind = ARG_VALUE;
	arg->offset = op[0];
	/* of a vector, which takes up to 64 bytes, the first word is printed */
	arg->size = op[1] < sizeof(uint64_t) ? op[1] : sizeof(uint64_t);
	arg->stale = is_stale(live, arg->offset);
	return 2;
}

size_t pclntab_args(const struct pclntab *tab, uint64_t pc, struct pclntab_arg *args, size_t max)
{
	size_t count = 0, values = 0, room, len;
	struct pclntab_func func;
	struct liveness live;
	const uint8_t *ops;
	uint64_t info;

	if (pclntab_func_at(tab, pc, &func))
		return 0;
	info = pclntab_funcdata(tab, &func, FUNCDATA_ARG_INFO);
	room = info ? elf_bytes_from(tab->image, info) : 0;
	if (room > PCLNTAB_ARGS_MAX + 1)
		room = PCLNTAB_ARGS_MAX + 1;
	ops = room ? elf_at(tab->image, info, room) : NULL;
	if (!ops)
		return 0;
	live = liveness_at(tab, &func, pc);
	for (size_t at = 0; at < room && count < max; at += len) {
		len = take(ops + at, room - at, &live, &args[count]);
		values += len && args[count].kind == ARG_VALUE;
		if (!len || values > PCLNTAB_ARG_VALUES_MAX)
			break;
		count++;
	}
	return count;
}
