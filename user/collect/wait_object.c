// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "collect/wait_object.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collect/chunk.h"
#include "collect/g_struct.h"

#define TIMER_LEN_MAX 256

enum wait_kind wait_kind_of(const char *reason)
{
	static const struct {
		const char *begins;
		enum wait_kind kind;
	} kinds[] = {
		{ "chan receive (nil", WAIT_OTHER }, { "chan send (nil", WAIT_OTHER },
		{ "chan receive", WAIT_CHAN_RECV },  { "chan send", WAIT_CHAN_SEND },
		{ "select (no cases)", WAIT_OTHER }, { "select", WAIT_SELECT },
		{ "semacquire", WAIT_SEMA },         { "sync.Mutex", WAIT_SEMA },
		{ "sync.RWMutex", WAIT_SEMA },       { "sync.WaitGroup", WAIT_SEMA },
		{ "sync.Cond", WAIT_COND },          { "sleep", WAIT_TIMER },
		{ "IO wait", WAIT_NETWORK },         { "coroutine", WAIT_COROUTINE },
	};

	for (size_t i = 0; reason && i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strncmp(reason, kinds[i].begins, strlen(kinds[i].begins)))
			return kinds[i].kind;
	return WAIT_OTHER;
}

/* Reads of one struct for some of the waiters. */
struct reads {
	struct memory_piece *pieces;
	struct goroutine **goroutines;
	uint8_t *bytes;
	size_t count, len;
};

static int reads_open(struct reads *reads, size_t count, size_t len)
{
	*reads = (struct reads){ .pieces = calloc(count + 1, sizeof(*reads->pieces)),
				 .goroutines = calloc(count + 1, sizeof(*reads->goroutines)),
				 .bytes = malloc((count + 1) * len),
				 .len = len };
	return reads->pieces && reads->goroutines && reads->bytes ? 0 : -ENOMEM;
}

static void reads_add(struct reads *reads, struct goroutine *goroutine, uint64_t addr)
{
	reads->goroutines[reads->count] = goroutine;
	reads->pieces[reads->count] = (struct memory_piece){
		.addr = addr, .to = reads->bytes + reads->count * reads->len, .len = reads->len
	};
	reads->count++;
}

static void reads_close(struct reads *reads)
{
	free(reads->pieces);
	free(reads->goroutines);
	free(reads->bytes);
}

/* time.Sleep: its timer wakes this goroutine. */
static int wait_timers(struct waiters *waiters)
{
	const struct layout *layout = &waiters->target->layout;
	size_t len = layout->timer_size;
	struct reads reads;
	int status;

	if (layout->g_timer == LAYOUT_ABSENT || layout->timer_when == LAYOUT_ABSENT ||
	    layout->timer_arg == LAYOUT_ABSENT || len > TIMER_LEN_MAX ||
	    layout->timer_when + 8ULL > len || layout->timer_arg + 16ULL > len)
		return 0;
	status = reads_open(&reads, waiters->count, len);
	for (size_t i = 0; !status && i < waiters->count; i++) {
		const struct waiter *waiter = &waiters->list[i];
		struct goroutine *goroutine = &waiters->chunk->goroutines.data[waiter->goroutine];
		uint64_t timer = struct_word(waiter->g, layout->g_timer);

		if (goroutine->wait_kind == WAIT_TIMER && timer)
			reads_add(&reads, goroutine, timer);
	}
	if (!status)
		status = memory_read_many_with(waiters->target->pid, reads.pieces, reads.count,
					       waiters->scratch);
	for (size_t i = 0; !status && i < reads.count; i++) {
		const uint8_t *timer = reads.pieces[i].to;

		/* an `any`: its type, then the pointer */
		if (!reads.pieces[i].ok ||
		    struct_word(timer, layout->timer_arg + 8) != reads.goroutines[i]->g)
			continue;
		reads.goroutines[i]->wait_addr = reads.pieces[i].addr;
		reads.goroutines[i]->wake_ns = struct_word(timer, layout->timer_when);
	}
	reads_close(&reads);
	return status;
}

/* The threads of those that are on one. */
static int find_threads(struct waiters *waiters)
{
	const struct layout *layout = &waiters->target->layout;
	struct reads reads;
	int status = reads_open(&reads, waiters->count, sizeof(uint64_t));

	for (size_t i = 0; !status && i < waiters->count; i++) {
		const struct waiter *waiter = &waiters->list[i];
		uint64_t m = struct_word(waiter->g, layout->g_m);

		if (m)
			reads_add(&reads, &waiters->chunk->goroutines.data[waiter->goroutine],
				  m + layout->m_procid);
	}
	if (!status)
		status = memory_read_many_with(waiters->target->pid, reads.pieces, reads.count,
					       waiters->scratch);
	for (size_t i = 0; !status && i < reads.count; i++)
		if (reads.pieces[i].ok)
			memcpy(&reads.goroutines[i]->m_procid, reads.pieces[i].to,
			       sizeof(uint64_t));
	reads_close(&reads);
	return status;
}

static int note_conds(struct waiters *waiters)
{
	for (size_t i = 0; i < waiters->count; i++) {
		const struct waiter *waiter = &waiters->list[i];
		struct cond_waiter *cond;

		if (waiters->chunk->goroutines.data[waiter->goroutine].wait_kind != WAIT_COND ||
		    !waiter->sp)
			continue;
		cond = vec_push(&waiters->chunk->conds);
		if (!cond)
			return -ENOMEM;
		*cond = (struct cond_waiter){ waiter->goroutine, waiter->sp, waiter->hi };
	}
	return 0;
}

int wait_objects(struct waiters *waiters)
{
	int status = wait_channels(waiters);

	if (!status)
		status = wait_parked(waiters, WAIT_SEMA);
	if (!status)
		status = wait_parked(waiters, WAIT_NETWORK);
	if (!status)
		status = wait_parked(waiters, WAIT_COROUTINE);
	if (!status)
		status = wait_timers(waiters);
	if (!status)
		status = find_threads(waiters);
	return status ? status : note_conds(waiters);
}
