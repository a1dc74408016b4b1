/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Long work that must not be felt by who else wants the processors: above all, by the process that is looked at. */
#ifndef BASE_BACKGROUND_H
#define BASE_BACKGROUND_H

/*
 * Returns work(arg), done by a thread that gives way to others and ends with it; so do the threads that it
 * starts. The caller keeps its priority, which few may raise again once they have lowered it. Without
 * memory for a thread, the caller does it as it is.
 */
int background_run(int (*work)(void *arg), void *arg);

#endif
