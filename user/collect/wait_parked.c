// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The object is an argument or a local of the functions that parked the goroutine, so its address is
 * among the first words of the stack. Which word is not known beforehand, but the same for all that
 * wait in this way: it is looked for in a few goroutines, then taken from there in all others. A
 * word is the right one when what it points at points back.
 */
#include <errno.h>
#include <stdlib.h>

#include "collect/chunk.h"
#include "collect/g_struct.h"

#define WORDS_MAX 96       /* of the stack */
#define SEARCHED_AT_ONCE 8 /* goroutines */
#define OBJECT_MAX 256
#define LOWEST 4096
#define HIGHEST (1ULL << 47)

/* How an object of one kind is read, and what it says when it is that of the goroutine. */
struct parked_kind {
	size_t len; /* bytes to read; 0: not known of this version */
	bool (*accept)(const struct layout *layout, const uint8_t *object, uint64_t addr,
		       struct goroutine *goroutine);
};

/* runtime/sema.go semacquire1: a sudog out of use has no elem, one of a channel has a c. */
static bool accept_sudog(const struct layout *layout, const uint8_t *object, uint64_t addr,
			 struct goroutine *goroutine)
{
	(void)addr;
	if (struct_word(object, layout->sudog_g) != goroutine->g ||
	    struct_word(object, layout->sudog_c) || !struct_word(object, layout->sudog_elem))
		return false;
	goroutine->wait_addr = struct_word(object, layout->sudog_elem);
	return true;
}

/* runtime/netpoll.go: rg and wg hold the goroutine that waits to read, to write. */
static bool accept_poll_desc(const struct layout *layout, const uint8_t *object, uint64_t addr,
			     struct goroutine *goroutine)
{
	bool reads = struct_word(object, layout->polldesc_rg) == goroutine->g;
	uint64_t fd = struct_word(object, layout->polldesc_fd);

	if (!reads && struct_word(object, layout->polldesc_wg) != goroutine->g)
		return false;
	goroutine->wait_addr = addr;
	goroutine->direction = reads ? DIRECTION_RECV : DIRECTION_SEND;
	if (fd <= INT32_MAX)
		goroutine->fd = (int32_t)fd;
	return true;
}

/* runtime/coro.go: the goroutine that is not running. */
static bool accept_coro(const struct layout *layout, const uint8_t *object, uint64_t addr,
			struct goroutine *goroutine)
{
	if (struct_word(object, layout->coro_gp) != goroutine->g)
		return false;
	goroutine->wait_addr = addr;
	return true;
}

static size_t end_of(uint32_t field, size_t len)
{
	if (field == LAYOUT_ABSENT || field > OBJECT_MAX - 8 || !len)
		return 0;
	return field + 8 > len ? field + 8 : len;
}

static struct parked_kind kind_of(const struct layout *layout, enum wait_kind kind)
{
	switch (kind) {
	case WAIT_SEMA:
		return (struct parked_kind){
			end_of(layout->sudog_g,
			       end_of(layout->sudog_c, end_of(layout->sudog_elem, 8))),
			accept_sudog,
		};
	case WAIT_NETWORK:
		return (struct parked_kind){
			end_of(layout->polldesc_rg,
			       end_of(layout->polldesc_wg, end_of(layout->polldesc_fd, 8))),
			accept_poll_desc,
		};
	case WAIT_COROUTINE:
		return (struct parked_kind){ end_of(layout->coro_gp, 8), accept_coro };
	default:
		return (struct parked_kind){ 0 };
	}
}

struct search {
	struct waiters *waiters;
	struct parked_kind kind;
	const struct waiter **left; /* those whose object is not known */
	size_t left_count;
	struct memory_piece *pieces;
	uint32_t *owners; /* of each piece: in `left` */
	uint32_t *words;  /* of each piece: behind sp */
	uint8_t *bytes;
	size_t piece_count;
};

static void add_candidate(struct search *search, uint32_t owner, uint32_t word)
{
	const struct waiter *waiter = search->left[owner];
	uint64_t addr;

	if ((word + 1ULL) * 8 > waiter->window_len)
		return;
	addr = struct_word(waiter->window, word * 8);
	if (addr % 8 || addr < LOWEST || addr >= HIGHEST ||
	    (addr >= waiter->sp && addr < waiter->hi))
		return;
	search->owners[search->piece_count] = owner;
	search->words[search->piece_count] = word;
	search->pieces[search->piece_count] =
		(struct memory_piece){ .addr = addr,
				       .to = search->bytes + search->piece_count * search->kind.len,
				       .len = search->kind.len };
	search->piece_count++;
}

/* Reads the candidates; what is found out leaves `left`. */
static int prove(struct search *search, uint32_t *hint)
{
	struct waiters *waiters = search->waiters;
	int status = memory_read_many_with(waiters->target->pid, search->pieces,
					   search->piece_count, waiters->scratch);

	for (size_t i = 0; !status && i < search->piece_count; i++) {
		const struct waiter *waiter = search->left[search->owners[i]];

		if (!search->pieces[i].ok || !waiter ||
		    !search->kind.accept(&waiters->target->layout, search->pieces[i].to,
					 search->pieces[i].addr,
					 &waiters->chunk->goroutines.data[waiter->goroutine]))
			continue;
		search->left[search->owners[i]] = NULL;
		*hint = search->words[i] + 1;
	}
	search->piece_count = 0;
	return status;
}

static void close_ranks(struct search *search)
{
	size_t kept = 0;

	for (size_t i = 0; i < search->left_count; i++)
		if (search->left[i])
			search->left[kept++] = search->left[i];
	search->left_count = kept;
}

static int try_hint(struct search *search, uint32_t *hint)
{
	int status;

	for (size_t i = 0; i < search->left_count; i++)
		add_candidate(search, i, *hint - 1);
	status = prove(search, hint);
	close_ranks(search);
	return status;
}

/* The last few of those left: every word. They are not looked at again. */
static int try_all(struct search *search, uint32_t *hint)
{
	size_t few = search->left_count < SEARCHED_AT_ONCE ? search->left_count : SEARCHED_AT_ONCE;
	int status;

	for (size_t i = search->left_count - few; i < search->left_count; i++)
		for (uint32_t word = 0; word < WORDS_MAX; word++)
			add_candidate(search, i, word);
	status = prove(search, hint);
	search->left_count -= few;
	close_ranks(search);
	return status;
}

static int run(struct search *search, uint32_t *hint)
{
	int status = *hint ? try_hint(search, hint) : 0;

	while (!status && search->left_count) {
		uint32_t before = *hint;

		status = try_all(search, hint);
		if (!status && *hint != before)
			status = try_hint(search, hint);
	}
	return status;
}

int wait_parked(struct waiters *waiters, enum wait_kind kind)
{
	struct search search = { .waiters = waiters,
				 .kind = kind_of(&waiters->target->layout, kind) };
	size_t room = waiters->count + SEARCHED_AT_ONCE * WORDS_MAX;
	int status = -ENOMEM;

	if (!search.kind.len)
		return 0;
	search.left = calloc(waiters->count + 1, sizeof(*search.left));
	if (!search.left)
		return -ENOMEM;
	for (size_t i = 0; i < waiters->count; i++)
		if (waiters->chunk->goroutines.data[waiters->list[i].goroutine].wait_kind == kind)
			search.left[search.left_count++] = &waiters->list[i];
	if (!search.left_count) {
		free(search.left);
		return 0;
	}
	search.pieces = malloc(room * sizeof(*search.pieces));
	search.owners = malloc(room * sizeof(*search.owners));
	search.words = malloc(room * sizeof(*search.words));
	search.bytes = malloc(room * search.kind.len);
	if (search.pieces && search.owners && search.words && search.bytes)
		status = run(&search, &waiters->hints->word[kind]);
	free(search.left);
	free(search.pieces);
	free(search.owners);
	free(search.words);
	free(search.bytes);
	return status;
}
