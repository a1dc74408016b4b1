// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "model/stack.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "conctrace_abi.h"

#define PREFIX_LEN (CT_STACK_DEPTH * sizeof(uint64_t))

struct node {
	struct stack stack;
	uint64_t *pcs;
	bool creator_known;
	struct stack *prefix; /* NULL: not asked for so far */
	UT_hash_handle hh;
};

/* Deeper stacks by their first pcs. */
struct prefix {
	const struct stack *only; /* NULL: there are several */
	UT_hash_handle hh;
};

struct stack_table {
	struct symbols *symbols;
	struct node *nodes;
	struct prefix *prefixes; /* the key lies in the first of the stacks */
};

struct stack_table *stack_table_new(struct symbols *symbols)
{
	struct stack_table *table = calloc(1, sizeof(*table));

	if (table)
		table->symbols = symbols;
	return table;
}

static void node_free(struct node *node)
{
	free(node->stack.frames);
	free(node->pcs);
	free(node);
}

void stack_table_free(struct stack_table *table)
{
	struct prefix *prefix, *next_prefix;
	struct node *node, *next;

	if (!table)
		return;
	HASH_ITER(hh, table->prefixes, prefix, next_prefix) {
		HASH_DEL(table->prefixes, prefix);
		free(prefix);
	}
	HASH_ITER(hh, table->nodes, node, next) {
		HASH_DEL(table->nodes, node);
		node_free(node);
	}
	free(table);
}

static bool begins(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

/* How the goroutine came to rest, which every parked one shares. */
static bool is_park_frame(const struct pclntab_frame *frame)
{
	return !strcmp(frame->function, "runtime.gopark") ||
	       !strcmp(frame->function, "runtime.goparkunlock");
}

static bool is_goexit(const struct pclntab_frame *frame)
{
	return !strcmp(frame->function, "runtime.goexit");
}

static int expand(struct stack_table *table, struct stack *stack)
{
	const struct pclntab_frame *frames;
	size_t room = 0, count;

	for (size_t i = 0; i < stack->pc_count; i++)
		room += symbols_frames(table->symbols, stack->pcs[i], &frames);
	stack->frames = calloc(room + 1, sizeof(*stack->frames));
	if (!stack->frames)
		return -1;
	for (size_t i = 0; i < stack->pc_count; i++) {
		count = symbols_frames(table->symbols, stack->pcs[i], &frames);
		for (size_t j = 0; j < count; j++)
			if (!(is_park_frame(&frames[j]) && !stack->frame_count) &&
			    !is_goexit(&frames[j]))
				stack->frames[stack->frame_count++] = &frames[j];
	}
	return 0;
}

/* From the semaphore outwards, the first function that names a lock decides. */
static enum lock_kind lock_of(const struct stack *stack)
{
	bool in_semaphore = false, in_mutex = false;

	for (size_t i = 0; i < stack->frame_count; i++) {
		const char *name = stack->frames[i]->function;
		bool is_sync = begins(name, "sync.") || begins(name, "internal/sync.");

		if (begins(name, "runtime.semacquire") || strstr(name, "runtime_Semacquire"))
			in_semaphore = true;
		else if (strstr(name, "runtime_notifyListWait"))
			return LOCK_COND;
		else if (in_semaphore && is_sync && strstr(name, "(*Mutex)."))
			in_mutex = true;
		else if (in_mutex && begins(name, "sync.(*RWMutex).Lock"))
			return LOCK_RWMUTEX_MUTEX;
		else if (in_mutex)
			return begins(name, "sync.(*Once).") ? LOCK_ONCE : LOCK_MUTEX;
		else if (in_semaphore && begins(name, "sync.(*RWMutex).Lock"))
			return LOCK_RWMUTEX_WRITER;
		else if (in_semaphore && begins(name, "sync.(*RWMutex).RLock"))
			return LOCK_RWMUTEX_READER;
		else if (in_semaphore && begins(name, "sync.(*WaitGroup)."))
			return LOCK_WAITGROUP;
		else if (in_semaphore)
			return LOCK_SEMAPHORE;
	}
	if (in_mutex)
		return LOCK_MUTEX;
	return in_semaphore ? LOCK_SEMAPHORE : LOCK_NONE;
}

static void find_site(struct stack_table *table, struct stack *stack)
{
	for (size_t i = 0; i < stack->frame_count; i++)
		if (!symbols_is_standard(table->symbols, stack->frames[i])) {
			stack->site = stack->frames[i];
			return;
		}
	stack->site_is_guess = true;
	if (stack->frame_count)
		stack->site = stack->frames[stack->frame_count - 1];
}

/* Where goroutines end up when their function returns, or where the main one begins. */
static bool is_whole(struct stack_table *table, const struct stack *stack)
{
	const struct pclntab_frame *frames;
	size_t count = stack->pc_count ? symbols_frames(table->symbols,
							stack->pcs[stack->pc_count - 1], &frames) :
					 0;

	return count && (is_goexit(&frames[count - 1]) ||
			 !strcmp(frames[count - 1].function, "runtime.mstart"));
}

static int note_prefix(struct stack_table *table, const struct stack *stack)
{
	struct prefix *prefix;

	if (stack->pc_count <= CT_STACK_DEPTH)
		return 0;
	HASH_FIND(hh, table->prefixes, stack->pcs, PREFIX_LEN, prefix);
	if (prefix) {
		prefix->only = NULL;
		return 0;
	}
	prefix = calloc(1, sizeof(*prefix));
	if (!prefix)
		return -1;
	prefix->only = stack;
	HASH_ADD_KEYPTR(hh, table->prefixes, stack->pcs, PREFIX_LEN, prefix);
	return 0;
}

const struct stack *stack_deeper(const struct stack_table *table, const struct stack *stack)
{
	struct prefix *prefix;

	if (stack->pc_count != CT_STACK_DEPTH)
		return NULL;
	HASH_FIND(hh, table->prefixes, stack->pcs, PREFIX_LEN, prefix);
	return prefix ? prefix->only : NULL;
}

int stack_table_each(const struct stack_table *table,
		     int (*visit)(void *ctx, const struct stack *stack), void *ctx)
{
	const struct node *node;
	int status = 0;

	for (node = table->nodes; node && !status; node = node->hh.next)
		status = visit(ctx, &node->stack);
	return status;
}

struct stack *stack_prefix(struct stack_table *table, const struct stack *stack)
{
	struct node *node = (struct node *)stack;

	if (!node->prefix)
		node->prefix = stack->pc_count <= CT_STACK_DEPTH ?
				       &node->stack :
				       stack_intern(table, stack->pcs, CT_STACK_DEPTH);
	return node->prefix;
}

struct stack *stack_intern(struct stack_table *table, const uint64_t *pcs, size_t count)
{
	struct node *node;
	size_t key_len = count * sizeof(*pcs);

	HASH_FIND(hh, table->nodes, pcs, key_len, node);
	if (node)
		return &node->stack;
	node = calloc(1, sizeof(*node));
	if (!node)
		return NULL;
	node->pcs = malloc(key_len ? key_len : 1);
	if (!node->pcs) {
		node_free(node);
		return NULL;
	}
	memcpy(node->pcs, pcs, key_len);
	node->stack.pcs = node->pcs;
	node->stack.pc_count = count;
	if (expand(table, &node->stack) || note_prefix(table, &node->stack)) {
		node_free(node);
		return NULL;
	}
	node->stack.number = HASH_COUNT(table->nodes) + 1;
	node->stack.lock = lock_of(&node->stack);
	node->stack.whole = is_whole(table, &node->stack);
	find_site(table, &node->stack);
	HASH_ADD_KEYPTR(hh, table->nodes, node->pcs, key_len, node);
	return &node->stack;
}

void stack_complete(struct stack *stack, const struct stack *deeper)
{
	if (!stack->site_is_guess || deeper->site_is_guess)
		return;
	stack->site = deeper->site;
	stack->site_is_guess = false;
}

void stack_complete_by_creator(struct stack_table *table, struct stack *stack, uint64_t gopc)
{
	struct node *node = (struct node *)stack;
	const struct pclntab_frame *frames;
	size_t count;

	if (!stack->site_is_guess || node->creator_known || !gopc)
		return;
	count = symbols_frames(table->symbols, gopc - 1, &frames);
	for (size_t i = 0; i < count; i++)
		if (!symbols_is_standard(table->symbols, &frames[i])) {
			stack->site = &frames[i];
			node->creator_known = true;
			return;
		}
}

bool stack_is_same_site(const struct pclntab_frame *a, const struct pclntab_frame *b)
{
	return a == b || (a && b && a->line == b->line && !strcmp(a->function, b->function) &&
			  !strcmp(a->file, b->file));
}
