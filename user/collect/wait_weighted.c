// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * golang.org/x/sync/semaphore/semaphore.go, from its first commit 5a06fca (2017) to v0.20.0: who finds no
 * place appends a waiter { n int64; ready chan<- struct{} } to the semaphore's list and selects on ready.
 * container/list/list.go, Go 1.18 to 1.27: Element { next, prev *Element; list *List; Value any },
 * List { root Element; len int }.
 *
 * A word on the stack of Acquire is the semaphore when the list of waiters that it leads to has the very
 * channel that this goroutine waits for; then all others in that list are known, too.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "collect/addr_map.h"
#include "collect/g_struct.h"
#include "collect/wait_object.h"

#define ACQUIRE "golang.org/x/sync/semaphore.(*Weighted).Acquire"
#define ACQUIRE_DEPTH 4 /* pcs: below it are selectgo, gopark and what they call */
#define FRAMES_MAX 16   /* inlined into one another */
#define WORDS_MAX 256   /* of the stack: the frames down to Acquire's and its arguments */
#define MISSES_MAX                                                                                 \
	512 /* stacks looked at in vain: of those who run on meanwhile there may be many */
#define LOWEST 4096
#define HIGHEST (1ULL << 47)

struct list_element {
	uint64_t next, prev, list;
	uint64_t type, value; /* an any: of a waiter, value points to it */
};

struct weighted {
	int64_t size, cur;
	uint64_t mutex;
	struct list_element root; /* of `waiters`: it has their first and last */
	int64_t len;
};
#define WAITERS offsetof(struct weighted, root)

struct acquire_waiter {
	int64_t wants;
	uint64_t ready;
};

struct search {
	const struct target *target;
	struct snapshot *snapshot;
	uint8_t *g;
	struct addr_map acquires; /* by pc: 1, or 2 when it is in Acquire */
	struct addr_map waiters;  /* by each channel of those in Acquire: index + 1 */
	struct addr_map walked;   /* semaphores whose lists were followed */
	size_t steps_left;        /* along lists */
};

static bool read_exactly(const struct search *search, uint64_t addr, void *to, size_t len)
{
	return !memory_read(search->target->pid, addr, to, len);
}

/* 0 or -ENOMEM. */
static int pc_is_in_acquire(struct search *search, uint64_t pc, bool *is)
{
	struct pclntab_frame frames[FRAMES_MAX];
	uint32_t *known = addr_map_put(&search->acquires, pc);
	size_t count;

	if (!known)
		return -ENOMEM;
	if (!*known) {
		*known = 1;
		count = target_frames(search->target, pc, frames, FRAMES_MAX);
		for (size_t i = 0; i < count; i++)
			if (!strcmp(frames[i].function, ACQUIRE))
				*known = 2;
	}
	*is = *known == 2;
	return 0;
}

static int is_in_acquire(struct search *search, const struct goroutine *goroutine, bool *is)
{
	int status = 0;

	*is = false;
	if (goroutine->status != G_WAITING || goroutine->wait_kind != WAIT_SELECT ||
	    goroutine->torn || goroutine->wait_addr)
		return 0;
	for (uint32_t i = 0; i < goroutine->pc_count && i < ACQUIRE_DEPTH && !*is && !status; i++) {
		uint64_t pc = search->snapshot->pcs.data[goroutine->first_pc + i];

		status = pc ? pc_is_in_acquire(search, pc, is) : 0;
	}
	return status;
}

/* Those in Acquire, into which[*count]. Another channel that they wait for may be of several. */
static int list_waiters(struct search *search, uint32_t *which, size_t *count)
{
	const struct snapshot *snapshot = search->snapshot;
	int status = 0;

	for (size_t i = 0; i < snapshot->goroutines.len && !status; i++) {
		const struct goroutine *goroutine = &snapshot->goroutines.data[i];
		bool is;

		status = is_in_acquire(search, goroutine, &is);
		if (status || !is)
			continue;
		which[(*count)++] = (uint32_t)i;
		for (uint32_t j = 0; j < goroutine->case_count && !status; j++) {
			uint64_t chan = snapshot->cases.data[goroutine->first_case + j].chan;

			status = chan ? addr_map_set(&search->waiters, chan, i + 1) : 0;
		}
	}
	search->steps_left = 4096 + 16 * *count;
	return status;
}

static bool is_pointer(uint64_t word)
{
	return word % 8 == 0 && word >= LOWEST && word < HIGHEST;
}

static bool is_plausible(const struct weighted *weighted)
{
	return weighted->size > 0 && weighted->cur >= 0 && weighted->cur <= weighted->size &&
	       weighted->len > 0 && is_pointer(weighted->root.next) &&
	       is_pointer(weighted->root.prev);
}

static void take_waiter(struct search *search, uint64_t addr, const struct weighted *weighted,
			const struct acquire_waiter *waiter)
{
	const uint32_t *index = waiter->ready ? addr_map_get(&search->waiters, waiter->ready) :
						NULL;
	struct goroutine *goroutine;

	if (!index || waiter->wants < 0 || waiter->wants > weighted->size)
		return;
	goroutine = &search->snapshot->goroutines.data[*index - 1];
	goroutine->wait_addr = addr;
	goroutine->ready = waiter->ready;
	goroutine->wants = waiter->wants;
}

/* Every waiter of the list, as far as each element names the list and the one before it. */
static void follow(struct search *search, uint64_t addr, const struct weighted *weighted)
{
	uint64_t list = addr + WAITERS, before = list, at = weighted->root.next;

	while (at != list && is_pointer(at) && search->steps_left) {
		struct list_element element;
		struct acquire_waiter waiter;

		search->steps_left--;
		if (!read_exactly(search, at, &element, sizeof(element)) || element.list != list ||
		    element.prev != before || !is_pointer(element.value) ||
		    !read_exactly(search, element.value, &waiter, sizeof(waiter)))
			return;
		take_waiter(search, addr, weighted, &waiter);
		before = at;
		at = element.next;
	}
}

/* The words of the frames from sp on; 0: it does not rest any more. */
static size_t read_stack(const struct search *search, const struct goroutine *goroutine,
			 uint64_t *words)
{
	const struct layout *layout = &search->target->layout;
	struct g_rest rest;
	size_t count;

	if (!read_exactly(search, goroutine->g, search->g, layout->g_size) ||
	    !g_rests(layout, search->g, &rest) ||
	    struct_word(search->g, layout->g_goid) != goroutine->goid)
		return 0;
	count = (rest.hi - rest.sp) / sizeof(*words);
	if (count > WORDS_MAX)
		count = WORDS_MAX;
	return read_exactly(search, rest.sp, words, count * sizeof(*words)) ? count : 0;
}

static int try_words(struct search *search, const struct goroutine *goroutine,
		     const uint64_t *words, size_t count)
{
	struct memory_piece pieces[WORDS_MAX];
	struct weighted found[WORDS_MAX];
	uint64_t addrs[WORDS_MAX];
	size_t tried = 0;
	int status;

	for (size_t i = 0; i < count; i++) {
		if (!is_pointer(words[i]) || addr_map_get(&search->walked, words[i]))
			continue;
		addrs[tried] = words[i];
		pieces[tried] = (struct memory_piece){ .addr = words[i],
						       .to = &found[tried],
						       .len = sizeof(found[tried]) };
		memset(&found[tried++], 0, sizeof(*found));
	}
	status = memory_read_many(search->target->pid, pieces, tried);
	/* reading sorts the pieces, and leaves what they read where it is */
	for (size_t i = 0; i < tried && !status && !goroutine->wait_addr; i++) {
		if (!is_plausible(&found[i]))
			continue;
		follow(search, addrs[i], &found[i]);
		status = addr_map_set(&search->walked, addrs[i], 1);
	}
	return status;
}

static int find(struct search *search, const struct goroutine *goroutine)
{
	uint64_t words[WORDS_MAX];
	size_t count = goroutine->wait_addr ? 0 : read_stack(search, goroutine, words);

	return count ? try_words(search, goroutine, words, count) : 0;
}

int wait_weighted(const struct target *target, struct snapshot *snapshot)
{
	struct search search = { .target = target, .snapshot = snapshot };
	uint32_t *which = calloc(snapshot->goroutines.len + 1, sizeof(*which));
	size_t count = 0, misses = 0;
	int status;

	search.g = malloc(target->layout.g_size);
	status = which && search.g ? list_waiters(&search, which, &count) : -ENOMEM;
	for (size_t i = 0; i < count && !status && misses < MISSES_MAX; i++) {
		const struct goroutine *goroutine = &snapshot->goroutines.data[which[i]];

		status = find(&search, goroutine);
		misses += !goroutine->wait_addr;
	}
	addr_map_free(&search.acquires);
	addr_map_free(&search.waiters);
	addr_map_free(&search.walked);
	free(search.g);
	free(which);
	return status;
}
