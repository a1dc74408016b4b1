/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Programs that a test starts and ends. Their stdin is a pipe that stays open until then. */
#ifndef TEST_CHILDREN_H
#define TEST_CHILDREN_H

#include <stdbool.h>
#include <sys/types.h>

struct child {
	pid_t pid;
	int to, from; /* its stdin and stdout */
};

/* Start `path` with at most one argument (NULL: none). GOMAXPROCS is 3 there. */
void child_start(struct child *child, const char *path, const char *argument);
/* The same, stopped for good before its first instruction. */
void child_start_stopped(struct child *child, const char *path);
/* Wait for a line on stdout that begins with `start`; false: it ended first. */
bool child_says(struct child *child, const char *start);
/* One line to its stdin. */
void child_tell(struct child *child, const char *line);
void child_end(struct child *child);

/* Copies an executable; `to` is a template of mkstemp, filled in. */
void copy_executable(const char *from, char *to);

#endif
