/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef VIEW_WAITS_H
#define VIEW_WAITS_H

#include "model/graph.h"
#include "view/view.h"

/* The graph as sentences, what keeps most waiting first. 0 or -ENOMEM. */
int view_waits(const struct view *view, const struct waits_graph *graph);

/* "holds", "holds for reading", "would send to", ...: goes before the object. */
const char *view_role_verb(unsigned role);

/* One line on who keeps most goroutines waiting with a lock, when anybody does. 0 or -ENOMEM. */
int view_worst_root(const struct view *view);

/*
 * "main.store.mu", else "sync.Mutex 0xc000202030 (main.(*cache).get)": what people know a lock or channel by.
 * Into `to`, cut to `size`.
 */
const char *format_object(char *to, size_t size, const struct waits_graph *graph,
			  const struct waits_object *object);

#endif
