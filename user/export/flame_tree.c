// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "export/flame_tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "export/flame_text.h"

/* Kept once, so that equal names are the same pointer. */
struct flame_name {
	char *text;
	UT_hash_handle hh;
};

struct child_key {
	const char *name;
	size_t parent;
};

struct child {
	struct child_key key;
	size_t node;
	UT_hash_handle hh;
};

struct build {
	const struct flame *flame;
	struct flame_tree *tree;
	struct child *children;
	uint64_t *by_reason; /* nodes x reasons */
};

static const char *intern(struct flame_tree *tree, const struct flame_frame *frame)
{
	char name[FLAME_NAME_MAX], clean[FLAME_NAME_MAX];
	struct flame_name *known;

	flame_frame_name(frame, name, sizeof(name));
	flame_utf8(name, clean, sizeof(clean));
	HASH_FIND_STR(tree->names, clean, known);
	if (known)
		return known->text;
	known = calloc(1, sizeof(*known));
	if (known)
		known->text = strdup(clean);
	if (!known || !known->text) {
		free(known);
		return NULL;
	}
	HASH_ADD_KEYPTR(hh, tree->names, known->text, strlen(known->text), known);
	return known->text;
}

static bool is_same_line(const struct pclntab_frame *a, const struct pclntab_frame *b)
{
	return a && b && a->line == b->line && !strcmp(a->file, b->file);
}

/* Index of the child; SIZE_MAX: no memory. */
static size_t child_of(struct build *build, size_t parent, const struct flame_frame *frame)
{
	struct flame_tree *tree = build->tree;
	struct child_key key = { .name = intern(tree, frame), .parent = parent };
	struct flame_node *node;
	struct child *child;

	if (!key.name)
		return SIZE_MAX;
	HASH_FIND(hh, build->children, &key, sizeof(key), child);
	if (child) {
		node = &tree->nodes.data[child->node];
		node->same_line = node->same_line && is_same_line(node->frame->frame, frame->frame);
		return child->node;
	}
	child = calloc(1, sizeof(*child));
	node = child ? vec_push(&tree->nodes) : NULL;
	if (!node) {
		free(child);
		return SIZE_MAX;
	}
	child->key = key;
	child->node = tree->nodes.len - 1;
	HASH_ADD(hh, build->children, key, sizeof(child->key), child);
	*node = (struct flame_node){ .name = key.name,
				     .frame = frame,
				     .parent = parent,
				     .same_line = frame->frame,
				     .depth = tree->nodes.data[parent].depth + 1 };
	if (node->depth > tree->depth)
		tree->depth = node->depth;
	return child->node;
}

static void add_to(struct flame_node *node, uint64_t value, uint64_t count)
{
	node->value += value;
	node->count += count;
}

static int add_stack(struct build *build, const struct flame_stack *stack)
{
	const struct flame *flame = build->flame;
	uint64_t value = flame_value(flame, stack);
	size_t node = 0;

	add_to(&build->tree->nodes.data[0], value, stack->count);
	for (size_t i = 0; i < stack->frame_count; i++) {
		node = child_of(build, node, &flame->frames.data[stack->first_frame + i]);
		if (node == SIZE_MAX)
			return -ENOMEM;
		add_to(&build->tree->nodes.data[node], value, stack->count);
	}
	return 0;
}

static int by_value(const void *a, const void *b, void *ctx)
{
	const struct flame_reason *x = a, *y = b;

	(void)ctx;
	if (x->value != y->value)
		return x->value < y->value ? 1 : -1;
	return strcmp(x->text, y->text);
}

static size_t reason_index(const struct flame_tree *tree, const char *text)
{
	size_t i = 0;

	while (i < tree->reasons.len && strcmp(tree->reasons.data[i].text, text))
		i++;
	return i;
}

static int count_reasons(struct build *build)
{
	struct flame_tree *tree = build->tree;

	for (size_t i = 0; i < build->flame->stacks.len; i++) {
		const struct flame_stack *stack = &build->flame->stacks.data[i];
		size_t at = reason_index(tree, stack->reason);
		struct flame_reason *reason;

		if (at == tree->reasons.len) {
			reason = vec_push(&tree->reasons);
			if (!reason)
				return -ENOMEM;
			reason->text = stack->reason;
		}
		tree->reasons.data[at].value += flame_value(build->flame, stack);
	}
	vec_sort(&tree->reasons, by_value, NULL);
	return 0;
}

/* Down each stack once more, now that all nodes are there. */
static int weigh_reasons(struct build *build)
{
	struct flame_tree *tree = build->tree;
	size_t reasons = tree->reasons.len;

	build->by_reason = calloc(tree->nodes.len * reasons + 1, sizeof(uint64_t));
	if (!build->by_reason)
		return -ENOMEM;
	for (size_t i = 0; i < build->flame->stacks.len; i++) {
		const struct flame_stack *stack = &build->flame->stacks.data[i];
		size_t reason = reason_index(tree, stack->reason), node = 0;

		build->by_reason[reason] += flame_value(build->flame, stack);
		for (size_t j = 0; j < stack->frame_count; j++) {
			node = child_of(build, node,
					&build->flame->frames.data[stack->first_frame + j]);
			if (node == SIZE_MAX)
				return -ENOMEM;
			build->by_reason[node * reasons + reason] +=
				flame_value(build->flame, stack);
		}
	}
	for (size_t i = 0; i < tree->nodes.len; i++)
		for (size_t j = 1; j < reasons; j++)
			if (build->by_reason[i * reasons + j] >
			    build->by_reason[i * reasons + tree->nodes.data[i].reason])
				tree->nodes.data[i].reason = (uint32_t)j;
	return 0;
}

static int by_place(const void *a, const void *b, void *ctx)
{
	const struct flame_tree *tree = ctx;
	const struct flame_node *x = &tree->nodes.data[*(const size_t *)a];
	const struct flame_node *y = &tree->nodes.data[*(const size_t *)b];

	if (x->parent != y->parent)
		return x->parent < y->parent ? -1 : 1;
	if (x->value != y->value)
		return x->value < y->value ? 1 : -1;
	return strcmp(x->name, y->name);
}

/* Parents come before their children in `nodes`, but not in the order of siblings. */
static int lay_out(struct flame_tree *tree)
{
	size_t *order = calloc(tree->nodes.len, sizeof(*order));
	uint64_t *used = calloc(tree->nodes.len, sizeof(*used));
	int status = order && used ? 0 : -ENOMEM;

	for (size_t i = 0; i < tree->nodes.len && !status; i++)
		order[i] = i;
	if (!status)
		vec_sort_elements(order + 1, tree->nodes.len - 1, sizeof(*order), by_place, tree);
	/* siblings side by side first, counted from the parent's start */
	for (size_t i = 1; i < tree->nodes.len && !status; i++) {
		struct flame_node *node = &tree->nodes.data[order[i]];

		node->start = used[node->parent];
		used[node->parent] += node->value;
	}
	for (size_t i = 1; i < tree->nodes.len && !status; i++)
		tree->nodes.data[i].start += tree->nodes.data[tree->nodes.data[i].parent].start;
	free(order);
	free(used);
	return status;
}

static void children_free(struct build *build)
{
	struct child *child, *next;

	HASH_ITER(hh, build->children, child, next) {
		HASH_DEL(build->children, child);
		free(child);
	}
}

int flame_tree_make(const struct flame *flame, struct flame_tree *tree)
{
	struct build build = { .flame = flame, .tree = tree };
	struct flame_node *root = vec_push(&tree->nodes);
	int status = root ? count_reasons(&build) : -ENOMEM;

	if (root)
		root->name = "all";
	for (size_t i = 0; i < flame->stacks.len && !status; i++)
		status = add_stack(&build, &flame->stacks.data[i]);
	if (!status)
		status = weigh_reasons(&build);
	if (!status)
		status = lay_out(tree);
	free(build.by_reason);
	children_free(&build);
	return status;
}

void flame_tree_free(struct flame_tree *tree)
{
	struct flame_name *name, *next;

	HASH_ITER(hh, tree->names, name, next) {
		HASH_DEL(tree->names, name);
		free(name->text);
		free(name);
	}
	vec_free(&tree->nodes);
	vec_free(&tree->reasons);
}
