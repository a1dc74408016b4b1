/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sending a document to somebody over HTTP. */
#ifndef CMD_PUSH_H
#define CMD_PUSH_H

#include <jansson.h>

#include "base/err.h"

struct pusher;

/* url: http or https. Usage errors (exit status 2) of a URL that is none. */
int pusher_open(const char *url, const char *path, struct pusher **pusher, struct err *err);
void pusher_close(struct pusher *pusher); /* NULL is fine */

/*
 * POST the document and release it. Tried again, up to 4 times in 4 s, when nobody answers or the answer is
 * 429 or 5xx. 0 or -errno; the error says what the other end said.
 */
int pusher_send(struct pusher *pusher, json_t *document, struct err *err);

#endif
