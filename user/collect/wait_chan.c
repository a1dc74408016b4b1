// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * g.waiting is a list of sudogs: one for a send or receive, one a case for a select, linked by
 * waitlink. The lists of all goroutines of a chunk are followed side by side, a link a round.
 */
#include <errno.h>
#include <stdlib.h>

#include "collect/addr_map.h"
#include "collect/chunk.h"
#include "collect/g_struct.h"

#define SELECT_CASES_MAX 65536 /* the compiler's own limit */
#define CASES_MAX (1U << 20)   /* of a chunk */
#define SUDOG_MAX 256
#define HCHAN_MAX 256
#define QUEUE_MAX 4096 /* sudogs of one queue that are looked at for a direction */

static bool waits_on_channels(const struct goroutine *goroutine)
{
	return goroutine->wait_kind == WAIT_CHAN_SEND || goroutine->wait_kind == WAIT_CHAN_RECV ||
	       goroutine->wait_kind == WAIT_SELECT;
}

struct link {
	uint32_t goroutine; /* in the chunk */
	uint64_t sudog, chan;
};

typedef VEC(struct link) link_list;

/* Links found at [*start, found->len): the next ones are put behind them, *start moves on to those. */
static int follow(struct waiters *waiters, link_list *found, size_t *start, uint8_t *sudogs,
		  struct memory_piece *pieces)
{
	const struct layout *layout = &waiters->target->layout;
	size_t size = layout->sudog_size, from = *start, to = found->len, kept = from;
	int status;

	for (size_t i = from; i < to; i++)
		pieces[i - from] = (struct memory_piece){ .addr = found->data[i].sudog,
							  .to = sudogs + (i - from) * size,
							  .len = size };
	status = memory_read_many_with(waiters->target->pid, pieces, to - from, waiters->scratch);
	if (status)
		return status;
	/* those that were none are taken out before any is put behind */
	for (size_t i = from; i < to; i++) {
		const uint8_t *sudog = sudogs + (i - from) * size;
		struct link link = found->data[i];

		if (!pieces[i - from].ok ||
		    struct_word(sudog, layout->sudog_g) !=
			    waiters->chunk->goroutines.data[link.goroutine].g) {
			waiters->chunk->goroutines.data[link.goroutine].cases_cut = true;
			continue;
		}
		link.chan = struct_word(sudog, layout->sudog_c);
		if (kept - from != i - from)
			memmove(sudogs + (kept - from) * size, sudog, size);
		found->data[kept++] = link;
	}
	found->len = *start = kept;
	for (size_t i = from; i < kept; i++) {
		uint64_t next = struct_word(sudogs + (i - from) * size, layout->sudog_waitlink);
		uint32_t goroutine = found->data[i].goroutine;
		struct link *link;

		if (!next || waiters->chunk->goroutines.data[goroutine].wait_kind != WAIT_SELECT)
			continue;
		link = vec_push(found);
		if (!link)
			return -ENOMEM;
		*link = (struct link){ .goroutine = goroutine, .sudog = next };
	}
	return 0;
}

static void take_case(struct goroutine *goroutine, const struct link *link,
		      struct wait_case *wait_case)
{
	*wait_case = (struct wait_case){ .chan = link->chan, .sudog = link->sudog };
	if (goroutine->wait_kind == WAIT_SELECT)
		return;
	goroutine->wait_addr = link->chan;
	wait_case->direction = goroutine->wait_kind == WAIT_CHAN_SEND ? DIRECTION_SEND :
									DIRECTION_RECV;
}

/* The links of each goroutine become its cases, in their order. */
static int keep_cases(struct chunk *chunk, const link_list *found)
{
	uint32_t total = 0;

	for (size_t i = 0; i < found->len; i++) {
		chunk->goroutines.data[found->data[i].goroutine].case_count++;
		if (!vec_push(&chunk->cases))
			return -ENOMEM;
	}
	for (size_t i = 0; i < chunk->goroutines.len; i++) {
		struct goroutine *goroutine = &chunk->goroutines.data[i];

		/* of goroutines that are recalled, the cases are in the last snapshot */
		if (chunk->origins.data[i] != CHUNK_NONE)
			continue;
		goroutine->first_case = total;
		total += goroutine->case_count;
		goroutine->case_count = 0;
	}
	for (size_t i = 0; i < found->len; i++) {
		struct goroutine *goroutine = &chunk->goroutines.data[found->data[i].goroutine];
		size_t at = goroutine->first_case + goroutine->case_count++;

		take_case(goroutine, &found->data[i], &chunk->cases.data[at]);
	}
	return 0;
}

int wait_channels(struct waiters *waiters)
{
	const struct layout *layout = &waiters->target->layout;
	size_t size = layout->sudog_size, from = 0;
	struct memory_piece *pieces;
	link_list found = { 0 };
	uint8_t *sudogs;
	int status = 0;

	for (size_t i = 0; i < waiters->count && !status; i++) {
		const struct waiter *waiter = &waiters->list[i];
		uint64_t first = struct_word(waiter->g, layout->g_waiting);
		struct link *link;

		if (!first ||
		    !waits_on_channels(&waiters->chunk->goroutines.data[waiter->goroutine]))
			continue;
		link = vec_push(&found);
		if (link)
			*link = (struct link){ .goroutine = waiter->goroutine, .sudog = first };
		else
			status = -ENOMEM;
	}
	/* no round has more links than the first: each has one successor */
	pieces = malloc((found.len + 1) * sizeof(*pieces));
	sudogs = size <= SUDOG_MAX ? malloc((found.len + 1) * size) : NULL;
	if (!pieces || !sudogs)
		status = size <= SUDOG_MAX ? -ENOMEM : status;
	for (int round = 0; sudogs && pieces && !status && from < found.len; round++) {
		if (round == SELECT_CASES_MAX || found.len > CASES_MAX) {
			for (size_t i = from; i < found.len; i++)
				waiters->chunk->goroutines.data[found.data[i].goroutine].cases_cut =
					true;
			found.len = from;
			break;
		}
		status = follow(waiters, &found, &from, sudogs, pieces);
	}
	if (!status && sudogs)
		status = keep_cases(waiters->chunk, &found);
	free(pieces);
	free(sudogs);
	vec_free(&found);
	return status;
}

static int compare_chans(const void *a, const void *b)
{
	const struct chan_state *x = a, *y = b;

	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

/* *index: number + 1 in snapshot->chans by address. */
static int list_channels(struct snapshot *snapshot, struct addr_map *index)
{
	snapshot->chans.len = 0;
	for (size_t i = 0; i < snapshot->cases.len; i++) {
		struct chan_state *chan;
		uint32_t *slot;

		if (!snapshot->cases.data[i].chan)
			continue;
		slot = addr_map_put(index, snapshot->cases.data[i].chan);
		if (slot && *slot)
			continue;
		chan = slot ? vec_push(&snapshot->chans) : NULL;
		if (!chan)
			return -ENOMEM;
		chan->addr = snapshot->cases.data[i].chan;
		*slot = 1;
	}
	if (snapshot->chans.len)
		qsort(snapshot->chans.data, snapshot->chans.len, sizeof(*snapshot->chans.data),
		      compare_chans);
	for (size_t i = 0; i < snapshot->chans.len; i++)
		*addr_map_get(index, snapshot->chans.data[i].addr) = i + 1;
	return 0;
}

/* First sudog of each queue of a channel. */
struct queues {
	uint64_t send, recv;
};

static bool queue_has(const struct target *target, uint64_t first, uint64_t sudog)
{
	for (int i = 0; first && i < QUEUE_MAX; i++) {
		if (first == sudog)
			return true;
		if (memory_read_u64(target->pid, first + target->layout.sudog_next, &first))
			return false;
	}
	return false;
}

/*
 * A case does not say its direction, but where it queues does. Of a channel with waiters of both
 * directions (only selects can make one), the senders' queue is searched.
 */
static uint8_t direction_of(const struct target *target, const struct queues *queues,
			    const struct wait_case *wait_case)
{
	if (wait_case->direction != DIRECTION_UNKNOWN)
		return wait_case->direction;
	if (!queues->send)
		return queues->recv ? DIRECTION_RECV : DIRECTION_UNKNOWN;
	if (!queues->recv || target->layout.sudog_next == LAYOUT_ABSENT)
		return DIRECTION_SEND;
	return queue_has(target, queues->send, wait_case->sudog) ? DIRECTION_SEND : DIRECTION_RECV;
}

static void count_waiters(const struct target *target, struct snapshot *snapshot,
			  const struct addr_map *index, const struct queues *queues)
{
	for (size_t i = 0; i < snapshot->cases.len; i++) {
		struct wait_case *wait_case = &snapshot->cases.data[i];
		const uint32_t *at = addr_map_get(index, wait_case->chan);
		struct chan_state *chan;

		if (!at || !snapshot->chans.data[*at - 1].read_ok)
			continue;
		chan = &snapshot->chans.data[*at - 1];
		wait_case->direction = direction_of(target, &queues[*at - 1], wait_case);
		if (wait_case->direction == DIRECTION_SEND)
			chan->senders++;
		else
			chan->receivers++;
	}
}

static void take_state(const struct layout *layout, const uint8_t *hchan, struct chan_state *chan,
		       struct queues *queues)
{
	chan->read_ok = true;
	chan->len = struct_word(hchan, layout->hchan_qcount);
	chan->cap = struct_word(hchan, layout->hchan_dataqsiz);
	memcpy(&chan->closed, hchan + layout->hchan_closed, sizeof(chan->closed));
	memcpy(&chan->elem_size, hchan + layout->hchan_elemsize, sizeof(chan->elem_size));
	queues->send = struct_word(hchan, layout->hchan_sendq);
	queues->recv = struct_word(hchan, layout->hchan_recvq);
}

int wait_chan_states(const struct target *target, struct snapshot *snapshot)
{
	size_t size = target->layout.hchan_size, count;
	struct addr_map index = { 0 };
	struct memory_piece *pieces;
	struct queues *queues;
	uint8_t *bytes;
	int status = list_channels(snapshot, &index);

	if (status || size > HCHAN_MAX) {
		addr_map_free(&index);
		return status;
	}
	count = snapshot->chans.len;
	pieces = calloc(count + 1, sizeof(*pieces));
	queues = calloc(count + 1, sizeof(*queues));
	bytes = malloc((count + 1) * size);
	status = -ENOMEM;
	if (pieces && queues && bytes) {
		for (size_t i = 0; i < count; i++)
			pieces[i] = (struct memory_piece){ .addr = snapshot->chans.data[i].addr,
							   .to = bytes + i * size,
							   .len = size };
		status = memory_read_many(target->pid, pieces, count);
	}
	for (size_t i = 0; !status && i < count; i++)
		if (pieces[i].ok)
			take_state(&target->layout, bytes + i * size, &snapshot->chans.data[i],
				   &queues[i]);
	if (!status)
		count_waiters(target, snapshot, &index, queues);
	free(pieces);
	free(queues);
	free(bytes);
	addr_map_free(&index);
	return status;
}
