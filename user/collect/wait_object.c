// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "collect/wait_object.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "target/memory.h"

#define SELECT_CASES_MAX 65536 /* the compiler's own limit */
#define SUDOG_MAX 256
#define HCHAN_MAX 256
#define SEMA_ROOTS 251 /* runtime/sema.go semTabSize; each padded to a cache line */
#define SEMA_ROOT_SIZE 64

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
		{ "IO wait", WAIT_NETWORK },
	};

	for (size_t i = 0; reason && i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strncmp(reason, kinds[i].begins, strlen(kinds[i].begins)))
			return kinds[i].kind;
	return WAIT_OTHER;
}

static uint64_t word(const uint8_t *bytes, uint32_t offset)
{
	uint64_t value;

	memcpy(&value, bytes + offset, sizeof(value));
	return value;
}

static bool waits_on_channels(const struct goroutine *goroutine)
{
	return goroutine->wait_kind == WAIT_CHAN_SEND || goroutine->wait_kind == WAIT_CHAN_RECV ||
	       goroutine->wait_kind == WAIT_SELECT;
}

static int add_case(struct snapshot *snapshot, struct goroutine *goroutine, uint64_t chan)
{
	struct wait_case *wait_case = vec_push(&snapshot->cases);

	if (!wait_case)
		return -ENOMEM;
	wait_case->chan = chan;
	if (!goroutine->case_count)
		goroutine->first_case = snapshot->cases.len - 1;
	goroutine->case_count++;
	if (goroutine->wait_kind != WAIT_SELECT)
		goroutine->wait_addr = chan;
	return 0;
}

/* A select has a sudog a case, linked by waitlink; few have many, so those are read one by one. */
static int add_cases(const struct target *target, struct snapshot *snapshot,
		     struct goroutine *goroutine, const uint8_t *first)
{
	const struct layout *layout = &target->layout;
	uint8_t sudog[SUDOG_MAX];
	uint64_t next;
	int status;

	if (word(first, layout->sudog_g) != goroutine->g)
		return 0;
	status = add_case(snapshot, goroutine, word(first, layout->sudog_c));
	next = word(first, layout->sudog_waitlink);
	for (int i = 0;
	     !status && goroutine->wait_kind == WAIT_SELECT && next && i < SELECT_CASES_MAX; i++) {
		if (memory_read(target->pid, next, sudog, layout->sudog_size) ||
		    word(sudog, layout->sudog_g) != goroutine->g)
			break;
		status = add_case(snapshot, goroutine, word(sudog, layout->sudog_c));
		next = word(sudog, layout->sudog_waitlink);
	}
	return status;
}

int wait_object_channels(const struct target *target, struct snapshot *snapshot, size_t first,
			 const uint64_t *waiting)
{
	size_t count = snapshot->goroutines.len - first, size = target->layout.sudog_size;
	struct memory_piece *pieces = calloc(count + 1, sizeof(*pieces));
	uint8_t *sudogs = size <= SUDOG_MAX ? malloc((count + 1) * size) : NULL;
	int status = -ENOMEM;
	size_t wanted = 0;

	if (!pieces || !sudogs)
		goto out;
	for (size_t i = 0; i < count; i++) {
		if (!waiting[i] || !waits_on_channels(&snapshot->goroutines.data[first + i]))
			continue;
		pieces[wanted] = (struct memory_piece){ .addr = waiting[i],
							.to = sudogs + wanted * size,
							.len = size };
		wanted++;
	}
	status = memory_read_many(target->pid, pieces, wanted);
	for (size_t i = 0, piece = 0; !status && i < count; i++) {
		struct goroutine *goroutine = &snapshot->goroutines.data[first + i];

		if (!waiting[i] || !waits_on_channels(goroutine))
			continue;
		if (pieces[piece].ok)
			status = add_cases(target, snapshot, goroutine, sudogs + piece * size);
		piece++;
	}
out:
	free(pieces);
	free(sudogs);
	return status;
}

struct by_g {
	uint64_t g;
	size_t index;
};

static int compare_g(const void *a, const void *b)
{
	const struct by_g *x = a, *y = b;

	return x->g < y->g ? -1 : x->g > y->g;
}

/* Goroutines that wait for a semaphore, ascending by g. */
static struct by_g *sema_waiters(const struct snapshot *snapshot, size_t *count)
{
	struct by_g *waiters;

	*count = 0;
	for (size_t i = 0; i < snapshot->goroutines.len; i++)
		*count += snapshot->goroutines.data[i].wait_kind == WAIT_SEMA;
	waiters = calloc(*count + 1, sizeof(*waiters));
	if (!waiters)
		return NULL;
	*count = 0;
	for (size_t i = 0; i < snapshot->goroutines.len; i++)
		if (snapshot->goroutines.data[i].wait_kind == WAIT_SEMA)
			waiters[(*count)++] = (struct by_g){ snapshot->goroutines.data[i].g, i };
	qsort(waiters, *count, sizeof(*waiters), compare_g);
	return waiters;
}

/* Sudogs still to be looked at; each level of the trees is read in one go. */
typedef VEC(uint64_t) address_list;

static int push_address(address_list *list, uint64_t addr)
{
	uint64_t *slot;

	if (!addr)
		return 0;
	slot = vec_push(list);
	if (!slot)
		return -ENOMEM;
	*slot = addr;
	return 0;
}

static int take_level(const struct target *target, struct snapshot *snapshot,
		      const struct by_g *waiters, size_t waiter_count, const address_list *level,
		      address_list *next)
{
	const struct layout *layout = &target->layout;
	size_t size = layout->sudog_size;
	struct memory_piece *pieces = calloc(level->len + 1, sizeof(*pieces));
	uint8_t *sudogs = malloc((level->len + 1) * size);
	int status = -ENOMEM;

	if (!pieces || !sudogs)
		goto out;
	for (size_t i = 0; i < level->len; i++)
		pieces[i] = (struct memory_piece){ .addr = level->data[i],
						   .to = sudogs + i * size,
						   .len = size };
	status = memory_read_many(target->pid, pieces, level->len);
	for (size_t i = 0; !status && i < level->len; i++) {
		const uint8_t *sudog = sudogs + i * size;
		struct by_g key = { .g = pieces[i].ok ? word(sudog, layout->sudog_g) : 0 }, *waiter;

		waiter = bsearch(&key, waiters, waiter_count, sizeof(*waiters), compare_g);
		if (waiter)
			snapshot->goroutines.data[waiter->index].wait_addr =
				word(sudog, layout->sudog_elem);
		if (!pieces[i].ok)
			continue;
		/* prev and next are the treap's children, waitlink the queue of one address */
		status = push_address(next, word(sudog, layout->sudog_prev));
		if (!status)
			status = push_address(next, word(sudog, layout->sudog_next));
		if (!status)
			status = push_address(next, word(sudog, layout->sudog_waitlink));
	}
out:
	free(pieces);
	free(sudogs);
	return status;
}

int wait_object_semaphores(const struct target *target, struct snapshot *snapshot)
{
	uint8_t roots[SEMA_ROOTS * SEMA_ROOT_SIZE];
	address_list level = { 0 }, next = { 0 };
	size_t waiter_count, seen = 0, limit;
	struct by_g *waiters;
	int status = 0;

	if (!target->semtable || target->layout.semaroot_treap == LAYOUT_ABSENT ||
	    target->layout.sudog_size > SUDOG_MAX ||
	    memory_read(target->pid, target->semtable, roots, sizeof(roots)))
		return 0;
	waiters = sema_waiters(snapshot, &waiter_count);
	if (!waiters)
		return -ENOMEM;
	/* a tree that changes while it is read can look endless */
	limit = waiter_count * 2 + 1024;
	for (int i = 0; i < SEMA_ROOTS && !status && waiter_count; i++)
		status = push_address(&level, word(roots + i * SEMA_ROOT_SIZE,
						   target->layout.semaroot_treap));
	while (!status && level.len && seen < limit) {
		address_list done = level;

		seen += level.len;
		next.len = 0;
		status = take_level(target, snapshot, waiters, waiter_count, &level, &next);
		level = next;
		next = done;
	}
	vec_free(&level);
	vec_free(&next);
	free(waiters);
	return status;
}

static int compare_chan(const void *a, const void *b)
{
	const struct chan_state *x = a, *y = b;

	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

static int list_channels(struct snapshot *snapshot)
{
	size_t kept = 0;

	snapshot->chans.len = 0;
	for (size_t i = 0; i < snapshot->cases.len; i++) {
		struct chan_state *chan;

		if (!snapshot->cases.data[i].chan)
			continue;
		chan = vec_push(&snapshot->chans);
		if (!chan)
			return -ENOMEM;
		chan->addr = snapshot->cases.data[i].chan;
	}
	qsort(snapshot->chans.data, snapshot->chans.len, sizeof(*snapshot->chans.data),
	      compare_chan);
	for (size_t i = 0; i < snapshot->chans.len; i++)
		if (!kept || snapshot->chans.data[kept - 1].addr != snapshot->chans.data[i].addr)
			snapshot->chans.data[kept++] = snapshot->chans.data[i];
	snapshot->chans.len = kept;
	return 0;
}

static struct chan_state *chan_at(struct snapshot *snapshot, uint64_t addr)
{
	struct chan_state key = { .addr = addr };

	return bsearch(&key, snapshot->chans.data, snapshot->chans.len, sizeof(key), compare_chan);
}

/* A select's case does not say its direction; the channel's queues do: both are never filled. */
static void count_waiters(struct snapshot *snapshot, const bool *has_senders)
{
	for (size_t i = 0; i < snapshot->goroutines.len; i++) {
		const struct goroutine *goroutine = &snapshot->goroutines.data[i];

		for (uint32_t j = 0; j < goroutine->case_count; j++) {
			struct chan_state *chan = chan_at(
				snapshot, snapshot->cases.data[goroutine->first_case + j].chan);
			bool sends;

			if (!chan)
				continue;
			sends = goroutine->wait_kind == WAIT_CHAN_SEND ||
				(goroutine->wait_kind == WAIT_SELECT &&
				 has_senders[chan - snapshot->chans.data]);
			if (sends)
				chan->senders++;
			else
				chan->receivers++;
		}
	}
}

int wait_object_chan_states(const struct target *target, struct snapshot *snapshot)
{
	const struct layout *layout = &target->layout;
	size_t size = layout->hchan_size;
	struct memory_piece *pieces;
	uint8_t *bytes;
	bool *has_senders;
	int status = list_channels(snapshot);

	if (status || size > HCHAN_MAX)
		return status;
	pieces = calloc(snapshot->chans.len + 1, sizeof(*pieces));
	bytes = malloc((snapshot->chans.len + 1) * size);
	has_senders = calloc(snapshot->chans.len + 1, sizeof(*has_senders));
	if (!pieces || !bytes || !has_senders) {
		status = -ENOMEM;
		goto out;
	}
	for (size_t i = 0; i < snapshot->chans.len; i++)
		pieces[i] = (struct memory_piece){ .addr = snapshot->chans.data[i].addr,
						   .to = bytes + i * size,
						   .len = size };
	status = memory_read_many(target->pid, pieces, snapshot->chans.len);
	for (size_t i = 0; !status && i < snapshot->chans.len; i++) {
		struct chan_state *chan = &snapshot->chans.data[i];
		const uint8_t *hchan = bytes + i * size;

		chan->read_ok = pieces[i].ok;
		if (!chan->read_ok)
			continue;
		chan->len = word(hchan, layout->hchan_qcount);
		chan->cap = word(hchan, layout->hchan_dataqsiz);
		memcpy(&chan->closed, hchan + layout->hchan_closed, sizeof(chan->closed));
		has_senders[i] = word(hchan, layout->hchan_sendq) != 0;
	}
	if (!status)
		count_waiters(snapshot, has_senders);
out:
	free(pieces);
	free(bytes);
	free(has_senders);
	return status;
}
