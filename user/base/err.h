/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The one error path. A function that can fail takes a struct err as its last argument and returns
 * 0 or -errno; the first one to fail fills it in, everybody above passes it on untouched.
 * cmd/main.c prints `conctrace: WHAT failed: WHY; WHAT TO DO`.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

struct err {
	char what[160]; /* "reading the symbol table", a noun phrase: " failed" is appended */
	char why[320];
	char todo[320]; /* imperative; never empty */
};

/* Fill *err (NULL: ignored) and return -errnum. `why` is a printf format. errnum is positive. */
int err_set(struct err *err, int errnum, const char *what, const char *todo, const char *why, ...)
	__attribute__((format(printf, 5, 6)));

#endif
