// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "export/html_text.h"

#include <stdarg.h>
#include <string.h>

#include "base/clock.h"
#include "export/flame_text.h"

#define TEXT_MAX 2048

void html_text(FILE *out, const char *text)
{
	char clean[TEXT_MAX];

	flame_utf8(text, clean, sizeof(clean));
	for (const char *at = clean; *at; at++)
		switch (*at) {
		case '&':
			fputs("&amp;", out);
			break;
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		default:
			/* control characters are no characters of XML */
			fputc((unsigned char)*at < ' ' ? ' ' : *at, out);
		}
}

void html_textf(FILE *out, const char *format, ...)
{
	char text[TEXT_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	html_text(out, text);
}

void html_text_fitted(FILE *out, const char *text, size_t most)
{
	size_t len = strlen(text);

	if (len > most) {
		fputs("\xe2\x80\xa6", out);
		text += len - most + 1;
		/* not into the middle of a character */
		while (((unsigned char)*text & 0xc0) == 0x80)
			text++;
	}
	html_text(out, text);
}

void html_clock(FILE *out, uint64_t wall_ns)
{
	fputs(clock_text(wall_ns, CLOCK_TIME, (char[32]){ 0 }, 32), out);
}

void html_date(FILE *out, uint64_t wall_ns)
{
	fputs(clock_text(wall_ns, CLOCK_DATE, (char[32]){ 0 }, 32), out);
}
