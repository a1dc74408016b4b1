// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "model/format.h"

#include <stdio.h>
#include <string.h>

static const char *behind_last_slash(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

const char *format_place(char *text, size_t size, const struct pclntab_frame *frame)
{
	char function[512], *arguments;
	const char *name;

	if (!frame) {
		snprintf(text, size, "?");
		return text;
	}
	pclntab_display_name(frame->function, function, sizeof(function));
	/* type arguments can have slashes, too */
	arguments = strchr(function, '[');
	if (arguments)
		*arguments = '\0';
	name = behind_last_slash(function);
	if (arguments)
		*arguments = '[';
	snprintf(text, size, "%s %s:%d", name, behind_last_slash(frame->file), frame->line);
	return text;
}
