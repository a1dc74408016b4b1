// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "collect/contexts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "collect/stack_memory.h"
#include "target/gotype.h"
#include "target/memory.h"

#define STACK_MAX (16U << 10)
#define TOTAL_MAX (32U << 20)
#define GOROUTINES_MAX 20000
#define HELD_MAX 20000
#define PARENTS_MAX 8
#define ITABS_MAX 65536

/* context.cancelCtx (context/context.go, Go 1.18 to 1.27): a Context, a Mutex, and done, whose value is
   a channel. */
#define CANCEL_CTX_DONE 32

enum itab_kind { ITAB_OTHER, ITAB_CANCEL, ITAB_VALUE };

struct itab {
	uint64_t addr;
	enum itab_kind kind;
	UT_hash_handle hh;
};

struct reader {
	const struct target *target;
	struct itab *itabs;
	held_contexts *held;
};

/* runtime.itab: the interface's type, then the value's. */
static enum itab_kind look_at_itab(const struct target *target, uint64_t addr)
{
	uint64_t words[2];
	struct gotype type;

	if (memory_read(target->pid, addr, words, sizeof(words)) ||
	    gotype_read(target, words[1], &type))
		return ITAB_OTHER;
	if (!strcmp(type.name, "*context.cancelCtx") || !strcmp(type.name, "*context.timerCtx"))
		return ITAB_CANCEL;
	return strcmp(type.name, "*context.valueCtx") ? ITAB_OTHER : ITAB_VALUE;
}

/* Itabs are in the file's data that is not written to, or behind the types. */
static bool may_be_itab(const struct target *target, uint64_t word)
{
	uint64_t addr = word - target->load_bias;

	if (word & 7 || word < target->load_bias)
		return false;
	for (size_t i = 0; i < target->image.segment_count; i++) {
		const struct elf_segment *segment = &target->image.segments[i];

		if (addr >= segment->vaddr && addr < segment->vaddr + segment->filesz)
			return !(segment->flags & 1); /* PF_X */
	}
	return false;
}

static enum itab_kind kind_of_itab(struct reader *reader, uint64_t addr)
{
	struct itab *itab;

	if (!may_be_itab(reader->target, addr))
		return ITAB_OTHER;
	HASH_FIND(hh, reader->itabs, &addr, sizeof(addr), itab);
	if (itab)
		return itab->kind;
	if (HASH_COUNT(reader->itabs) >= ITABS_MAX)
		return ITAB_OTHER;
	itab = calloc(1, sizeof(*itab));
	if (!itab)
		return ITAB_OTHER;
	itab->addr = addr;
	itab->kind = look_at_itab(reader->target, addr);
	HASH_ADD(hh, reader->itabs, addr, sizeof(itab->addr), itab);
	return itab->kind;
}

/* The cancelCtx behind a Context, or 0. */
static uint64_t cancel_context(struct reader *reader, uint64_t itab, uint64_t data)
{
	uint64_t pair[2] = { itab, data };

	for (int i = 0; i < PARENTS_MAX; i++) {
		switch (kind_of_itab(reader, pair[0])) {
		case ITAB_CANCEL:
			return pair[1];
		case ITAB_VALUE:
			if (memory_read(reader->target->pid, pair[1], pair, sizeof(pair)))
				return 0;
			break;
		default:
			return 0;
		}
	}
	return 0;
}

static bool is_cancelled(const struct reader *reader, uint64_t context)
{
	pid_t pid = reader->target->pid;
	uint64_t channel;
	uint32_t closed;

	return !memory_read_u64(pid, context + CANCEL_CTX_DONE, &channel) && channel &&
	       !memory_read(pid, channel + reader->target->layout.hchan_closed, &closed,
			    sizeof(closed)) &&
	       closed;
}

static int add_held(struct reader *reader, size_t first, uint64_t goid, uint64_t context)
{
	struct held_context *row;

	for (size_t i = first; i < reader->held->len; i++)
		if (reader->held->data[i].context == context)
			return 0;
	if (reader->held->len >= HELD_MAX)
		return 0;
	row = vec_push(reader->held);
	if (!row)
		return -ENOMEM;
	*row = (struct held_context){ .goid = goid,
				      .context = context,
				      .cancelled = is_cancelled(reader, context) };
	return 0;
}

static int scan_stack(struct reader *reader, uint64_t goid, const struct stack_bytes *stack)
{
	size_t first = reader->held->len, words = stack->len / 8;
	int status = 0;

	for (size_t i = 0; i + 1 < words && !status; i++) {
		uint64_t pair[2], context;

		memcpy(pair, stack->bytes + 8 * i, sizeof(pair));
		if (!pair[1] || pair[1] & 7)
			continue;
		context = cancel_context(reader, pair[0], pair[1]);
		if (context)
			status = add_held(reader, first, goid, context);
	}
	return status;
}

static bool is_wanted(const struct goroutine *goroutine)
{
	return goroutine->status == G_WAITING && !goroutine->system && !goroutine->torn;
}

static int scan_all(struct reader *reader, const struct snapshot *snapshot, const uint32_t *which,
		    size_t count)
{
	const struct stack_memory_options options = { .max_stack = STACK_MAX,
						      .max_total = TOTAL_MAX };
	struct stack_memory memory;
	int status = stack_memory_read(reader->target, snapshot, which, count, &options, &memory);

	for (size_t i = 0; i < count && !status; i++) {
		const struct stack_bytes *stack = &memory.stacks[which[i]];

		if (stack->state == STACK_AT_REST)
			status =
				scan_stack(reader, snapshot->goroutines.data[which[i]].goid, stack);
	}
	stack_memory_free(&memory);
	return status;
}

int contexts_read(const struct target *target, const struct snapshot *snapshot, held_contexts *held)
{
	struct reader reader = { .target = target, .held = held };
	uint32_t *which = calloc(snapshot->goroutines.len + 1, sizeof(*which));
	struct itab *itab, *next;
	size_t count = 0;
	int status = which ? 0 : -ENOMEM;

	held->len = 0;
	for (size_t i = 0; which && i < snapshot->goroutines.len && count < GOROUTINES_MAX; i++)
		if (is_wanted(&snapshot->goroutines.data[i]))
			which[count++] = (uint32_t)i;
	if (!status && count && target->types)
		status = scan_all(&reader, snapshot, which, count);
	HASH_ITER(hh, reader.itabs, itab, next) {
		HASH_DEL(reader.itabs, itab);
		free(itab);
	}
	free(which);
	return status;
}
