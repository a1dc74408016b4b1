// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * In batches: the g structs, the stacks, the g structs again. What changed in between is read again
 * by itself a few times.
 */
#include "collect/stack_memory.h"

#include <errno.h>
#include <stdlib.h>

#include "collect/g_struct.h"
#include "target/memory.h"

#define BATCH 1024 /* goroutines */
#define TORN_RETRIES 3
#define STACK_SIZE_MAX (4ULL << 30)

/* One reading. */
struct reading {
	const struct target *target;
	const struct snapshot *snapshot;
	const struct stack_memory_options *options;
	struct stack_memory *memory;
	struct memory_scratch *scratch;
	struct memory_piece pieces[BATCH];
	uint8_t *before, *after; /* BATCH g structs each */
	uint32_t indices[BATCH];
	size_t count;
};

static bool is_running(const struct stack_bytes *stack)
{
	return stack->state == STACK_WHOLE;
}

/* The range to be read, by the g struct; len 0: none. */
static struct stack_bytes plan(const struct reading *reading, uint32_t index, const uint8_t *g,
			       bool whole)
{
	const struct layout *layout = &reading->target->layout;
	struct stack_bytes stack = { 0 };
	struct g_rest rest;

	if (!g_exists(layout, g) ||
	    struct_word(g, layout->g_goid) != reading->snapshot->goroutines.data[index].goid)
		return stack;
	if (layout->g_trackingseq != LAYOUT_ABSENT)
		stack.runs = g[layout->g_trackingseq];
	if (g_rests(layout, g, &rest) && !whole) {
		stack.lo = rest.sp;
		stack.pc = rest.pc;
		stack.state = STACK_AT_REST;
	} else if (reading->options->running && rest.lo && rest.lo < rest.hi && rest.lo % 8 == 0 &&
		   rest.hi - rest.lo <= STACK_SIZE_MAX) {
		stack.lo = rest.lo;
		stack.state = STACK_WHOLE;
	} else {
		return stack;
	}
	stack.hi = rest.hi;
	stack.len = stack.hi - stack.lo;
	if (reading->options->max_stack && stack.len > reading->options->max_stack)
		stack.len = reading->options->max_stack;
	return stack;
}

static bool has_room(struct reading *reading, const struct stack_bytes *stack)
{
	size_t most = reading->options->max_total;

	if (!most || stack->len <= most - reading->memory->bytes)
		return true;
	reading->memory->left_out++;
	return false;
}

static uint8_t *new_block(struct stack_memory *memory, size_t size)
{
	uint8_t **slot = vec_push(&memory->blocks);

	if (!slot)
		return NULL;
	*slot = malloc(size + 1);
	return *slot;
}

static int read_gs(struct reading *reading, uint8_t *to)
{
	size_t size = reading->target->layout.g_size;

	for (size_t i = 0; i < reading->count; i++)
		reading->pieces[i] = (struct memory_piece){
			.addr = reading->snapshot->goroutines.data[reading->indices[i]].g,
			.to = to + i * size,
			.len = size,
		};
	return memory_read_many_with(reading->target->pid, reading->pieces, reading->count,
				     reading->scratch);
}

static int read_stacks(struct reading *reading)
{
	size_t g_size = reading->target->layout.g_size, total = 0, count = 0;
	struct stack_memory *memory = reading->memory;
	uint32_t owners[BATCH];
	uint8_t *block;
	int status;

	for (size_t i = 0; i < reading->count; i++) {
		struct stack_bytes *stack = &memory->stacks[reading->indices[i]];

		*stack = (struct stack_bytes){ 0 };
		if (reading->pieces[i].ok)
			*stack = plan(reading, reading->indices[i], reading->before + i * g_size,
				      false);
		if (stack->len && has_room(reading, stack)) {
			total += stack->len;
			memory->bytes += stack->len;
		} else {
			*stack = (struct stack_bytes){ 0 };
		}
	}
	block = new_block(memory, total);
	if (!block)
		return -ENOMEM;
	for (size_t i = 0; i < reading->count; i++) {
		struct stack_bytes *stack = &memory->stacks[reading->indices[i]];

		if (!stack->len)
			continue;
		stack->bytes = block;
		owners[count] = reading->indices[i];
		reading->pieces[count++] =
			(struct memory_piece){ .addr = stack->lo, .to = block, .len = stack->len };
		block += stack->len;
	}
	status = memory_read_many_with(reading->target->pid, reading->pieces, count,
				       reading->scratch);
	for (size_t i = 0; !status && i < count; i++)
		if (!reading->pieces[i].ok)
			memory->stacks[owners[i]] = (struct stack_bytes){ 0 };
	return status;
}

/* Nothing moved, and it did not run. */
static bool is_same(const struct layout *layout, const uint8_t *a, const uint8_t *b)
{
	return g_is_same_rest(layout, a, b) &&
	       (layout->g_trackingseq == LAYOUT_ABSENT ||
		a[layout->g_trackingseq] == b[layout->g_trackingseq]);
}

/* A stack whose place or length may have changed: into a block of its own. */
static int read_anew(struct reading *reading, uint32_t index, const uint8_t *g, bool whole)
{
	struct stack_memory *memory = reading->memory;
	struct stack_bytes *stack = &memory->stacks[index];
	struct stack_bytes planned = plan(reading, index, g, whole);
	uint8_t *block;
	int status;

	memory->bytes -= stack->len;
	*stack = (struct stack_bytes){ 0 };
	if (!planned.len || !has_room(reading, &planned))
		return 0;
	block = new_block(memory, planned.len);
	if (!block)
		return -ENOMEM;
	status = memory_read(reading->target->pid, planned.lo, block, planned.len);
	if (status)
		return status == -EFAULT ? 0 : status;
	planned.bytes = block;
	*stack = planned;
	memory->bytes += planned.len;
	return 0;
}

static int settle(struct reading *reading, uint32_t index, uint8_t *before, uint8_t *after)
{
	const struct layout *layout = &reading->target->layout;
	struct stack_bytes *stack = &reading->memory->stacks[index];
	uint64_t g = reading->snapshot->goroutines.data[index].g;
	int status = 0;

	for (int i = 0; i < TORN_RETRIES && !status; i++) {
		memcpy(before, after, layout->g_size);
		status = read_anew(reading, index, before, false);
		if (status || !stack->bytes || is_running(stack))
			return status;
		status = memory_read(reading->target->pid, g, after, layout->g_size);
		if (!status && is_same(layout, before, after))
			return 0;
	}
	if (status && status != -EFAULT)
		return status;
	reading->memory->torn++;
	if (stack->bytes)
		stack->state = STACK_TORN;
	return reading->options->running ? read_anew(reading, index, after, true) : 0;
}

static int read_batch(struct reading *reading)
{
	const struct layout *layout = &reading->target->layout;
	int status = read_gs(reading, reading->before);

	if (!status)
		status = read_stacks(reading);
	if (!status)
		status = read_gs(reading, reading->after);
	for (size_t i = 0; i < reading->count && !status; i++) {
		struct stack_bytes *stack = &reading->memory->stacks[reading->indices[i]];
		uint8_t *before = reading->before + i * layout->g_size;
		uint8_t *after = reading->after + i * layout->g_size;

		if (stack->bytes && !is_running(stack) && reading->pieces[i].ok &&
		    !is_same(layout, before, after))
			status = settle(reading, reading->indices[i], before, after);
	}
	reading->count = 0;
	return status;
}

static int read_all(struct reading *reading, const uint32_t *which, size_t count)
{
	int status = 0;

	for (size_t i = 0; i < count && !status; i++) {
		uint32_t index = which ? which[i] : i;

		if (index >= reading->memory->count)
			continue;
		reading->indices[reading->count++] = index;
		if (reading->count == BATCH)
			status = read_batch(reading);
	}
	return !status && reading->count ? read_batch(reading) : status;
}

int stack_memory_read(const struct target *target, const struct snapshot *snapshot,
		      const uint32_t *which, size_t count,
		      const struct stack_memory_options *options, struct stack_memory *memory)
{
	struct reading *reading = calloc(1, sizeof(*reading));
	int status = -ENOMEM;

	*memory = (struct stack_memory){ .count = snapshot->goroutines.len };
	memory->stacks = calloc(memory->count + 1, sizeof(*memory->stacks));
	if (reading) {
		reading->target = target;
		reading->snapshot = snapshot;
		reading->options = options;
		reading->memory = memory;
		reading->scratch = memory_scratch_new();
		reading->before = malloc(BATCH * (size_t)target->layout.g_size);
		reading->after = malloc(BATCH * (size_t)target->layout.g_size);
		if (memory->stacks && reading->scratch && reading->before && reading->after)
			status = read_all(reading, which, which ? count : memory->count);
		memory_scratch_free(reading->scratch);
		free(reading->before);
		free(reading->after);
	}
	free(reading);
	return status;
}

void stack_memory_free(struct stack_memory *memory)
{
	for (size_t i = 0; i < memory->blocks.len; i++)
		free(memory->blocks.data[i]);
	vec_free(&memory->blocks);
	free(memory->stacks);
	memory->stacks = NULL;
	memory->count = 0;
}
