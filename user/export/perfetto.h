/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Perfetto's protobuf trace (ui.perfetto.dev, trace_processor). */
#ifndef EXPORT_PERFETTO_H
#define EXPORT_PERFETTO_H

#include "export/trace.h"

extern const struct trace_format perfetto_format;

struct perfetto;
struct perfetto *perfetto_new(FILE *out); /* the writer; NULL: no memory */
void perfetto_free(struct perfetto *perfetto);

#endif
