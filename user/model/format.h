/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Numbers and places as people read them. All write a terminated text of at most `size` bytes. */
#ifndef MODEL_FORMAT_H
#define MODEL_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#include "target/pclntab.h"

/* "850ns", "1.20us", "34.5ms", "12.0s", "3m12s", "2h05m", "4d03h". */
const char *format_duration(char *text, size_t size, uint64_t ns);
/* "950", "12.3k", "4.56M". */
const char *format_count(char *text, size_t size, uint64_t count);
/* The same of a rate; below 100 with a decimal. */
const char *format_rate(char *text, size_t size, double per_second);
/* "12.3 MiB". */
const char *format_bytes(char *text, size_t size, uint64_t bytes);
/* "http.(*conn).serve server.go:2092": without the directories; NULL: "?". */
const char *format_place(char *text, size_t size, const struct pclntab_frame *frame);

/* A text in storage of the caller's frame. */
#define DURATION(ns) format_duration((char[24]){ 0 }, 24, ns)
#define COUNT(n) format_count((char[24]){ 0 }, 24, n)
#define RATE(n) format_rate((char[24]){ 0 }, 24, n)
#define BYTES(n) format_bytes((char[24]){ 0 }, 24, n)
#define PLACE(frame) format_place((char[640]){ 0 }, 640, frame)

#endif
