/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The wire format of protocol buffers, for messages that there are millions of: put fields one behind
 * the other into a buffer that the caller knows to be large enough. Each returns the end.
 */
#ifndef EXPORT_WIRE_H
#define EXPORT_WIRE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define WIRE_VARINT_MAX 10

enum { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2 };

static inline uint8_t *wire_varint(uint8_t *to, uint64_t value)
{
	while (value > 0x7f) {
		*to++ = (uint8_t)(value | 0x80);
		value >>= 7;
	}
	*to++ = (uint8_t)value;
	return to;
}

static inline uint8_t *wire_uint(uint8_t *to, unsigned field, uint64_t value)
{
	return wire_varint(wire_varint(to, field << 3 | WIRE_VARINT), value);
}

static inline uint8_t *wire_fixed64(uint8_t *to, unsigned field, uint64_t value)
{
	to = wire_varint(to, field << 3 | WIRE_FIXED64);
	for (int i = 0; i < 8; i++)
		*to++ = (uint8_t)(value >> 8 * i);
	return to;
}

/* A string, or a message that is complete. */
static inline uint8_t *wire_bytes(uint8_t *to, unsigned field, const void *bytes, size_t len)
{
	to = wire_varint(wire_varint(to, field << 3 | WIRE_BYTES), len);
	memcpy(to, bytes, len);
	return to + len;
}

/* No more of the text than `max` bytes. */
static inline uint8_t *wire_text(uint8_t *to, unsigned field, const char *text, size_t max)
{
	return wire_bytes(to, field, text, strnlen(text, max));
}

#endif
