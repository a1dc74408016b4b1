/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The words that the formats of a flame have in common. */
#ifndef EXPORT_FLAME_TEXT_H
#define EXPORT_FLAME_TEXT_H

#include "export/flame.h"

#define FLAME_NAME_MAX 2048

/* Cut to `size`, terminated. */
const char *flame_frame_name(const struct flame_frame *frame, char *text, size_t size);

/* "time that goroutines waited" */
const char *flame_subject(const struct flame *flame);
/* "12.3s", "120 goroutines" */
const char *flame_amount(const struct flame *flame, uint64_t value, char *text, size_t size);
/* "shop (pid 12, go1.24.4, stripped)" */
void flame_process(const struct flame_source *source, char *text, size_t size);
/* How the values came to be: "every event traced, 0 lost". */
void flame_origin(const struct flame_source *source, char *text, size_t size);

/* As it is when it is UTF-8, else with U+FFFD for what is not. */
void flame_utf8(const char *from, char *to, size_t size);

#endif
