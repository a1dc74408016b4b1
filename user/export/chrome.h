/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Chrome's JSON trace (chrome://tracing, ui.perfetto.dev, speedscope): "X" a wait, "s" and "f" an
 * arrow. Its arrows lead from slice to slice, so that a wake-up is a slice without length.
 */
#ifndef EXPORT_CHROME_H
#define EXPORT_CHROME_H

#include "export/trace.h"

extern const struct trace_format chrome_format;

struct chrome;
struct chrome *chrome_new(FILE *out); /* the writer; NULL: no memory */
void chrome_free(struct chrome *chrome);

#endif
