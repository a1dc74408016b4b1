/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef EXPORT_HTML_TEXT_H
#define EXPORT_HTML_TEXT_H

#include <stdint.h>
#include <stdio.h>

/* Text for HTML and SVG: escaped, and what is not UTF-8 replaced. */
void html_text(FILE *out, const char *text);
void html_textf(FILE *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Cut to so many bytes at most, with an ellipsis at the front, for boxes of a fixed width. */
void html_text_fitted(FILE *out, const char *text, size_t most);
/* "22:04:05Z" and "2026-11-25 22:04:05Z", UTC, of a time of CLOCK_REALTIME. */
void html_clock(FILE *out, uint64_t wall_ns);
void html_date(FILE *out, uint64_t wall_ns);

#endif
