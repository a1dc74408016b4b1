/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Stacks, each kept once: equal stacks are the same pointer. */
#ifndef MODEL_STACK_H
#define MODEL_STACK_H

#include "model/symbols.h"

enum lock_kind {
	LOCK_NONE,
	LOCK_MUTEX,
	LOCK_ONCE,           /* the Mutex in it, which is held while its function runs */
	LOCK_RWMUTEX_MUTEX,  /* a writer behind another one, in the RWMutex's inner Mutex */
	LOCK_RWMUTEX_WRITER, /* a writer waiting for readers */
	LOCK_RWMUTEX_READER,
	LOCK_WAITGROUP,
	LOCK_COND,
	LOCK_SEMAPHORE, /* another user of a runtime semaphore */
	LOCK_WEIGHTED, /* a semaphore.Weighted; of no stack, for memory must tell: model_lock_kind */
};
/* Of a sync.Mutex, also when that is a sync.Once's own. */
static inline bool lock_is_mutex(enum lock_kind kind)
{
	return kind == LOCK_MUTEX || kind == LOCK_ONCE;
}

struct stack {
	uint64_t number; /* from 1, in the order of their making: equal input gives equal output */
	const uint64_t *pcs; /* innermost first, to look up as they are */
	size_t pc_count;
	const struct pclntab_frame **frames; /* inlined ones included, park frames left out */
	size_t frame_count;
	/* The application's frame: the first outside the standard library. */
	const struct pclntab_frame *site;
	bool site_is_guess; /* no application frame known: the outermost known one, or created by */
	enum lock_kind lock; /* which lock operation the stack is in */
	bool whole;          /* its last pc is where goroutines begin */
};

struct stack_table;

struct stack_table *stack_table_new(struct symbols *symbols);
void stack_table_free(struct stack_table *table);

/* NULL: no memory. The same pcs give the same pointer, which is good as long as the table. */
struct stack *stack_intern(struct stack_table *table, const uint64_t *pcs, size_t count);

/* The stack as the probes would have kept it: no deeper than CT_STACK_DEPTH pcs. NULL: no memory. */
struct stack *stack_prefix(struct stack_table *table, const struct stack *stack);
/*
 * Of the stacks in the table the one that begins as `stack` does and is deeper than CT_STACK_DEPTH;
 * NULL: none, or several, or `stack` is not that deep itself.
 */
const struct stack *stack_deeper(const struct stack_table *table, const struct stack *stack);

/* Calls `visit` for each; it must not add any. Stops at what is not 0, and returns it. */
int stack_table_each(const struct stack_table *table,
		     int (*visit)(void *ctx, const struct stack *stack), void *ctx);

/* The stack goes on as `deeper` does: take its site when this one's is a guess. */
void stack_complete(struct stack *stack, const struct stack *deeper);
/* Nothing better is known than the go statement that made the goroutine. */
void stack_complete_by_creator(struct stack_table *table, struct stack *stack, uint64_t gopc);

/* The same line of the same function; NULL is the same as NULL. */
bool stack_is_same_site(const struct pclntab_frame *a, const struct pclntab_frame *b);

#endif
