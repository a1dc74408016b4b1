// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "collect/contexts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/clock.h"
#include "collect/contexts_parts.h"
#include "target/gotype.h"
#include "target/memory.h"

#define STACK_MAX (16U << 10)
#define TOTAL_MAX (32U << 20)
#define GOROUTINES_MAX 20000
#define HELD_MAX 20000
#define PARENTS_MAX 32
#define ITABS_MAX 65536

/* cancelCtx.done is an atomic.Value (context/context.go, Go 1.18 to 1.27): a type, then the channel. */
#define VALUE_DATA 8

/* What all but the roots begin with is the Context that they derive from. */
enum itab_kind {
	ITAB_NONE, /* it is no itab */
	ITAB_OTHER,
	ITAB_CANCEL, /* a cancelCtx, or what begins with one */
	ITAB_TIMER,  /* a timerCtx: a cancelCtx with a deadline */
	ITAB_VALUE,
	ITAB_ROOT, /* never cancelled */
};

static const struct {
	const char *type;
	enum itab_kind kind;
} context_types[] = {
	{ "*context.cancelCtx", ITAB_CANCEL },    { "*context.timerCtx", ITAB_TIMER },
	{ "*context.afterFuncCtx", ITAB_CANCEL }, { "*context.valueCtx", ITAB_VALUE },
	{ "context.stopCtx", ITAB_VALUE },        { "context.backgroundCtx", ITAB_ROOT },
	{ "context.todoCtx", ITAB_ROOT },         { "context.withoutCancelCtx", ITAB_ROOT },
	{ "*context.emptyCtx", ITAB_ROOT }, /* up to Go 1.20 */
};

struct context_itab {
	uint64_t addr;
	enum itab_kind kind;
	UT_hash_handle hh;
};

/* runtime.itab: the interface's type, then the value's. */
static enum itab_kind look_at_itab(const struct target *target, uint64_t addr)
{
	uint64_t words[2];
	struct gotype type;

	if (memory_read(target->pid, addr, words, sizeof(words)) ||
	    gotype_read(target, words[1], &type))
		return ITAB_NONE;
	for (size_t i = 0; i < sizeof(context_types) / sizeof(context_types[0]); i++)
		if (!strcmp(type.name, context_types[i].type))
			return context_types[i].kind;
	return ITAB_OTHER;
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

static enum itab_kind kind_of_itab(struct context_reader *reader, uint64_t addr)
{
	struct context_itab *itab;

	if (!may_be_itab(reader->target, addr))
		return ITAB_NONE;
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

uint64_t context_behind(struct context_reader *reader, const uint64_t interface[2])
{
	uint64_t pair[2] = { interface[0], interface[1] };

	for (int i = 0; i < PARENTS_MAX; i++) {
		switch (kind_of_itab(reader, pair[0])) {
		case ITAB_CANCEL:
		case ITAB_TIMER:
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

uint64_t context_done(const struct context_reader *reader, uint64_t context)
{
	uint64_t channel;

	return memory_read_u64(reader->target->pid,
			       context + reader->target->layout.cancelctx_done + VALUE_DATA,
			       &channel) ?
		       0 :
		       channel;
}

static bool is_cancelled(const struct context_reader *reader, uint64_t context)
{
	uint64_t channel = context_done(reader, context);
	uint32_t closed;

	return channel &&
	       !memory_read(reader->target->pid, channel + reader->target->layout.hchan_closed,
			    &closed, sizeof(closed)) &&
	       closed;
}

/*
 * time.Time (time/time.go): with its top bit set, wall has 33 bits of seconds since 1885 and ext a
 * reading of the monotonic clock that does not concern us; else ext has seconds since the year 1. The low
 * 30 bits are nanoseconds.
 */
#define TIME_HAS_MONOTONIC (1ULL << 63)
#define DAYS_BEFORE(year)                                                                          \
	(((year)-1) * 365LL + ((year)-1) / 4 - ((year)-1) / 100 + ((year)-1) / 400)
#define SECONDS_TO_1970(year) ((DAYS_BEFORE(1970) - DAYS_BEFORE(year)) * 86400)
#define DEADLINE_FAR_S (100LL * 365 * 86400)

/* CLOCK_REALTIME, s and ns; false: it is no time that a deadline can be. */
static bool time_of(uint64_t wall, int64_t ext, int64_t *seconds, int64_t *ns)
{
	*ns = (int64_t)(wall & ((1ULL << 30) - 1));
	*seconds = wall & TIME_HAS_MONOTONIC ? (int64_t)(wall << 1 >> 31) - SECONDS_TO_1970(1885) :
					       ext - SECONDS_TO_1970(1);
	return *ns<(int64_t)NSEC_PER_SEC && * seconds> 0 && *seconds < DEADLINE_FAR_S;
}

/* A timerCtx is made only where its deadline is before those of all it derives from. */
static void take_deadline(const struct context_reader *reader, uint64_t context,
			  struct held_context *held)
{
	uint64_t time[2], ahead_ns = clock_wall_ns(0);
	int64_t seconds, ns, at_ns;

	if (memory_read(reader->target->pid, context + reader->target->layout.timerctx_deadline,
			time, sizeof(time)) ||
	    !time_of(time[0], (int64_t)time[1], &seconds, &ns))
		return;
	at_ns = seconds * (int64_t)NSEC_PER_SEC + ns - (int64_t)ahead_ns;
	held->deadline = CONTEXT_DEADLINE_SET;
	held->deadline_ns = at_ns > 0 ? (uint64_t)at_ns : 0;
}

/* False: what it derives from is no context, so the object was freed and is something else by now. */
static bool find_deadline(struct context_reader *reader, const uint64_t interface[2],
			  struct held_context *held)
{
	uint64_t pair[2] = { interface[0], interface[1] };

	for (int i = 0; i < PARENTS_MAX; i++) {
		switch (kind_of_itab(reader, pair[0])) {
		case ITAB_TIMER:
			take_deadline(reader, pair[1], held);
			return true;
		case ITAB_ROOT:
			held->deadline = CONTEXT_DEADLINE_NONE;
			return true;
		case ITAB_CANCEL:
		case ITAB_VALUE:
			if (memory_read(reader->target->pid, pair[1], pair, sizeof(pair)))
				return false;
			break;
		case ITAB_OTHER:
			return true;
		default:
			return false;
		}
	}
	return true;
}

int context_add(struct context_reader *reader, size_t first, uint64_t goid, const uint64_t pair[2],
		uint64_t context)
{
	struct held_context held = { .goid = goid, .context = context }, *row;

	for (size_t i = first; i < reader->held->len; i++)
		if (reader->held->data[i].context == context)
			return 0;
	if (reader->held->len >= HELD_MAX || !find_deadline(reader, pair, &held))
		return 0;
	held.cancelled = is_cancelled(reader, context);
	row = vec_push(reader->held);
	if (!row)
		return -ENOMEM;
	*row = held;
	return 0;
}

static int scan_stack(struct context_reader *reader, uint64_t goid, const struct stack_bytes *stack)
{
	size_t first = reader->held->len, words = stack->len / 8;
	int status = 0;

	for (size_t i = 0; i + 1 < words && !status; i++) {
		uint64_t pair[2], context;

		memcpy(pair, stack->bytes + 8 * i, sizeof(pair));
		if (!pair[1] || pair[1] & 7)
			continue;
		context = context_behind(reader, pair);
		if (context)
			status = context_add(reader, first, goid, pair, context);
	}
	return status;
}

static bool is_wanted(const struct goroutine *goroutine)
{
	return goroutine->status == G_WAITING && !goroutine->system && !goroutine->torn;
}

static int scan_all(struct context_reader *reader, const struct snapshot *snapshot,
		    const uint32_t *which, size_t count)
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
	if (!status)
		status = contexts_of_selects(reader, &memory, which, count);
	stack_memory_free(&memory);
	return status;
}

static int by_goid(const void *a, const void *b, void *ctx)
{
	const struct held_context *x = a, *y = b;

	(void)ctx;
	if (x->goid != y->goid)
		return x->goid < y->goid ? -1 : 1;
	return x->context < y->context ? -1 : x->context > y->context;
}

static void leave_each_once(held_contexts *held)
{
	size_t kept = 0;

	for (size_t i = 0; i < held->len; i++)
		if (!kept || by_goid(&held->data[kept - 1], &held->data[i], NULL))
			held->data[kept++] = held->data[i];
	held->len = kept;
}

int contexts_read(const struct target *target, const struct snapshot *snapshot, held_contexts *held)
{
	struct context_reader reader = { .target = target, .snapshot = snapshot, .held = held };
	uint32_t *which = calloc(snapshot->goroutines.len + 1, sizeof(*which));
	struct context_itab *itab, *next;
	size_t count = 0;
	int status = which ? 0 : -ENOMEM;

	held->len = 0;
	for (size_t i = 0; which && i < snapshot->goroutines.len && count < GOROUTINES_MAX; i++)
		if (is_wanted(&snapshot->goroutines.data[i]))
			which[count++] = (uint32_t)i;
	/* a program without the package has no such contexts */
	if (!status && count && target->types && target->layout.cancelctx_done != LAYOUT_ABSENT &&
	    target->layout.timerctx_deadline != LAYOUT_ABSENT)
		status = scan_all(&reader, snapshot, which, count);
	vec_sort(held, by_goid, NULL);
	leave_each_once(held);
	HASH_ITER(hh, reader.itabs, itab, next) {
		HASH_DEL(reader.itabs, itab);
		free(itab);
	}
	free(which);
	return status;
}
