/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Long work that must not be felt by who else wants the processors: above all, by the process that is looked at. */
#ifndef BASE_BACKGROUND_H
#define BASE_BACKGROUND_H

/*
 * Returns work(arg), done by a thread that gives way to others and ends with it; so do the threads that it
 * starts. The caller stays as it is, and does the work itself when there is no memory for a thread.
 */
int background_run(int (*work)(void *arg), void *arg);

#endif
