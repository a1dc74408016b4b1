// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * net/http keeps the context of a request under way in its Request, from Go 1.23 on in a
 * transportRequest; others have structs of their own. Which word of the stack leads there is not known,
 * so all are tried; that the context's Done is waited for tells the right one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collect/contexts_parts.h"
#include "target/memory.h"

/* The innermost frames: those of select and of who called it. */
#define STACK_PART 4096
#define STRUCT_PART 256 /* http.Request has 248 bytes, its context last */
#define POINTERS_AT_ONCE 8192
#define POINTERS_MAX (1U << 20) /* in all */

struct pointer {
	uint64_t addr;
	uint32_t goroutine; /* in the snapshot */
};

/* Some of them, to be read together. */
struct pointers {
	VEC(struct pointer) rows;
	VEC(struct memory_piece) pieces;
	uint8_t *bytes; /* STRUCT_PART of each of POINTERS_AT_ONCE */
	size_t all;     /* so far */
};

/* A receive from a channel of struct{}, as Done is. */
static bool waits_for_done(const struct snapshot *snapshot, const struct goroutine *goroutine,
			   uint64_t chan)
{
	for (uint32_t i = 0; i < goroutine->case_count; i++) {
		const struct wait_case *wait = &snapshot->cases.data[goroutine->first_case + i];

		if (wait->chan == chan && wait->direction == DIRECTION_RECV)
			return true;
	}
	return false;
}

static bool may_wait_for_done(const struct snapshot *snapshot, const struct goroutine *goroutine)
{
	if (goroutine->wait_kind != WAIT_SELECT)
		return false;
	for (uint32_t i = 0; i < goroutine->case_count; i++) {
		const struct wait_case *wait = &snapshot->cases.data[goroutine->first_case + i];
		const struct chan_state *state = snapshot_chan(snapshot, wait->chan);

		if (wait->direction == DIRECTION_RECV && state && state->read_ok &&
		    !state->elem_size)
			return true;
	}
	return false;
}

static bool is_in_file(const struct target *target, uint64_t word)
{
	for (size_t i = 0; i < target->image.segment_count; i++) {
		const struct elf_segment *segment = &target->image.segments[i];

		if (word - target->load_bias - segment->vaddr < segment->filesz)
			return true;
	}
	return false;
}

static bool may_be_heap(const struct target *target, const struct stack_bytes *stack, uint64_t word)
{
	return word && !(word & 7) && !(word >> 47) && (word < stack->lo || word >= stack->hi) &&
	       !is_in_file(target, word);
}

static int take_pointers(struct context_reader *reader, struct pointers *pointers,
			 const struct stack_bytes *stack, uint32_t goroutine)
{
	size_t first = pointers->rows.len;
	size_t len = stack->len < STACK_PART ? stack->len : STACK_PART;

	for (size_t at = 0; at + 8 <= len && pointers->rows.len < POINTERS_AT_ONCE; at += 8) {
		struct pointer *row;
		uint64_t word;
		size_t i = first;

		memcpy(&word, stack->bytes + at, sizeof(word));
		if (!may_be_heap(reader->target, stack, word))
			continue;
		while (i < pointers->rows.len && pointers->rows.data[i].addr != word)
			i++;
		if (i < pointers->rows.len)
			continue;
		row = vec_push(&pointers->rows);
		if (!row)
			return -ENOMEM;
		*row = (struct pointer){ .addr = word, .goroutine = goroutine };
	}
	return 0;
}

static int look_into(struct context_reader *reader, const uint8_t *bytes, size_t first,
		     const struct goroutine *goroutine)
{
	int status = 0;

	for (size_t at = 0; at + 16 <= STRUCT_PART && !status; at += 8) {
		uint64_t pair[2], context, done;

		memcpy(pair, bytes + at, sizeof(pair));
		context = pair[1] && !(pair[1] & 7) ? context_behind(reader, pair) : 0;
		done = context ? context_done(reader, context) : 0;
		if (done && waits_for_done(reader->snapshot, goroutine, done))
			status = context_add(reader, first, goroutine->goid, pair, context);
	}
	return status;
}

static int look_behind(struct context_reader *reader, struct pointers *pointers)
{
	const struct snapshot *snapshot = reader->snapshot;
	size_t first = 0;
	int status;

	memset(pointers->bytes, 0, pointers->rows.len * STRUCT_PART);
	pointers->pieces.len = 0;
	for (size_t i = 0; i < pointers->rows.len; i++) {
		struct memory_piece *piece = vec_push(&pointers->pieces);

		if (!piece)
			return -ENOMEM;
		*piece = (struct memory_piece){ .addr = pointers->rows.data[i].addr,
						.to = pointers->bytes + i * STRUCT_PART,
						.len = STRUCT_PART };
	}
	status = memory_read_many(reader->target->pid, pointers->pieces.data, pointers->pieces.len);
	/* reading sorts the pieces, and leaves the bytes where they are */
	for (size_t i = 0; i < pointers->rows.len && !status; i++) {
		const struct pointer *row = &pointers->rows.data[i];

		if (!i || row[-1].goroutine != row->goroutine)
			first = reader->held->len;
		status = look_into(reader, pointers->bytes + i * STRUCT_PART, first,
				   &snapshot->goroutines.data[row->goroutine]);
	}
	pointers->all += pointers->rows.len;
	pointers->rows.len = 0;
	return status;
}

int contexts_of_selects(struct context_reader *reader, const struct stack_memory *memory,
			const uint32_t *which, size_t count)
{
	const struct snapshot *snapshot = reader->snapshot;
	struct pointers pointers = { .bytes = calloc(POINTERS_AT_ONCE, STRUCT_PART) };
	int status = pointers.bytes ? 0 : -ENOMEM;

	for (size_t i = 0; i < count && !status && pointers.all < POINTERS_MAX; i++) {
		if (memory->stacks[which[i]].state != STACK_AT_REST ||
		    !may_wait_for_done(snapshot, &snapshot->goroutines.data[which[i]]))
			continue;
		if (pointers.rows.len > POINTERS_AT_ONCE - STACK_PART / 8)
			status = look_behind(reader, &pointers);
		if (!status)
			status = take_pointers(reader, &pointers, &memory->stacks[which[i]],
					       which[i]);
	}
	if (!status)
		status = look_behind(reader, &pointers);
	vec_free(&pointers.rows);
	vec_free(&pointers.pieces);
	free(pointers.bytes);
	return status;
}
