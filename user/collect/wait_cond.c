// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * runtime/sema.go notifyListWait: the sudogs of a Cond's waiters are linked by next from the list's
 * head on. No sudog names its list, but the address of the list, or of the Cond around it, is an
 * argument of the parked functions. A word of the stack is the right one when this goroutine is found
 * in the list that it leads to; with it all others in that list are found.
 */
#include <errno.h>
#include <stdlib.h>

#include "collect/addr_map.h"
#include "collect/g_struct.h"
#include "collect/wait_object.h"

#define WORDS_MAX 96
#define SUDOG_MAX 256
#define LOWEST 4096
#define HIGHEST (1ULL << 47)

struct cond_search {
	const struct target *target;
	struct snapshot *snapshot;
	struct addr_map waiters; /* by g, all that wait for a Cond: index + 1, 0 when found */
	size_t steps_left;       /* along lists */
	uint32_t hint;           /* word of the stack where the last list was found, and 1 */
	bool hint_is_cond;       /* the Cond's address was there, not the list's */
};

/* Every sudog of the list, as long as they are those of our goroutines. */
static void follow(struct cond_search *search, uint64_t list, uint64_t sudog_addr)
{
	const struct layout *layout = &search->target->layout;
	uint8_t sudog[SUDOG_MAX];

	while (sudog_addr && search->steps_left) {
		uint32_t *waiter;

		search->steps_left--;
		if (memory_read(search->target->pid, sudog_addr, sudog, layout->sudog_size))
			return;
		waiter = addr_map_get(&search->waiters, struct_word(sudog, layout->sudog_g));
		if (!waiter)
			return;
		if (*waiter)
			search->snapshot->goroutines.data[*waiter - 1].wait_addr = list;
		*waiter = 0;
		sudog_addr = struct_word(sudog, layout->sudog_next);
	}
}

static bool is_found(const struct cond_search *search, const struct cond_waiter *waiter)
{
	return search->snapshot->goroutines.data[waiter->goroutine].wait_addr != 0;
}

static uint64_t list_at(const struct cond_search *search, uint64_t word, bool is_cond)
{
	return is_cond ? word + search->target->layout.cond_notify : word;
}

static bool is_plausible(const struct cond_waiter *waiter, uint64_t word)
{
	return word % 8 == 0 && word >= LOWEST && word < HIGHEST &&
	       (word < waiter->sp || word >= waiter->hi);
}

/* How a list begins and ends. */
struct list_ends {
	uint64_t head, tail;
};

static size_t ends_len(const struct layout *layout)
{
	return layout->notifylist_tail + sizeof(uint64_t) - layout->notifylist_head;
}

/*
 * &l.lock lies on the stack, too, and what stands behind the lock's list is the tail, which of one waiter is the
 * head: so the tail must be one of our goroutines' sudogs as well.
 */
static bool is_list(const struct cond_search *search, const struct list_ends *ends)
{
	const struct layout *layout = &search->target->layout;
	uint64_t g;

	return ends->head && ends->tail &&
	       !memory_read_u64(search->target->pid, ends->tail + layout->sudog_g, &g) && g &&
	       addr_map_get(&search->waiters, g);
}

static bool try_word(struct cond_search *search, const struct cond_waiter *waiter, uint64_t word,
		     bool is_cond)
{
	const struct layout *layout = &search->target->layout;
	uint64_t list = list_at(search, word, is_cond);
	struct list_ends ends;

	if (!is_plausible(waiter, word) ||
	    memory_read(search->target->pid, list + layout->notifylist_head, &ends, sizeof(ends)) ||
	    !is_list(search, &ends))
		return false;
	follow(search, list, ends.head);
	return is_found(search, waiter);
}

/* All words of one stack, their lists read in one go. */
static int try_stack(struct cond_search *search, const struct cond_waiter *waiter,
		     const uint64_t *words, size_t count)
{
	const struct layout *layout = &search->target->layout;
	struct memory_piece pieces[WORDS_MAX * 2];
	struct list_ends ends[WORDS_MAX * 2];
	uint32_t from[WORDS_MAX * 2]; /* word * 2 + is_cond */
	size_t tried = 0;
	int status;

	for (size_t i = 0; i < count * 2; i++) {
		if (!is_plausible(waiter, words[i / 2]))
			continue;
		from[tried] = i;
		pieces[tried] = (struct memory_piece){
			.addr = list_at(search, words[i / 2], i % 2) + layout->notifylist_head,
			.to = &ends[tried],
			.len = sizeof(ends[tried]),
		};
		tried++;
	}
	status = memory_read_many(search->target->pid, pieces, tried);
	for (size_t i = 0; !status && i < tried; i++) {
		if (!pieces[i].ok || !is_list(search, &ends[i]))
			continue;
		follow(search, list_at(search, words[from[i] / 2], from[i] % 2), ends[i].head);
		if (!is_found(search, waiter))
			continue;
		search->hint = from[i] / 2 + 1;
		search->hint_is_cond = from[i] % 2;
		break;
	}
	return status;
}

static int find(struct cond_search *search, const struct cond_waiter *waiter)
{
	uint64_t words[WORDS_MAX];
	size_t count = (waiter->hi - waiter->sp) / 8;

	if (count > WORDS_MAX)
		count = WORDS_MAX;
	if (is_found(search, waiter) ||
	    memory_read(search->target->pid, waiter->sp, words, count * 8))
		return 0;
	if (search->hint && search->hint <= count &&
	    try_word(search, waiter, words[search->hint - 1], search->hint_is_cond))
		return 0;
	return try_stack(search, waiter, words, count);
}

static int list_waiters(struct cond_search *search)
{
	struct snapshot *snapshot = search->snapshot;

	for (size_t i = 0; i < snapshot->goroutines.len; i++) {
		const struct goroutine *goroutine = &snapshot->goroutines.data[i];
		uint32_t *slot;

		if (goroutine->wait_kind != WAIT_COND)
			continue;
		slot = addr_map_put(&search->waiters, goroutine->g);
		if (!slot)
			return -ENOMEM;
		*slot = goroutine->wait_addr ? 0 : i + 1;
	}
	search->steps_left = 4096 + 16 * search->waiters.used;
	return 0;
}

int wait_conds(const struct target *target, struct snapshot *snapshot, const cond_waiters *conds)
{
	const struct layout *layout = &target->layout;
	struct cond_search search = { .target = target, .snapshot = snapshot };
	int status;

	if (!conds->len || layout->notifylist_head == LAYOUT_ABSENT ||
	    layout->cond_notify == LAYOUT_ABSENT || layout->sudog_next == LAYOUT_ABSENT ||
	    layout->sudog_size > SUDOG_MAX || ends_len(layout) != sizeof(struct list_ends))
		return 0;
	status = list_waiters(&search);
	for (size_t i = 0; i < conds->len && !status; i++)
		status = find(&search, &conds->data[i]);
	addr_map_free(&search.waiters);
	return status;
}
