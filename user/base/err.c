// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>

int err_set(struct err *err, int errnum, const char *what, const char *todo, const char *why, ...)
{
	va_list args;

	if (!err)
		return -errnum;
	snprintf(err->what, sizeof(err->what), "%s", what);
	snprintf(err->todo, sizeof(err->todo), "%s", todo);
	va_start(args, why);
	vsnprintf(err->why, sizeof(err->why), why, args);
	va_end(args);
	return -errnum;
}
