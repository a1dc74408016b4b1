/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A file that the user names, whole. */
#ifndef CMD_TEXT_FILE_H
#define CMD_TEXT_FILE_H

#include <stddef.h>

#include "base/err.h"

/* *text is the caller's to free. `what` is for the error: "reading the limits". 0 or -errno. */
int text_file_read(const char *path, size_t max, const char *what, char **text, size_t *len,
		   struct err *err);

#endif
