// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * How Go prints the name of a function (runtime/traceback.go, funcNamePiecesForPrint): a generic
 * method of a generic type (Go 1.27) has two lists of type arguments, which may hold brackets.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "target/pclntab.h"

static bool balanced(const char *name)
{
	int depth = 0;

	for (; *name; name++) {
		depth += (*name == '[') - (*name == ']');
		if (depth < 0)
			return false;
	}
	return depth == 0;
}

void pclntab_display_name(const char *name, char *to, size_t size)
{
	static const char hidden[] = "[...]";
	size_t len = 0;
	int depth = 0;

	if (!balanced(name)) {
		snprintf(to, size, "%s", name);
		return;
	}
	for (; *name && len + 1 < size; name++) {
		if (*name == '[' && !depth++)
			for (const char *c = hidden; *c && len + 1 < size; c++)
				to[len++] = *c;
		else if (*name == ']')
			depth--;
		else if (!depth)
			to[len++] = *name;
	}
	if (size)
		to[len] = '\0';
}
