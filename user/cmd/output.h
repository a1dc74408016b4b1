/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where the result goes: stdout, or a file that is complete or not there at all. Nothing is written
 * before output_write, so that an error on the way leaves no half of a result.
 */
#ifndef CMD_OUTPUT_H
#define CMD_OUTPUT_H

#include <jansson.h>
#include <stdio.h>

#include "base/err.h"
#include "cmd/options.h"
#include "view/view.h"

/* Collects a text; close it before output_text. NULL: no memory. */
struct output_text {
	FILE *stream;
	char *text;
	size_t len;
};
int output_text_open(struct output_text *text, struct err *err);
void output_text_discard(struct output_text *text);

/* Write and free the text. 0; -EPIPE: the reader is gone, no error to speak of; else the error. */
int output_text_write(struct output_text *text, const struct options *options, struct err *err);
/* Write and release the document (NULL: no memory): one line when `compact`. */
int output_json(json_t *document, bool compact, const struct options *options, struct err *err);

/*
 * For what is too long to be collected: the stream writes into a new file that takes the place of -o
 * when it is complete, or to the standard output.
 */
struct output_file {
	FILE *stream;
	char *temporary; /* NULL: written in place */
};
int output_file_open(struct output_file *file, const struct options *options, struct err *err);
/* Close it, and put it in its place when `complete`. */
int output_file_close(struct output_file *file, bool complete, const struct options *options,
		      struct err *err);

/* Width from COLUMNS or the terminal, colours only there. */
struct view_style output_style(const struct options *options);
bool output_is_terminal(const struct options *options);

int output_no_memory(struct err *err);

#endif
